use super::nearest;

#[test]
fn a_slip_of_the_pen_is_recognised() {
    let fields = ["backendRefs", "parentRefs", "path", "hostnames"];
    assert_eq!(nearest("backendRef", fields), Some("backendRefs"));
    assert_eq!(nearest("bakcendRefs", fields), Some("backendRefs"));
    assert_eq!(nearest("BACKENDREFS", fields), Some("backendRefs"));
    assert_eq!(nearest("pth", fields), Some("path"));
}

#[test]
fn an_unrelated_word_suggests_nothing() {
    assert_eq!(nearest("retries", ["backendRefs", "path"]), None);
    assert_eq!(nearest(&"x".repeat(10_000), ["backendRefs"]), None);
}
