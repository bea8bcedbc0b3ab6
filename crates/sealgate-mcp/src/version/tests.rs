use super::*;

#[test]
fn every_version_reads_back_from_its_text_and_number() {
    for version in Version::ALL {
        assert_eq!(Version::parse(version.as_str()), Some(version));
        assert_eq!(Version::from_number(version.number()), Some(version));
    }
    assert_eq!(Version::from_number(0), None);
    assert_eq!(Version::parse("2026-07-28 "), None);
}

#[test]
fn versions_sort_by_date() {
    assert!(Version::ALL.is_sorted());
    assert!(Version::ALL.map(Version::as_str).is_sorted());
}

#[test]
fn initialize_never_agrees_on_a_modern_version() {
    assert_eq!(negotiate_legacy("2025-03-26"), Version::V2025_03_26);
    assert_eq!(negotiate_legacy("2026-07-28"), LATEST_LEGACY);
    assert_eq!(negotiate_legacy("1.0"), LATEST_LEGACY);
    assert_eq!(negotiate_legacy(""), LATEST_LEGACY);
}

#[test]
fn modern_is_told_by_the_date_even_for_unknown_versions() {
    assert!(names_modern("2026-07-28"));
    assert!(names_modern("2027-01-01"));
    assert!(!names_modern("2025-11-25"));
    assert!(!names_modern("v999.0.0"));
    assert!(!names_modern("draft"));
}
