use super::*;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

fn request(tail: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call"{tail}}}"#)
}

const META: RequestMeta<'_> = RequestMeta {
    capabilities: r#"{"roots":{"listChanged":true},"tasks":{"list":{}},"x":{ }}"#,
    client_info: Some(r#"{"name":"c","version":"1"}"#),
    log_level: Some(LogLevel::Warning),
};

#[test]
fn a_legacy_request_becomes_a_modern_one_wherever_its_metadata_stands() {
    for tail in [
        "",
        r#","params":{}"#,
        r#","params":{"name":"t"}"#,
        r#","params":{"_meta":{}}"#,
        r#","params":{"_meta":{"progressToken":5,"a/b":1e400},"name":"t"}"#,
        r#","params":{"_meta":{"io.modelcontextprotocol/logLevel":"debug","progressToken":5}}"#,
        r#","params":{"_meta":{"io.modelcontextprotocol/logLevel":"debug"}}"#,
    ] {
        let body = request(tail);
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        let modern = add_request_meta(body.as_bytes(), &envelope, &META);
        let read = Envelope::parse(&modern).unwrap_or_else(|fault| panic!("{fault}: {modern:?}"));
        let meta = read.meta().unwrap();
        assert_eq!(meta.protocol_version.as_ref().unwrap().value, "2026-07-28");
        assert_eq!(meta.client_capabilities.unwrap().get(), r#"{"roots":{},"x":{ }}"#);
        assert_eq!(meta.log_level.as_ref().unwrap().value, "warning");
        let token = |envelope: &Envelope<'_>| {
            envelope.meta().and_then(|meta| meta.progress_token).map(|raw| raw.get().to_owned())
        };
        assert_eq!(token(&read), token(&envelope));

        let legacy = strip_request_meta(&modern, &read);
        let read = Envelope::parse(&legacy).unwrap();
        assert!(read.meta().unwrap().protocol_version.is_none());
        assert_eq!(token(&read), token(&envelope));
        assert_eq!(
            legacy.windows(5).filter(|bytes| bytes == b"1e400").count(),
            tail.matches("1e400").count()
        );
    }
}

#[test]
fn a_retry_goes_to_a_legacy_server_as_a_plain_call() {
    let body = request(r#","params":{"inputResponses":{"u0":{}},"name":"t","requestState":"s"}"#);
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let stripped = strip_request_meta(body.as_bytes(), &envelope);
    assert_eq!(stripped, request(r#","params":{"name":"t"}"#));
}

#[test]
fn a_missing_resource_has_the_code_of_the_direction() {
    let error = |json: &'static str| RpcError::parse(raw(json)).unwrap();
    let read = &Method::ResourcesRead;
    let legacy = error(r#"{"code":-32002}"#);
    assert_eq!(error_code(&legacy, read, Towards::Modern), -32602);
    assert_eq!(error_code(&legacy, read, Towards::Legacy), -32002);
    let modern = error(r#"{"code":-32602,"data":{"uri":"a:b"}}"#);
    assert_eq!(error_code(&modern, read, Towards::Legacy), -32002);
    assert_eq!(error_code(&modern, &Method::ToolsCall, Towards::Legacy), -32602);
    assert_eq!(error_code(&error(r#"{"code":-32602}"#), read, Towards::Legacy), -32602);

    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"message":"code", "code" : -32002}}"#;
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let replaced = replace_error_code(body.as_bytes(), &envelope, -32602).unwrap();
    assert_eq!(replaced, body.replace("-32002", "-32602"));
}

#[test]
fn urls_to_visit_become_questions() {
    let error = raw(r#"{"code":-32042,"message":"x","data":{"elicitations":[
            {"mode":"url","elicitationId":"e","url":"https://a/\u0062","message":"go"}]}}"#);
    let result = input_required_of_error(&RpcError::parse(error).unwrap()).unwrap();
    assert_eq!(
        result,
        r#"{"resultType":"input_required","inputRequests":{"u0":{"method":"elicitation/create","params":{"mode":"url","message":"go","url":"https://a/\u0062"}}}}"#
    );
    for other in
        [r#"{"code":-32042}"#, r#"{"code":-32042,"data":{"elicitations":[]}}"#, r#"{"code":-1}"#]
    {
        assert!(input_required_of_error(&RpcError::parse(raw(other)).unwrap()).is_none());
    }
}

#[test]
fn elicitation_is_asked_as_the_clients_version_knows_it() {
    let form = r#"{"mode":"form","message":"m","requestedSchema":{}}"#;
    let url = r#"{"mode":"url","message":"m","url":"u"}"#;
    let ask = |params, version| elicitation(params, version, || "id".to_owned());
    assert_eq!(ask(form, Version::V2025_03_26), None);
    assert_eq!(ask(form, Version::V2025_06_18).unwrap(), r#"{"message":"m","requestedSchema":{}}"#);
    assert_eq!(ask(url, Version::V2025_06_18), None);
    assert_eq!(ask(form, Version::V2025_11_25).unwrap(), form);
    let with_id = r#"{"elicitationId":"id","mode":"url","message":"m","url":"u"}"#;
    assert_eq!(ask(url, Version::V2025_11_25).unwrap(), with_id);
    assert_eq!(ask(with_id, Version::V2025_11_25).unwrap(), with_id);
    assert_eq!(ask(with_id, Version::V2026_07_28).unwrap(), url);
}

#[test]
fn tools_and_results_lose_what_does_not_translate_and_nothing_else() {
    let tool = |raw| super::tool(raw, Towards::Legacy);
    assert_eq!(tool(r#"{"name":"a","execution":{"taskSupport":"required"}}"#), None);
    assert_eq!(
        tool(r#"{"name":"a","execution":{"taskSupport":"optional"},"x-y":1e400}"#).unwrap(),
        r#"{"name":"a","x-y":1e400}"#
    );
    assert_eq!(tool(r#"{"name":"a","outputSchema":{"type":"array"}}"#).unwrap(), r#"{"name":"a"}"#);
    let kept = r#"{"name":"a","outputSchema":{"type":"object"}}"#;
    assert_eq!(tool(kept).unwrap(), kept);
    assert_eq!(
        call_result_for_legacy(r#"{"content":[],"structuredContent":[1]}"#),
        r#"{"content":[]}"#
    );
    let object = r#"{"content":[],"structuredContent":{"a":1}}"#;
    assert_eq!(call_result_for_legacy(object), object);
    assert_eq!(
        server_capabilities(
            r#"{"tasks":{},"tools":{ },"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}"#
        ),
        r#"{"tools":{ },"extensions":{"a/b":{}}}"#
    );
}
