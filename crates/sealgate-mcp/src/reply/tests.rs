use proptest::prelude::*;

use super::*;

fn editor() -> ReplyEditor {
    ReplyEditor::new("\"client\"").expecting("77").copying_error(20)
}

/// Feeds `message` cut at `cuts`, and returns what the client gets.
fn stream(
    mut editor: ReplyEditor,
    message: &[u8],
    cuts: &[usize],
) -> Result<(Seen, Vec<u8>), Misbehaved> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (message.len() + 1)).collect();
    cuts.extend([0, message.len()]);
    cuts.sort_unstable();
    let mut edited = Vec::new();
    for pair in cuts.windows(2) {
        editor.push(Bytes::copy_from_slice(&message[pair[0]..pair[1]]))?;
        while let Some(part) = editor.next() {
            edited.extend_from_slice(&part);
        }
    }
    let seen = editor.finish()?;
    assert_eq!(editor.received(), message.len() as u64);
    assert_eq!(editor.sent(), edited.len() as u64);
    if let Some(message) = editor.take_message() {
        edited.extend_from_slice(&message);
    }
    Ok((seen, edited))
}

fn edited(editor: ReplyEditor, message: &str) -> String {
    let (_, edited) = stream(editor, message.as_bytes(), &[]).unwrap();
    String::from_utf8(edited).unwrap()
}

fn refused(message: &str) -> Misbehaved {
    stream(editor(), message.as_bytes(), &[]).expect_err(message)
}

