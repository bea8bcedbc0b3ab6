use super::*;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_filter_reads_back_and_leaves_out_what_it_does_not_know() {
    let text = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:\"1"],"taskIds":["t"]}"#;
    let filter = Filter::read(raw(text)).unwrap();
    assert_eq!(filter.write(), text);
    let filter = Filter::read(raw(r#"{"promptsListChanged":false,"future":{}}"#)).unwrap();
    assert!(filter.is_empty());
    assert_eq!(filter.write(), "{}");
    for bad in ["[]", r#"{"toolsListChanged":1}"#, r#"{"resourceSubscriptions":"a"}"#] {
        Filter::read(raw(bad)).expect_err(bad);
    }
    let many = Value::from(vec!["a"; MAX_NAMED + 1]);
    let many = format!(r#"{{"resourceSubscriptions":{many}}}"#);
    assert!(matches!(Filter::read(raw(&many)), Err(FilterFault::TooMany(_))));
}

#[test]
fn a_stream_carries_what_was_asked_for_only() {
    let filter = Filter { tools: true, uris: vec!["a:1".into()], ..Filter::default() };
    assert!(filter.wants(&Method::ToolsListChanged, None));
    assert!(!filter.wants(&Method::PromptsListChanged, None));
    assert!(filter.wants(&Method::ResourcesUpdated, Some("a:1")));
    assert!(!filter.wants(&Method::ResourcesUpdated, Some("a:2")));
    assert!(!filter.wants(&Method::LogMessage, None));

    let mut accepted = filter.clone();
    let also = Filter { prompts: true, uris: vec!["a:1".into(), "b".into()], ..Filter::default() };
    accepted.unite(also);
    accepted.narrow(&filter);
    assert_eq!(accepted, filter);
}

#[test]
fn stamps_have_the_type_of_the_clients_id() {
    for id in ["1795000000000", "\"a\\u0062\""] {
        let id = raw(id);
        for message in
            [acknowledgement(id, &Filter::default()), notification(&Method::ToolsListChanged, id)]
        {
            let envelope = Envelope::parse(message.as_bytes()).unwrap();
            assert_eq!(envelope.meta().unwrap().subscription_id.unwrap().get(), id.get());
        }
        Envelope::parse(farewell(id).as_bytes()).unwrap();
        for message in [
            r#"{"jsonrpc":"2.0","method":"a"}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{}}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{"uri":"x"}}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{"_meta":{}}}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":5,"x":1}}}"#,
        ] {
            let envelope = Envelope::parse(message.as_bytes()).unwrap();
            let stamped = stamp(message.as_bytes(), &envelope, id);
            let envelope = Envelope::parse(&stamped).unwrap();
            assert_eq!(envelope.meta().unwrap().subscription_id.unwrap().get(), id.get());
        }
    }
}
