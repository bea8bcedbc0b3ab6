use super::*;

const REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}"#;

fn rules(request: &str, capabilities: &str, log_level: Option<LogLevel>) -> FromLegacy {
    let envelope = Envelope::parse(request.as_bytes()).unwrap();
    FromLegacy::new(
        &envelope,
        &Speaker { capabilities: capabilities.into(), info: None, log_level, binding: None },
    )
}

fn read(rules: &FromLegacy, message: &str) -> Option<Said> {
    let data = Bytes::copy_from_slice(message.as_bytes());
    rules.read(&data, &Envelope::parse_reply(&data).unwrap(), "\"c\"", "7")
}

fn answer(said: Option<Said>) -> (serde_json::Value, Option<i64>) {
    match said {
        Some(Said::Answer(message, code)) => (serde_json::from_slice(&message).unwrap(), code),
        _ => panic!("no answer"),
    }
}

#[test]
fn progress_passes_only_for_the_clients_own_token() {
    let rules = rules(REQUEST, "{}", None);
    let of = |token: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
        )
    };
    assert!(matches!(read(&rules, &of("\"p\"")), Some(Said::Other(_))));
    assert!(matches!(read(&rules, &of("\"q\"")), Some(Said::Nothing)));
}

#[test]
fn log_messages_pass_from_the_level_asked_for_and_never_unasked() {
    let of = |level: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","data":1}}}}"#
        )
    };
    let silent = rules(REQUEST, "{}", None);
    assert!(matches!(read(&silent, &of("emergency")), Some(Said::Nothing)));
    let warned = rules(REQUEST, "{}", Some(LogLevel::Warning));
    assert!(matches!(read(&warned, &of("error")), Some(Said::Other(_))));
    assert!(matches!(read(&warned, &of("info")), Some(Said::Nothing)));
}

#[test]
fn a_missing_resource_is_reported_as_the_modern_era_does() {
    let rules = rules(REQUEST, "{}", None);
    let said = read(
        &rules,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32002,"message":"gone","data":{"uri":"a:b"}}}"#,
    );
    let (message, code) = answer(said);
    assert_eq!(code, Some(-32602));
    assert_eq!(message["id"], "c");
    assert_eq!(message["error"]["data"]["uri"], "a:b");
}

#[test]
fn a_url_that_must_be_visited_becomes_an_input_request() {
    let error = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32042,"message":"visit","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://a.example","message":"m"}]}}}"#;
    let able = rules(REQUEST, r#"{"elicitation":{"url":{}}}"#, None);
    let (message, _) = answer(read(&able, error));
    assert_eq!(message["result"]["resultType"], "input_required");
    let params = &message["result"]["inputRequests"]["u0"]["params"];
    assert_eq!((&params["mode"], &params["url"]), (&"url".into(), &"https://a.example".into()));
    assert!(params.get("elicitationId").is_none());

    let unable = rules(REQUEST, r#"{"elicitation":{}}"#, None);
    let (message, code) = answer(read(&unable, error));
    assert_eq!(code, Some(-32021));
    let required = &message["error"]["data"]["requiredCapabilities"];
    assert_eq!(*required, serde_json::json!({ "elicitation": { "url": {} } }));
}

#[test]
fn a_question_in_the_middle_of_a_call_is_refused_by_what_the_client_declared() {
    let declared = rules(REQUEST, r#"{"sampling":{}}"#, None);
    let refusal = declared.refuse("9", "sampling/createMessage", "b");
    assert!(refusal.answer.contains("-32603"));
    assert_eq!(refusal.failure.unwrap().code(), -32603);
    let refusal = declared.refuse("9", "roots/list", "b");
    assert!(refusal.answer.contains("-32601"));
    assert_eq!(refusal.failure.unwrap().code(), -32021);
    let refusal = declared.refuse("\"x\"", "ping", "b");
    assert_eq!(refusal.answer, r#"{"jsonrpc":"2.0","id":"x","result":{}}"#);
    assert!(refusal.failure.is_none());
}

#[test]
fn a_list_gets_what_modern_results_must_have_and_loses_legacy_tasks() {
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let rules = rules(request, "{}", None);
    let list = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"a","inputSchema":{},"execution":{"taskSupport":"optional"}},{"name":"b","execution":{"taskSupport":"required"}}],"nextCursor":"n"}}"#;
    let (message, _) = answer(read(&rules, list));
    let expected = serde_json::json!({
        "tools": [{ "name": "a", "inputSchema": {} }], "nextCursor": "n",
        "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
    });
    assert_eq!(message["result"], expected);
}