#[test]
fn the_id_is_replaced_before_and_behind_the_result() {
    assert_eq!(
        edited(editor(), r#"{"jsonrpc":"2.0","id":77,"result":{"id":77}}"#),
        r#"{"jsonrpc":"2.0","id":"client","result":{"id":77}}"#
    );
    assert_eq!(
        edited(
            editor(),
            " {\"result\": {\"a\":\"}\\\"\"} ,\"jsonrpc\":\"2.0\",\"\\u0069d\" : 77 }\n"
        ),
        " {\"result\": {\"a\":\"}\\\"\"} ,\"jsonrpc\":\"2.0\",\"\\u0069d\" : \"client\" }\n"
    );
}

#[test]
fn an_error_gets_the_id_that_it_lacks_and_its_head_is_copied() {
    let mut editor = editor();
    let message = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"}}"#;
    for byte in message.bytes() {
        editor.push(Bytes::from(vec![byte])).unwrap();
    }
    assert_eq!(editor.finish().unwrap(), Seen::Response { is_error: true });
    assert_eq!(editor.error_head(), br#"{"code":-32000,"mess"#);
    assert_eq!(
        edited(self::editor(), message),
        r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":"client"}"#
    );
    assert_eq!(
        edited(self::editor(), r#"{"jsonrpc":"2.0","id":null,"error":{}}"#),
        r#"{"jsonrpc":"2.0","id":"client","error":{}}"#
    );
}

#[test]
fn members_are_added_to_a_result_that_lacks_them() {
    let inserting = || editor().inserting("resultType", "\"complete\"").inserting("ttlMs", "0");
    let around = |result: &str| format!(r#"{{"jsonrpc":"2.0","result":{result},"id":77}}"#);
    for (result, expected) in [
        ("{}", r#"{"resultType":"complete","ttlMs":0}"#),
        ("{ }", r#"{ "resultType":"complete","ttlMs":0}"#),
        (r#"{"a":{"ttlMs":1}}"#, r#"{"a":{"ttlMs":1},"resultType":"complete","ttlMs":0}"#),
        (r#"{"ttl\u004ds":5}"#, r#"{"ttl\u004ds":5,"resultType":"complete"}"#),
        (
            r#"{"a":["ttlMs"],"b":"ttlMs"}"#,
            r#"{"a":["ttlMs"],"b":"ttlMs","resultType":"complete","ttlMs":0}"#,
        ),
        (r#"{"ttlMs":5,"resultType":"task"}"#, r#"{"ttlMs":5,"resultType":"task"}"#),
    ] {
        let expected = around(expected).replace("77", "\"client\"");
        assert_eq!(edited(inserting(), &around(result)), expected);
        let whole = inserting().whole(&around(result).into()).unwrap();
        assert_eq!(whole, Whole::Response { message: expected.into(), is_error: false });
    }
    let listed = stream(inserting(), around("[]").as_bytes(), &[]);
    assert!(matches!(listed, Err(Misbehaved::ResultNotObject)));
}

#[test]
fn a_servers_own_messages_are_handed_out_whole_and_as_they_came() {
    let request = r#"{"params":{"x":[1]},"id":5,"jsonrpc":"2.0","method":"roots/list"} "#;
    let (seen, message) = stream(editor(), request.as_bytes(), &[3, 10, 40]).unwrap();
    assert_eq!((seen, message.as_slice()), (Seen::Request, request.as_bytes()));
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;
    let (seen, message) = stream(editor(), notification.as_bytes(), &[3, 10, 40]).unwrap();
    assert_eq!((seen, message.as_slice()), (Seen::Notification, notification.as_bytes()));

    let small = editor().holding(20);
    let refused = stream(small, request.as_bytes(), &[]).unwrap_err();
    assert!(matches!(refused, Misbehaved::TooLarge(20)));
}

#[test]
fn what_does_not_show_in_time_is_refused() {
    let late = |blanks: usize| {
        format!(r#"{{"jsonrpc":"2.0",{}"result":{{}},"id":77}}"#, " ".repeat(blanks))
    };
    edited(editor(), &late(LOOK_AHEAD - 100));
    assert!(matches!(refused(&late(LOOK_AHEAD)), Misbehaved::Undecided));
    let large = format!(r#"{{"id":"{}"#, "x".repeat(100_000));
    assert!(matches!(refused(&large), Misbehaved::Undecided));
}

#[test]
fn every_misbehaviour_is_named() {
    assert!(matches!(refused("<html>"), Misbehaved::NotJson { at: 0 }));
    assert!(matches!(refused("[{}]"), Misbehaved::Batch));
    assert!(matches!(refused(r#"{"id":1,}"#), Misbehaved::NotJson { at: 8 }));
    assert!(matches!(refused(r#"{"id":1,"id":2}"#), Misbehaved::Duplicate("id")));
    assert!(matches!(
        refused(r#"{"result":{},"resul\u0074":{}}"#),
        Misbehaved::Duplicate("result")
    ));
    assert!(matches!(refused(r#"{"jsonrpc":"1.0","id":77,"result":{}}"#), Misbehaved::BadVersion));
    assert!(matches!(refused(r#"{"jsonrpc":["2.0"]}"#), Misbehaved::BadVersion));
    assert!(matches!(refused(r#"{"id":77,"result":{}}"#), Misbehaved::NoVersion));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","id":77}"#), Misbehaved::NotAMessage));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","id":77,"params":{}}"#), Misbehaved::NotAMessage));
    assert!(matches!(refused(r#"{"result":{},"method":"a"}"#), Misbehaved::Mixed));
    assert!(matches!(refused(r#"{"method":"a","error":1}"#), Misbehaved::Mixed));
    assert!(matches!(refused(r#"{"result":{},"error":{}}"#), Misbehaved::ResultAndError));
    for id in ["1.5", "{}", "[]", "true", "-", "01", "1e3"] {
        let message = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert!(matches!(refused(&message), Misbehaved::BadId), "{id}");
    }
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","result":{}}"#), Misbehaved::NoId));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","result":{},"id":null}"#), Misbehaved::NoId));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","id":78,"result":{}}"#), Misbehaved::OtherId));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","result":{},"id":78}"#), Misbehaved::OtherId));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","id":77,"result":{}"#), Misbehaved::Incomplete));
    assert!(matches!(refused(r#"{"jsonrpc":"2.0","id":77,"result":{}}x"#), Misbehaved::Trailing));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":77,"result":{}"#, "[".repeat(1000));
    assert!(matches!(refused(&deep), Misbehaved::TooDeep));
}

#[test]
fn a_response_to_another_request_is_refused_before_anything_of_it_is_sent() {
    let mut editor = editor();
    let pushed = editor.push(Bytes::from_static(br#"{"jsonrpc":"2.0","id":78,"result":{"a":"#));
    assert!(matches!(pushed, Err(Misbehaved::OtherId)));
    assert_eq!(editor.next(), None);
    assert!(matches!(editor.push(Bytes::new()), Err(Misbehaved::Broken)));
}

#[test]
fn a_large_result_streams_while_it_comes() {
    let mut editor = editor();
    editor.push(Bytes::from_static(br#"{"jsonrpc":"2.0","id":77,"result":{"text":""#)).unwrap();
    assert!(editor.next().is_some());
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    for _ in 0..100 {
        editor.push(chunk.clone()).unwrap();
        let part = editor.next().unwrap();
        assert_eq!(part.as_ptr(), chunk.as_ptr(), "not copied");
        assert_eq!(editor.next(), None);
    }
}

fn result() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("-12345678901234567890123.5E+7".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\\\"\u005c}]{[,\ud83d\ude00""#.to_owned()),
    ];
    let inner = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(" , "))),
            object(inner),
        ]
    });
    object(inner)
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = prop_oneof!["[a-d]", Just("ttlMs".to_owned()), Just(r#"\"\\"#.to_owned())];
    prop::collection::btree_map(key, value, 0..4).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(key, value)| format!("\"{key}\" : {value}")).collect();
        format!("{{{} }}", members.join(","))
    })
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_answer_and_edits_nothing_else(
        result in result(),
        unknown in result(),
        order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let build = |id: &str, result: &str| {
            let members = [
                "\"jsonrpc\" :\"2.0\"".to_owned(),
                format!("\"id\": {id} "),
                format!("\"result\": {result}\n"),
                format!("\"x\":{unknown}"),
            ];
            let members: Vec<_> = order.iter().map(|at| members[*at].clone()).collect();
            format!("{{ {} }}", members.join(","))
        };
        let message = build("77", &result);
        let (seen, edited) = stream(editor(), message.as_bytes(), &cuts).unwrap();
        prop_assert_eq!(seen, Seen::Response { is_error: false });
        prop_assert_eq!(String::from_utf8(edited).unwrap(), build("\"client\"", &result));

        let inserting = || editor().inserting("ttlMs", "0");
        let (_, edited) = stream(inserting(), message.as_bytes(), &cuts).unwrap();
        let whole = inserting().whole(&message.into()).unwrap();
        prop_assert_eq!(whole, Whole::Response { message: edited.into(), is_error: false });
    }

    #[test]
    fn the_stream_takes_all_that_the_envelope_takes_and_agrees_with_it(
        text in r#"(\{|\}|\[|\]|,|:|"x"|"id":|"result":|"error":|"method":|"jsonrpc":"2.0"|,"jsonrpc":"2.0"|77|null|\{\}| ){0,14}"#,
        cuts in prop::collection::vec(any::<usize>(), 0..5),
    ) {
        for text in [text.clone(), format!("{{{text}}}")] {
            let streamed = stream(editor(), text.as_bytes(), &cuts);
            if let Ok(whole) = editor().whole(&text.clone().into()) {
                let (seen, edited) = streamed.unwrap();
                let expected = match whole {
                    Whole::Response { message, is_error } => (Seen::Response { is_error }, message),
                    Whole::Request(message) => (Seen::Request, message),
                    Whole::Notification(message) => (Seen::Notification, message),
                };
                prop_assert_eq!((seen, Bytes::from(edited)), expected);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_editor_panic(
        message in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\ 1n".to_vec())], 0..100),
        cuts in prop::collection::vec(any::<usize>(), 0..5),
    ) {
        let _ = stream(editor().inserting("a", "1"), &message, &cuts);
        let message = [b"{\"result\":{".as_slice(), &message].concat();
        let _ = stream(editor().inserting("a", "1"), &message, &cuts);
    }
}
