use proptest::prelude::*;

use super::*;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

#[test]
fn tools_are_renamed_and_left_out_and_the_rest_is_not_touched() {
    let result =
        raw(r#"{ "nextCursor":"", "ttlMs":-5, "cacheScope":"public", "_meta":{}, "tools": [
        {"name":"a","inputSchema":{"name":"a", "big":12345678901234567890123 }},
        { "description":"\u00e9", "n\u0061me" : "b\"" },
        {"name":"hidden"}, {"title":"no name"}, {"name":"x","name":"y"}, 7]}"#);
    let mut out = b"[".to_vec();
    let page = rewrite(
        ListKind::Tools,
        result,
        |name| (name != "hidden").then(|| Cow::Owned(format!("back__{name}"))),
        &mut out,
    )
    .unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"[{"name":"back__a","inputSchema":{"name":"a", "big":12345678901234567890123 }},{ "description":"\u00e9", "n\u0061me" : "back__b\"" }"#
    );
    let expected = Page {
        next_cursor: Some("".into()),
        ttl_ms: Some(0),
        cache_scope: Some(CacheScope::Public),
        kept: 2,
        dropped: 1,
        nameless: 3,
    };
    assert_eq!(page, expected);
}

#[test]
fn pages_append_to_each_other() {
    let mut out = Vec::new();
    for page in [
        r#"{"resources":[{"uri":"a:1"},{"uri":"a:2"}]}"#,
        r#"{"resources":[]}"#,
        r#"{"resources":[{"uri":"a:3"}]}"#,
    ] {
        rewrite(ListKind::Resources, raw(page), |uri| Some(Cow::Borrowed(uri)), &mut out).unwrap();
    }
    assert_eq!(out, br#"{"uri":"a:1"},{"uri":"a:2"},{"uri":"a:3"}"#);
}

#[test]
fn what_is_no_page_is_refused() {
    for page in [
        "[]",
        "{}",
        "null",
        r#"{"tools":{}}"#,
        r#"{"tools":[],"tools":[]}"#,
        r#"{"tools":[],"nextCursor":1}"#,
    ] {
        let mut out = Vec::new();
        rewrite(ListKind::Tools, raw(page), |name| Some(name.into()), &mut out).expect_err(page);
        assert!(out.is_empty());
    }
    let (page, items) = items(ListKind::Tools, raw(r#"{"tools":[{}],"nextCursor":null}"#)).unwrap();
    assert_eq!((page.nameless, page.next_cursor, items.len()), (1, None, 0));
}

#[test]
fn each_method_has_its_kind() {
    for kind in ListKind::ALL {
        assert_eq!(ListKind::of(&kind.method()), Some(kind));
    }
    assert_eq!(ListKind::of(&Method::ToolsCall), None);
}

proptest! {
    #[test]
    fn items_keep_every_byte_when_the_name_stays(names in prop::collection::vec(any::<String>(), 0..5)) {
        let items: Vec<_> = names
            .iter()
            .map(|name| format!("{{ \"x\":1e400,\"name\" :{} }}", serde_json::to_string(name).unwrap()))
            .collect();
        let page = format!("{{\"prompts\":[{}]}}", items.join(" , "));
        let mut out = Vec::new();
        rewrite(ListKind::Prompts, raw(&page), |name| Some(Cow::Borrowed(name)), &mut out).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), items.join(","));
    }
}
