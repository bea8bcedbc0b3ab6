use super::parse::{Parsed, parse};
use super::{Node, Value};
use crate::substitute::Held;

fn read(text: &str) -> Parsed {
    parse(&Held::new(text), &|name| (name == "X").then(|| "y: [z".to_owned()))
}

fn text(node: &Node, path: &[&str]) -> String {
    let found = path.iter().fold(node, |node, key| node.get(key).unwrap());
    found.text().unwrap().to_owned()
}

#[test]
fn keys_and_values_know_their_places() {
    let source = "a:\n  bé: \"c\"\n";
    let parsed = read(source);
    let entry = &parsed.documents[0].get("a").unwrap().entries().unwrap()[0];
    assert_eq!(&source[entry.key_span.clone()], "bé");
    assert_eq!(&source[entry.value.span.clone()], "\"c\"");
}

#[test]
fn duplicate_keys_are_found_with_both_places() {
    let parsed = read("a: 1\nb: 2\na: 3\n---\nc: 1\n");
    assert_eq!(parsed.documents.len(), 1);
    assert_eq!(parsed.problems.len(), 1);
    assert_eq!(parsed.problems[0].message, "duplicate key \"a\"");
    assert_eq!((parsed.problems[0].first, parsed.problems[0].span.clone()), (Some(0), 10..11));
}

#[test]
fn a_broken_document_costs_only_itself() {
    let parsed = read("a: 1\n---\nb: [1\n---\nc: 3\n---\nd: : e: f\n--- \ng: 7\n");
    let keys: Vec<_> =
        parsed.documents.iter().map(|d| d.entries().unwrap()[0].key.clone()).collect();
    assert_eq!(keys, ["a", "c", "g"]);
    assert_eq!(parsed.problems.len(), 2);
}

#[test]
fn json_is_read_with_tabs_and_escapes() {
    let parsed = read("{\n\t\"a\": {\"b\\u0063\": \"\\ud83d\\ude00\\/\"}\n}\n");
    assert!(parsed.problems.is_empty());
    assert_eq!(text(&parsed.documents[0], &["a", "bc"]), "😀/");
}

#[test]
fn a_variable_cannot_change_the_structure() {
    let parsed = read("{a: ${X}, b: [${X}]}\n# ${UNUSED}\n");
    assert!(parsed.problems.is_empty());
    assert_eq!(text(&parsed.documents[0], &["a"]), "y: [z");
}

#[test]
fn an_unset_variable_is_named_where_it_stands() {
    let parsed = read("a: b\nc: 'x ${NONE}'\n");
    assert_eq!(parsed.problems[0].message, "environment variable NONE is not set");
    assert_eq!(parsed.problems[0].span.start, 8);
    assert_eq!(parsed.documents.len(), 1);
}

#[test]
fn aliases_and_merges_are_followed() {
    let parsed = read("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\n");
    assert_eq!(parsed.problems.first().map(|problem| problem.message.as_str()), None);
    let more = parsed.documents[0].get("more").unwrap();
    assert_eq!((text(more, &["x"]), text(more, &["y"])), ("1".into(), "3".into()));
}

#[test]
fn alias_bombs_are_refused() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(",")));
    }
    let parsed = read(&bomb);
    assert!(parsed.documents.is_empty());
    assert_eq!(parsed.problems[0].message, "aliases expand to too many values");
}

#[test]
fn depth_is_bounded() {
    for text in ["[".repeat(100_000), "- ".repeat(10_000), "{a: ".repeat(1000)] {
        let parsed = read(&text);
        assert!(parsed.documents.is_empty());
        assert!(parsed.problems[0].message.contains("nested") || parsed.problems[0].fatal);
    }
}

#[test]
fn empty_documents_are_nothing() {
    assert!(read("").documents.is_empty());
    assert!(read("---\n# only a comment\n---\n").documents.is_empty());
    assert!(matches!(read("- 1\n").documents[0].value, Value::List(_)));
}

#[test]
fn a_key_of_the_map_itself_replaces_a_merged_one_in_any_order() {
    let parsed = read("b: &b {x: 1}\nc: {x: 2, <<: *b}\nd: {<<: *b, x: 2}\n");
    assert!(parsed.problems.is_empty());
    for key in ["c", "d"] {
        let map = parsed.documents[0].get(key).unwrap();
        assert_eq!((text(map, &["x"]), map.entries().unwrap().len()), ("2".into(), 1));
    }
}
