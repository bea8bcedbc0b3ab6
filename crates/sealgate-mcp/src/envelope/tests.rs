use proptest::prelude::*;

use super::*;
use crate::code;
use crate::splice::Splice;

fn refused(body: &str) -> Malformed {
    Envelope::parse(body.as_bytes()).expect_err(body)
}

#[test]
fn a_call_reads_its_head_and_leaves_the_rest() {
    let body = br#" {"params" : { "name":"n\u0061me","arguments":{"id":9},"x":[1],
        "_meta": {"io.modelcontextprotocol/protocolVersion":"2026-07-28","traceparent":"00"}},
        "id": 12345678901234567890123 ,"method":"tools/call","jsonrpc":"2.0","extra":null} "#;
    let envelope = Envelope::parse(body).unwrap();
    assert_eq!(envelope.kind(), Kind::Request);
    assert_eq!(envelope.method(), Some(Method::ToolsCall));
    assert_eq!(envelope.id.unwrap().get(), "12345678901234567890123");
    let target = envelope.target().unwrap().unwrap();
    assert_eq!(target.value, "name");
    assert_eq!(&body[span(body, target.raw)], br#""n\u0061me""#);
    let params = envelope.params.as_ref().unwrap();
    assert_eq!(params.arguments.unwrap().get(), r#"{"id":9}"#);
    assert_eq!(body[params.open_brace], b'{');
    let meta = envelope.meta().unwrap();
    assert_eq!(meta.protocol_version.as_ref().unwrap().value, "2026-07-28");
    assert_eq!(&body[meta.open_brace..][..3], b"{\"i");
    assert_eq!(body[envelope.close_brace], b'}');
    assert!(body[envelope.close_brace + 1..].trim_ascii().is_empty());
}

#[test]
fn escaped_keys_are_the_keys_they_spell() {
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
        "p\u0061rams":{"_m\u0065ta":{"progressToken":7},"n\u0061me":"t"}}"#;
    let envelope = Envelope::parse(body).unwrap();
    assert_eq!(envelope.target().unwrap().unwrap().value, "t");
    let params = envelope.params.as_ref().unwrap();
    assert_eq!(&body[params.open_brace..][..4], br#"{"_m"#);
    let meta = envelope.meta().unwrap();
    assert_eq!(&body[meta.open_brace..][..4], br#"{"pr"#);
    assert_eq!(meta.progress_token.unwrap().get(), "7");
}

#[test]
fn duplicates_of_what_is_read_are_refused_with_the_id_to_answer() {
    for (body, place, key) in [
        (r#"{"method":"a","method":"b","jsonrpc":"2.0","id":5}"#, "the message", "method"),
        (r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":5,"method":"a"}"#, "the message", "jsonrpc"),
        (
            r#"{"jsonrpc":"2.0","params":{},"params":{},"id":5,"method":"a"}"#,
            "the message",
            "params",
        ),
        (r#"{"jsonrpc":"2.0","result":{},"result":{},"id":5}"#, "the message", "result"),
        (
            r#"{"params":{"name":"a","n\u0061me":"b"},"jsonrpc":"2.0","id":5,"method":"a"}"#,
            "`params`",
            "name",
        ),
        (
            r#"{"params":{"name":1,"name":"b"},"jsonrpc":"2.0","id":5,"method":"a"}"#,
            "`params`",
            "name",
        ),
        (
            r#"{"params":{"_meta":{},"_meta":{}},"jsonrpc":"2.0","id":5,"method":"a"}"#,
            "`params`",
            "_meta",
        ),
        (
            r#"{"params":{"_meta":{"progressToken":1,"progressToken":1}},"jsonrpc":"2.0","id":5,"method":"a"}"#,
            "`params._meta`",
            "progressToken",
        ),
        (
            r#"{"params":{"ref":{"type":"x","uri":"a","uri":"b"}},"jsonrpc":"2.0","id":5,"method":"a"}"#,
            "`params.ref`",
            "uri",
        ),
    ] {
        let fault = refused(body);
        assert_eq!(fault.code(), code::INVALID_REQUEST);
        assert_eq!(fault.id().unwrap().get(), "5", "{body}");
        match fault {
            Malformed::Duplicate { place: at, key: which, .. } => {
                assert_eq!((at, which), (place, key), "{body}");
            }
            other => panic!("{body}: {other}"),
        }
    }
    let twice = refused(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#);
    assert!(matches!(twice, Malformed::Duplicate { key: "id", .. }));
    assert!(twice.id().is_none(), "two ids are none");
}

#[test]
fn keys_that_other_parsers_take_for_known_ones_are_refused() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","NAME":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"ta\u017f\u212aId":"a","taskId":"b"}}"#,
    ] {
        assert!(matches!(refused(body), Malformed::Lookalike { .. }), "{body}");
    }
    // Alone in params it routes nothing, and an extension may use it.
    let alone = r#"{"jsonrpc":"2.0","id":1,"method":"vendor/x","params":{"Name":"b"}}"#;
    Envelope::parse(alone.as_bytes()).unwrap();
}

#[test]
fn what_is_not_one_message_is_refused_by_name() {
    assert!(matches!(refused(""), Malformed::NotJson(_)));
    assert!(matches!(refused("{"), Malformed::NotJson(_)));
    assert!(matches!(refused("[1,"), Malformed::NotJson(_)));
    assert!(matches!(refused(r#"[{"jsonrpc":"2.0"}]"#), Malformed::Batch));
    assert!(matches!(refused("\"a\""), Malformed::NotObject));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"a"}{}"#), Malformed::NotJson(_)));
    assert!(matches!(refused("\u{feff}{}"), Malformed::NotJson(_)));
    assert!(matches!(Envelope::parse(b"{\"a\":\"\xff\"}"), Err(Malformed::NotUtf8 { at: 6 })));
    for body in [
        "{}",
        r#"{"id":1,"method":"a"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"a"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"a"}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","error":{}}"#,
    ] {
        assert!(matches!(refused(body), Malformed::NotJsonRpc { .. }), "{body}");
    }
    for params in ["null", "[]", "1", "\"\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{params}}}"#);
        assert!(matches!(refused(&body), Malformed::NotObjectMember { key: "params", .. }));
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{{"_meta":{params}}}}}"#);
        assert_eq!(refused(&body).code(), code::INVALID_PARAMS);
    }
}

#[test]
fn an_id_is_a_string_or_an_integer_of_any_size() {
    for id in ["0", "-1", "\"\"", "\"a\\u0022\"", "99999999999999999999999999"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(Envelope::parse(body.as_bytes()).unwrap().id.unwrap().get(), id);
    }
    let long = format!("\"{}\"", "x".repeat(MAX_ID));
    for id in ["null", "1.0", "1e3", "true", "[]", "{}", &long] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert!(matches!(refused(&body), Malformed::BadId), "{id}");
    }
}

#[test]
fn a_servers_error_may_lack_its_id_and_nothing_else_may() {
    for (body, id) in [
        (r#"{"jsonrpc":"2.0","error":{}}"#, None),
        (r#"{"jsonrpc":"2.0","error":{},"id":null}"#, Some("null")),
    ] {
        let reply = Envelope::parse_reply(body.as_bytes()).unwrap();
        assert_eq!(reply.id.map(RawValue::get), id);
        assert!(reply.error.is_some());
        assert_eq!(reply.kind(), Kind::Response);
        refused(body);
    }
    for body in [
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","result":{},"id":null}"#,
        r#"{"jsonrpc":"2.0","method":"roots/list","id":null}"#,
    ] {
        Envelope::parse_reply(body.as_bytes()).expect_err(body);
    }
}

#[test]
fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{{"arguments":{open}{close}}}}}"#)
    };
    Envelope::parse(nested(MAX_DEPTH - 2).as_bytes()).unwrap();
    let fault = refused(&nested(MAX_DEPTH - 1));
    assert!(matches!(fault, Malformed::TooDeep { .. }));
    assert_eq!(fault.id().unwrap().get(), "1");
    assert!(matches!(refused(&nested(200_000)), Malformed::TooDeep { .. }));
    let quoted = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{{"arguments":"{}\\\"[["}}}}"#,
        "[".repeat(1000)
    );
    Envelope::parse(quoted.as_bytes()).unwrap();
}

