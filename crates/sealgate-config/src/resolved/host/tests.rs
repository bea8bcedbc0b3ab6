use super::HostPattern;

#[test]
fn a_wildcard_covers_names_below_it_and_not_the_name_itself() {
    let pattern = HostPattern::parse("*.Example.org");
    assert!(pattern.matches("a.example.org"));
    assert!(pattern.matches("A.B.EXAMPLE.ORG"));
    assert!(!pattern.matches("example.org"));
    assert!(!pattern.matches(".example.org"));
    assert!(!pattern.matches("badexample.org"));
}

#[test]
fn patterns_intersect_when_one_name_satisfies_both() {
    let wide = HostPattern::parse("*.example.org");
    assert!(wide.intersects(&HostPattern::parse("a.example.org")));
    assert!(wide.intersects(&HostPattern::parse("*.a.example.org")));
    assert!(!wide.intersects(&HostPattern::parse("example.org")));
    assert!(!HostPattern::parse("a.b").intersects(&HostPattern::parse("a.c")));
}
