use super::*;

fn cut(raw: &str, keys: &[&str]) -> String {
    let object = Object::parse(raw).unwrap();
    let mut left = object.raw().to_owned();
    for range in object.cuts(|key| keys.contains(&key)).into_iter().rev() {
        left.replace_range(range, "");
    }
    Object::parse(&left).unwrap();
    left
}

#[test]
fn members_keep_their_order_and_raw_values() {
    let object = Object::parse(r#" {"b": 1e400 ,"\u0061":[ 1],"c":"\n"} "#).unwrap();
    let members: Vec<_> =
        object.members().iter().map(|member| (&*member.key, member.value.get())).collect();
    assert_eq!(members, [("b", "1e400"), ("a", "[ 1]"), ("c", r#""\n""#)]);
    assert_eq!(object.text("c").unwrap().value, "\n");
}

#[test]
fn cutting_members_leaves_a_good_object() {
    let raw = r#"{ "a": 1, "b": {"x":","} , "c": 3 }"#;
    assert_eq!(cut(raw, &[]), raw);
    assert_eq!(cut(raw, &["a"]), r#"{ "b": {"x":","} , "c": 3 }"#);
    assert_eq!(cut(raw, &["b"]), r#"{ "a": 1 , "c": 3 }"#);
    assert_eq!(cut(raw, &["c"]), r#"{ "a": 1, "b": {"x":","} }"#);
    assert_eq!(cut(raw, &["a", "b"]), r#"{ "c": 3 }"#);
    assert_eq!(cut(raw, &["b", "c"]), r#"{ "a": 1 }"#);
    assert_eq!(cut(raw, &["a", "c"]), r#"{ "b": {"x":","} }"#);
    assert_eq!(cut(raw, &["a", "b", "c"]), "{ }");
    assert_eq!(cut("{}", &["a"]), "{}");
}

#[test]
fn a_key_that_stands_twice_is_refused_in_small_and_large_objects() {
    assert!(matches!(
        Object::parse(r#"{"a":1,"\u0061":2}"#),
        Err(ObjectFault::Duplicate(key)) if key == "a"
    ));
    let many: Vec<_> = (0..40).map(|at| format!("\"k{}\":0", at % 39)).collect();
    assert!(matches!(
        Object::parse(&format!("{{{}}}", many.join(","))),
        Err(ObjectFault::Duplicate(key)) if key == "k0"
    ));
}

#[test]
fn what_is_no_object_is_refused() {
    for raw in ["", "[]", "null", "{", "{}x", r#"{"a"}"#] {
        assert!(matches!(Object::parse(raw), Err(ObjectFault::NotObject(_))), "{raw}");
    }
}
