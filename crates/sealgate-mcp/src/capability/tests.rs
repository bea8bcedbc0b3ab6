use super::*;
use crate::method::Method;

fn merged(capabilities: &[&str]) -> String {
    let raws: Vec<&RawValue> =
        capabilities.iter().map(|json| serde_json::from_str(json).unwrap()).collect();
    merge(&raws)
}

#[test]
fn flags_are_true_if_one_backend_says_so() {
    assert_eq!(
        merged(&[
            r#"{"tools":{"listChanged":false},"logging":{}}"#,
            r#"{"tools":{"listChanged":true},"resources":{"subscribe":true}}"#,
            r#"{"resources":{"listChanged":true},"prompts":{}}"#,
        ]),
        r#"{"tools":{"listChanged":true},"logging":{},"resources":{"subscribe":true,"listChanged":true},"prompts":{}}"#
    );
}

#[test]
fn extensions_are_united_and_the_first_settings_stand() {
    assert_eq!(
        merged(&[
            r#"{"extensions":{"a/b":{"x": [1]}},"experimental":{"e":{}}}"#,
            r#"{"extensions":{"a/b":{"x":[2],"y":true},"c/d":{}},"vendor":{ "n":1e400 }}"#,
            r#"{"vendor":{"n":2},"tools":null,"experimental":{"e":{"z":1},"f":{}}}"#,
        ]),
        r#"{"extensions":{"a/b":{"x": [1]},"c/d":{}},"experimental":{"e":{},"f":{}},"vendor":{ "n":1e400 }}"#
    );
}

#[test]
fn one_backend_keeps_its_capabilities_and_none_has_none() {
    let only = r#"{"tools":{ "listChanged" : true },"x":{"y":null}}"#;
    assert_eq!(merged(&[only]), only);
    assert_eq!(merged(&[]), "{}");
    assert_eq!(merged(&["7", "[]"]), "{}");
}

#[test]
fn instructions_of_several_backends_stand_under_their_names() {
    assert_eq!(merge_instructions(&[("a", "one\n")]).as_deref(), Some("one\n"));
    assert_eq!(merge_instructions(&[("a", " "), ("b", "two")]).as_deref(), Some("two"));
    assert_eq!(merge_instructions::<&str, &str>(&[]), None);
    assert_eq!(
        merge_instructions(&[("a", "one\n"), ("b", "two")]).as_deref(),
        Some("# a\n\none\n\n# b\n\ntwo")
    );
}

#[test]
fn offers_are_read_and_asked_by_method() {
    let offers = Offers::read(
        r#"{"tools":{"listChanged":true},"resources":{"subscribe":false},"logging":null,
            "extensions":{"io.modelcontextprotocol/tasks":{}},"completions":{}}"#,
    );
    assert!(offers.has(Offers::TOOLS | Offers::TOOLS_LIST_CHANGED | Offers::TASKS_EXTENSION));
    assert!(offers.has(Offers::needed_by(&Method::CompletionComplete)));
    assert!(offers.has(Offers::needed_by(&Method::Ping)));
    assert!(!offers.has(Offers::needed_by(&Method::ResourcesSubscribe)));
    assert!(!offers.has(Offers::LOGGING) && !offers.has(Offers::PROMPTS));
    assert_eq!(Offers::from_bits(offers.bits()), offers);
    assert!(Offers::read("[]").is_empty());
}

#[test]
fn a_gateway_that_tells_of_changed_lists_declares_it_and_changes_nothing_else() {
    for (before, after) in [
        ("{}", "{}"),
        (r#"{"tools":{}}"#, r#"{"tools":{"listChanged":true}}"#),
        (r#"{ "tools" : { "listChanged" : false } }"#, r#"{ "tools" : { "listChanged" : true } }"#),
        (
            r#"{"resources":{"subscribe":true},"x":{"tools":{}},"prompts":{ }}"#,
            r#"{"resources":{"listChanged":true,"subscribe":true},"x":{"tools":{}},"prompts":{"listChanged":true }}"#,
        ),
        (r#"{"tools":null,"logging":{}}"#, r#"{"tools":null,"logging":{}}"#),
        (r#"{"tools":{"listChanged":true}}"#, r#"{"tools":{"listChanged":true}}"#),
        ("[]", "[]"),
    ] {
        assert_eq!(with_list_changes(before), after);
        assert_eq!(with_list_changes(after), after);
    }
}
