use serde_json::json;

use super::differs;

#[test]
fn only_what_would_change_is_written() {
    let status = json!({ "conditions": [{ "type": "Accepted" }], "addresses": [] });
    assert!(!differs(&json!({ "conditions": [{ "type": "Accepted" }] }), &status));
    assert!(!differs(&json!({ "parents": [] }), &status));
    assert!(differs(&json!({ "conditions": [] }), &status));
}
