use super::Held;

fn environment(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("a: #b\n\"c".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn fill(text: &str) -> String {
    let held = Held::new(text);
    held.fill(&held.text, &environment).text
}

#[test]
fn references_are_replaced() {
    assert_eq!(fill("x ${TOKEN} y"), "x a: #b\n\"c y");
    assert_eq!(fill("${env:TOKEN}"), "a: #b\n\"c");
    assert_eq!(fill("${EMPTY:-d}|${EMPTY-d}|${NONE:-d}|${NONE:=e}|${NONE-f}"), "d||d|e|f");
    assert_eq!(fill("${NONE:-}"), "");
}

#[test]
fn what_is_not_a_reference_stays() {
    for text in ["$", "$TOKEN", "${", "${}", "${1A}", "^a$", "${A:+b}", "${A B}", "${A:-x\n}"] {
        assert_eq!(fill(text), text);
    }
}

#[test]
fn a_doubled_dollar_escapes() {
    assert_eq!(fill("$${TOKEN}"), "${TOKEN}");
}

#[test]
fn a_missing_variable_is_named_and_empty() {
    let held = Held::new("a${NONE}b");
    let filled = held.fill(&held.text, &environment);
    assert_eq!((filled.text.as_str(), filled.missing), ("ab", vec!["NONE".to_owned()]));
}

#[test]
fn offsets_map_back_to_the_original_text() {
    let text = "a: ${TOKEN}\nb: ${NONE:-long default}\nc: x\n";
    let held = Held::new(text);
    for word in ["a:", "b:", "c:", "x"] {
        let offset = held.text.find(word).unwrap();
        assert_eq!(held.original(offset), text.find(word).unwrap(), "{word}");
    }
    let inside = held.text.find('\u{E0F0}').unwrap() + 3;
    assert_eq!(held.original(inside), text.find("${TOKEN}").unwrap());
}

#[test]
fn marks_of_ours_in_the_text_cannot_pass_for_place_holders() {
    assert_eq!(fill("\u{E0F0}0\u{E0F1}${TOKEN:-x}"), "\u{FFFD}0\u{FFFD}a: #b\n\"c");
}
