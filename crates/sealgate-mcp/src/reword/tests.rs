use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Puts a mark before each name.
struct Marked;

impl Words for Marked {
    fn uri(&self, uri: &str) -> Option<String> {
        Some(format!("u+{uri}"))
    }

    fn task(&self, id: &str) -> Option<String> {
        Some(format!("t+{id}"))
    }
}

/// Takes it away again.
struct Unmarked;

impl Words for Unmarked {
    fn uri(&self, uri: &str) -> Option<String> {
        uri.strip_prefix("u+").map(str::to_owned)
    }

    fn task(&self, id: &str) -> Option<String> {
        id.strip_prefix("t+").map(str::to_owned)
    }
}

fn marked(text: &str) -> String {
    let body = Bytes::copy_from_slice(text.as_bytes());
    let new = message(&body, &Marked).unwrap_or(body);
    String::from_utf8(new.to_vec()).unwrap()
}

#[test]
fn names_are_reworded_wherever_the_protocol_puts_them() {
    let link = r#"{"type":"resource_link","uri":"a:1","name":"uri"}"#;
    let embedded = r#"{"type":"resource","resource":{"uri":"a:2","text":"a:2"}}"#;
    let nested = format!(r#"{{"type":"tool_result","toolUseId":"x","content":[{link}]}}"#);
    let text = r#"{"type":"text","text":"a:1","uri":"a:1"}"#;
    let blocks = format!("[{link},{embedded},{nested},{text}]");
    let places = [
        format!(r#"{{"result":{{"content":{blocks}}}}}"#),
        format!(r#"{{"result":{{"messages":[{{"role":"user","content":{embedded}}}]}}}}"#),
        format!(r#"{{"result":{{"role":"assistant","content":{link}}}}}"#),
        format!(r#"{{"params":{{"messages":[{{"role":"user","content":{blocks}}}]}}}}"#),
        format!(r#"{{"params":{{"inputResponses":{{"k":{{"content":{link}}}}}}}}}"#),
        format!(
            r#"{{"result":{{"inputRequests":{{"k":{{"params":{{"messages":[{{"content":{link}}}]}}}}}}}}}}"#
        ),
        format!(r#"{{"result":{{"status":"completed","result":{{"content":{blocks}}}}}}}"#),
        r#"{"result":{"contents":[{"uri":"a:1","text":"x"}]}}"#.to_owned(),
        r#"{"result":{"resources":[{"uri":"a:1"}],"resourceTemplates":[{"uriTemplate":"a:{1}"}]}}"#
            .to_owned(),
        r#"{"result":{"tools":[{"name":"x","_meta":{"ui":{"resourceUri":"a:1"}}}]}}"#.to_owned(),
        r#"{"params":{"uri":"a:1"}}"#.to_owned(),
        r#"{"params":{"ref":{"type":"ref/resource","uri":"a:1"}}}"#.to_owned(),
        r#"{"params":{"notifications":{"resourceSubscriptions":["a:1","a:2"]}}}"#.to_owned(),
        r#"{"error":{"code":-32002,"message":"a:1","data":{"uri":"a:1"}}}"#.to_owned(),
        r#"{"result":{"taskId":"a:1","task":{"taskId":"a:2"},"tasks":[{"taskId":"a:3"}]}}"#
            .to_owned(),
        r#"{"params":{"taskId":"a:1","_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a:2"}}}}"#
            .to_owned(),
    ];
    for place in places {
        let mut expected = place.clone();
        for key in ["uri", "resourceUri", "uriTemplate"] {
            expected = expected.replace(&format!(r#""{key}":"a:"#), &format!(r#""{key}":"u+a:"#));
        }
        expected = expected
            .replace(r#"["a:1","a:2"]"#, r#"["u+a:1","u+a:2"]"#)
            .replace(r#""taskId":"a:"#, r#""taskId":"t+a:"#)
            .replace(r#""text":"a:1","uri":"u+a:1""#, r#""text":"a:1","uri":"a:1""#);
        assert_eq!(marked(&place), expected);
    }
}

#[test]
fn what_is_the_tool_s_own_is_left_alone() {
    for text in [
        r#"{"params":{"name":"x","arguments":{"uri":"a:1","taskId":"1"}}}"#,
        r#"{"result":{"structuredContent":{"uri":"a:1","taskId":"1"}}}"#,
        r#"{"result":{"content":[{"type":"text","text":"{\"uri\":\"a:1\"}"}]}}"#,
        r#"{"method":"x","uri":"a:1"}"#,
        r#"{"params":{"uri":"a:1","uri":"a:2"}}"#,
        r#"{"params":{"uri":7}}"#,
        "[]",
        "{",
    ] {
        assert_eq!(marked(text), text);
    }
}

/// JSON of any shape, with the keys that matter among others.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("uri".to_owned()),
        Just("taskId".to_owned()),
        Just("content".to_owned()),
        Just("contents".to_owned()),
        Just("type".to_owned()),
        Just("resource".to_owned()),
        Just("messages".to_owned()),
        Just("_meta".to_owned()),
        Just("result".to_owned()),
        "[a-z\"\\\\é]{0,6}",
    ];
    let leaf = prop_oneof![
        Just(json!("resource_link")),
        Just(json!("resource")),
        Just(json!(null)),
        any::<i64>().prop_map(Value::from),
        "[a-z:/+\"\\\\\u{1f600}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn there_and_back_is_the_same_message_to_the_byte(result in any_json(), params in any_json()) {
        let text = json!({"jsonrpc": "2.0", "id": 1, "result": result, "params": params});
        let body = Bytes::from(text.to_string());
        let there = message(&body, &Marked).unwrap_or_else(|| body.clone());
        prop_assert!(serde_json::from_slice::<Value>(&there).is_ok());
        let back = message(&there, &Unmarked).unwrap_or(there);
        prop_assert_eq!(back, body);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = message(&bytes.into(), &Marked);
    }
}
