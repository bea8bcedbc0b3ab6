use std::collections::BTreeSet;

use super::*;

#[test]
fn every_method_reads_back_from_its_text() {
    for method in Method::ALL {
        assert_eq!(Method::parse(method.as_str()), *method);
        assert_eq!(method.as_label(), method.as_str());
    }
}

#[test]
fn labels_are_bounded_whatever_a_caller_sends() {
    let labels: BTreeSet<_> = Method::ALL.iter().map(Method::as_label).collect();
    assert_eq!(labels.len(), Method::ALL.len());
    assert_eq!(Method::parse("tools/call2").as_label(), "other");
    assert_eq!(Method::parse("tools/call2").as_str(), "tools/call2");
}

#[test]
fn a_modern_client_may_send_the_closed_list_of_the_core_and_the_tasks_extension() {
    let modern: BTreeSet<_> = Method::ALL
        .iter()
        .filter(|method| method.is_modern_request())
        .map(Method::as_str)
        .collect();
    let expected = BTreeSet::from([
        "server/discover",
        "tools/list",
        "tools/call",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "completion/complete",
        "subscriptions/listen",
        "tasks/get",
        "tasks/update",
        "tasks/cancel",
    ]);
    assert_eq!(modern, expected);
}

#[test]
fn what_the_modern_era_removed_is_not_a_modern_request() {
    for text in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list"] {
        assert!(!Method::parse(text).is_modern_request(), "{text}");
        assert!(Method::parse(text).is_legacy_request(), "{text}");
    }
    assert!(!Method::parse("sampling/createMessage").is_modern_request());
}

#[test]
fn six_results_carry_caching_hints() {
    assert_eq!(Method::ALL.iter().filter(|method| method.is_cacheable()).count(), 6);
}