#[test]
fn ill_typed_parameters_are_named_when_the_method_needs_them() {
    let call =
        |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call"{params}}}"#);
    let fault = |params: &str| {
        let body = call(params);
        Envelope::parse(body.as_bytes()).unwrap().target().map(|_| ()).unwrap_err()
    };
    assert_eq!(fault(""), TargetFault::Missing(Target::Name));
    assert_eq!(fault(r#","params":{}"#), TargetFault::Missing(Target::Name));
    assert_eq!(fault(r#","params":{"name":["x"]}"#), TargetFault::NotText(Target::Name));
    assert_eq!(fault(r#","params":{"name":"\ud800"}"#), TargetFault::NotText(Target::Name));
}

#[test]
fn completion_references_are_read() {
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"completion/complete",
        "params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{}}}"#;
    let envelope = Envelope::parse(body).unwrap();
    let reference = envelope.params.unwrap().reference.unwrap();
    assert_eq!(reference.kind, "ref/prompt");
    assert_eq!(reference.name.unwrap().value, "p");
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("12345678901234567890123.50e+7".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u00e9\/\ud83d\ude00""#.to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {}]", items.join(" ,"))),
            prop::collection::vec(("[a-z]{1,3}", inner), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(key, value)| format!("\"x{key}\" : {value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn splicing_id_name_and_meta_touches_nothing_else(
        name in any::<String>(),
        new_name in any::<String>(),
        arguments in value(),
        unknown in value(),
        order in Just(vec![0usize, 1, 2, 3, 4]).prop_shuffle(),
        inner in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
    ) {
        let name = serde_json::to_string(&name).unwrap();
        let new_name = serde_json::to_string(&new_name).unwrap();
        let build = |id: &str, name: &str, meta: &str| {
            let params = [
                format!("\"name\": {name}"),
                format!("\"arguments\":{arguments}"),
                format!("\"_meta\" : {{{meta}\"traceparent\":\"00\"}}"),
                format!("\"future\":{unknown}"),
            ];
            let params: Vec<_> = inner.iter().map(|at| params[*at].clone()).collect();
            let members = [
                "\"jsonrpc\":\"2.0\"".to_owned(),
                format!("\"id\" :{id} "),
                "\"method\":\"tools/call\"".to_owned(),
                format!("\"params\": {{{}}}", params.join(",")),
                format!("\"zz\":{unknown}"),
            ];
            let members: Vec<_> = order.iter().map(|at| members[*at].clone()).collect();
            format!("{{{}}}", members.join(" , "))
        };
        let body = build("98765432109876543210", &name, "");
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        let mut splice = Splice::new(body.as_bytes());
        splice.replace(span(body.as_bytes(), envelope.id.unwrap()), &b"7"[..]);
        let target = envelope.target().unwrap().unwrap();
        splice.replace(span(body.as_bytes(), target.raw), new_name.as_bytes());
        let meta = envelope.meta().unwrap();
        splice.insert_members(meta.open_brace, meta.is_empty, b"\"a/b\":1");
        prop_assert_eq!(splice.finish(), build("7", &new_name, "\"a/b\":1,"));
    }

    #[test]
    fn another_parser_reads_the_same_head(
        members in prop::collection::vec(prop::sample::select(vec![
            r#""jsonrpc":"2.0""#, r#""id":7"#, r#""\u0069d":8"#, r#""id":"x""#,
            r#""method":"tools/call""#, r#""method":"a\nb""#, r#""params":{"name":"n"}"#,
            r#""p\u0061rams":{"name":"\u006e","_meta":{"progressToken":1}}"#,
            r#""params":{"_m\u0065ta":{},"name":"n","name":"m"}"#, r#""Params":{"name":"evil"}"#,
            r#""x":{"method":"evil"}"#, r#""result":{"id":9}"#, r#""x":"}\",\"id\":5""#,
        ]), 0..6),
    ) {
        let body = format!("{{\"jsonrpc\":\"2.0\",{}}}", members.join(","));
        let Ok(envelope) = Envelope::parse(body.as_bytes()) else { return Ok(()) };
        let oracle: serde_json::Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(envelope.method.as_deref(), oracle["method"].as_str());
        let id = envelope.id.map(|id| serde_json::from_str(id.get()).unwrap());
        prop_assert_eq!(id.as_ref(), oracle.get("id"));
        let name = envelope.params.as_ref().and_then(|params| params.name.as_ref());
        prop_assert_eq!(name.map(|name| &*name.value), oracle["params"]["name"].as_str());
        prop_assert_eq!(envelope.meta().is_some(), oracle["params"].get("_meta").is_some());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Envelope::parse(&body);
        let _ = Envelope::parse_reply(&body);
    }

    #[test]
    fn no_json_like_text_makes_the_parser_panic(
        body in r#"(\{|\}|\[|\]|,|:|"|\\|"id"|"params"|"_meta"|"name"|"jsonrpc":"2.0"|null|1| |\\u00){0,40}"#
    ) {
        let _ = Envelope::parse(body.as_bytes());
        let _ = Envelope::parse_reply(body.as_bytes());
    }
}
