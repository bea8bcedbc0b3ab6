use super::*;

#[test]
fn a_joined_name_splits_at_the_first_separator() {
    assert_eq!(join("github", "create__issue"), "github__create__issue");
    assert_eq!(split("github__create__issue"), Some(("github", "create__issue")));
    assert_eq!(split("create_issue"), None);
}

#[test]
fn every_split_is_offered_longest_backend_first() {
    let all: Vec<_> = splits("a__b___é").collect();
    assert_eq!(all, [("a__b_", "é"), ("a__b", "_é"), ("a", "b___é")]);
}

#[test]
fn names_that_clients_or_models_refuse_are_told() {
    assert_eq!(check("github__create-issue.v2"), Ok(()));
    assert_eq!(check(""), Err(NameFault::Empty));
    let long = "é".repeat(129);
    assert!(matches!(check(&long), Err(NameFault::TooLong { length: 129, .. })));
    assert!(matches!(check(&"a".repeat(65)), Err(NameFault::TooLongForModels { length: 65, .. })));
    assert!(matches!(check("a b"), Err(NameFault::OddCharacter { letter: ' ', .. })));
}

#[test]
fn a_quoted_name_reads_back_as_the_name() {
    for name in ["", "echo", "a\"b", "a\\b", "a\nb", "\u{7f}é√\u{2028}"] {
        assert_eq!(serde_json::from_str::<String>(&quoted(name)).unwrap(), name);
    }
    assert_eq!(quoted("echo"), "\"echo\"");
}
