use super::{Pattern, ToolSelector};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn patterns(list: &[&str]) -> Vec<Pattern> {
    list.iter().map(|text| Pattern::search(text).unwrap()).collect()
}

#[test]
fn exclusion_wins_over_inclusion() {
    let selector = ToolSelector {
        include: names(&["read", "delete"]),
        exclude: names(&["delete"]),
        ..ToolSelector::default()
    };
    assert!(selector.allows("read"));
    assert!(!selector.allows("delete"));
    assert!(!selector.allows("other"));
}

#[test]
fn expressions_are_searched_for_not_anchored() {
    let selector = ToolSelector { include_regex: patterns(&["issue"]), ..ToolSelector::default() };
    assert!(selector.allows("list_issues"));
    assert!(!selector.allows("list_pulls"));
}

#[test]
fn an_empty_selector_allows_all() {
    assert!(ToolSelector::default().allows("anything"));
    assert!(ToolSelector::default().is_open());
}

#[test]
fn a_whole_pattern_cannot_be_escaped() {
    assert!(Pattern::whole("a)|(?:b").is_err());
    let pattern = Pattern::whole("a|bc").unwrap();
    assert!(pattern.matches("bc"));
    assert!(!pattern.matches("xbc"));
}
