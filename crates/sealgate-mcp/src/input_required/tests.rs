use super::*;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

const ELICITATION: &str = r#"{"message":"who?","requestedSchema":{}}"#;

#[test]
fn what_is_asked_reads_back() {
    let text = write(
        &[("a\"", Method::ElicitationCreate, ELICITATION), ("b", Method::RootsList, "{}")],
        Some("st\"ate"),
    );
    assert_eq!(result_type(raw(&text)).unwrap(), ResultType::InputRequired);
    let read = read(raw(&text)).unwrap();
    assert_eq!(read.requests.len(), 2);
    assert_eq!(read.requests[0].key, "a\"");
    assert_eq!(read.requests[0].params.unwrap().get(), ELICITATION);
    assert_eq!(read.request_state.unwrap().value, "st\"ate");
}

#[test]
fn an_absent_result_type_is_complete_and_others_are_told() {
    assert_eq!(result_type(raw("{}")).unwrap(), ResultType::Complete);
    assert_eq!(result_type(raw(r#"{"resultType":"task"}"#)).unwrap(), ResultType::Task);
    assert_eq!(result_type(raw(r#"{"resultType":"x"}"#)).unwrap(), ResultType::Other("x".into()));
    assert_eq!(result_type(raw(r#"{"resultType":1}"#)).unwrap(), ResultType::Other("1".into()));
    assert!(result_type(raw("[]")).is_err());
}

#[test]
fn a_question_that_the_protocol_does_not_have_is_refused() {
    let many: Vec<_> = (0..65).map(|at| format!(r#""{at}":{{"method":"roots/list"}}"#)).collect();
    let many = format!(r#"{{"inputRequests":{{{}}}}}"#, many.join(","));
    for result in [
        "{}",
        r#"{"inputRequests":{}}"#,
        r#"{"inputRequests":[]}"#,
        r#"{"inputRequests":{"a":{"method":"tools/call"}}}"#,
        r#"{"inputRequests":{"a":{}}}"#,
        r#"{"inputRequests":{"a":{"method":"roots/list"},"a":{"method":"roots/list"}}}"#,
        r#"{"requestState":7}"#,
        &many,
    ] {
        read(raw(result)).expect_err(result);
    }
    assert!(read(raw(r#"{"requestState":""}"#)).unwrap().requests.is_empty());
}

#[test]
fn a_retry_carries_answers_and_state_in_the_place_of_old_ones() {
    let retry_of = |params: &str, answers: &[(&str, &str)], state| {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params} }}"#);
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        let retried = retry(body.as_bytes(), &envelope, "9", answers, state).unwrap();
        let retried = String::from_utf8(retried.to_vec()).unwrap();
        Envelope::parse(retried.as_bytes()).unwrap();
        let start = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":"#;
        retried.strip_prefix(start).unwrap().strip_suffix(" }").unwrap().to_owned()
    };
    assert_eq!(
        retry_of(
            r#"{"name":"t","x":1e400}"#,
            &[("k", r#"{"action":"accept"}"#)],
            Some(r#""s\u0061""#)
        ),
        r#"{"inputResponses":{"k":{"action":"accept"}},"requestState":"s\u0061","name":"t","x":1e400}"#
    );
    assert_eq!(
        retry_of(
            r#"{"requestState":"old","name":"t","inputResponses":{"a":1}}"#,
            &[],
            Some("\"new\"")
        ),
        r#"{"requestState":"new","name":"t"}"#
    );
    assert_eq!(retry_of(r#"{"name":"t","requestState":"old"}"#, &[], None), r#"{"name":"t"}"#);
    assert_eq!(
        retry_of(r#"{"inputResponses":{},"requestState":"old"}"#, &[("k", "{}")], None),
        r#"{"inputResponses":{"k":{}}}"#
    );
}

#[test]
fn only_what_the_client_declared_may_be_asked() {
    let ask = |method: &str, params: &str, capabilities: &str| {
        let result =
            format!(r#"{{"inputRequests":{{"a":{{"method":"{method}","params":{params}}}}}}}"#);
        let read = read(raw(&result)).unwrap();
        read.requests[0].is_allowed_by(capabilities)
    };
    assert!(ask("sampling/createMessage", "{}", r#"{"sampling":{}}"#));
    assert!(!ask("sampling/createMessage", "{}", r#"{"sampling":null}"#));
    assert!(!ask("roots/list", "{}", "{}"));
    assert!(ask("elicitation/create", "{}", r#"{"elicitation":{}}"#));
    assert!(!ask("elicitation/create", "{}", r#"{"elicitation":{"url":{}}}"#));
    assert!(!ask("elicitation/create", r#"{"mode":"url"}"#, r#"{"elicitation":{}}"#));
    assert!(ask("elicitation/create", r#"{"mode":"url"}"#, r#"{"elicitation":{"url":{}}}"#));
}
