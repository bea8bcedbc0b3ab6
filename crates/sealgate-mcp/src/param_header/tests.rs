use proptest::prelude::*;

use super::*;
use crate::code;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

fn property(schema: &str) -> String {
    format!(r#"{{"type":"object","properties":{{"p":{schema}}}}}"#)
}

const SCHEMA: &str = r#"{"type":"object","properties":{
    "region":{"type":"string","x-mcp-header":"Region"},
    "where":{"type":"object","properties":{"zone":{"type":"integer","x-mcp-header":"Zone"}}},
    "dry":{"type":"boolean","x-mcp-header":"Dry-Run"},
    "x-mcp-header":{"type":"string"},
    "free":{"type":"string","default":{"x-mcp-header":"No"}}}}"#;

#[test]
fn annotations_are_read_through_properties_at_any_depth() {
    let headers = read(raw(SCHEMA)).unwrap();
    let names: Vec<_> =
        headers.iter().map(|header| (header.header.as_str(), header.path.join("."))).collect();
    assert_eq!(names.len(), 3);
    assert!(names.contains(&("mcp-param-region", "region".into())));
    assert!(names.contains(&("mcp-param-zone", "where.zone".into())));
    assert!(names.contains(&("mcp-param-dry-run", "dry".into())));
    assert_eq!(read(raw(r#"{"type":"object"}"#)), Ok(vec![]));
}

#[test]
fn annotations_that_make_a_tool_unfit_are_named() {
    let fault = |schema: &str| read(raw(schema)).unwrap_err();
    for annotation in ["\"\"", "\"a b\"", "\"a:b\"", "\"é\"", "1", "null", "\"a\\n\""] {
        let schema = property(&format!(r#"{{"type":"string","x-mcp-header":{annotation}}}"#));
        assert!(matches!(fault(&schema), SchemaFault::NotAName { .. }), "{annotation}");
    }
    for kind in ["\"number\"", "\"object\"", "\"array\"", "\"null\"", "[\"string\"]"] {
        let schema = property(&format!(r#"{{"type":{kind},"x-mcp-header":"A"}}"#));
        assert!(matches!(fault(&schema), SchemaFault::Type { .. }), "{kind}");
    }
    assert!(matches!(fault(&property(r#"{"x-mcp-header":"A"}"#)), SchemaFault::Type { .. }));
    let twice = r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#;
    assert!(matches!(fault(twice), SchemaFault::Twice { .. }));
    let inner = r#"{"type":"string","x-mcp-header":"A"}"#;
    for place in [
        inner.to_owned(),
        property(&format!(r#"{{"type":"array","items":{inner}}}"#)),
        property(&format!(r#"{{"items":{{"properties":{{"a":{inner}}}}}}}"#)),
        format!(r#"{{"oneOf":[{{"properties":{{"a":{inner}}}}}]}}"#),
        format!(r#"{{"if":{{"properties":{{"a":{inner}}}}}}}"#),
        format!(r#"{{"$defs":{{"a":{inner}}}}}"#),
        format!(r#"{{"$defs":{{"properties":{inner}}}}}"#),
        format!(r#"{{"patternProperties":{{"a":{inner}}}}}"#),
    ] {
        assert!(matches!(fault(&place), SchemaFault::Place { .. }), "{place}");
    }
}

#[test]
fn the_headers_of_a_call_pass_their_own_check() {
    let headers = read(raw(SCHEMA)).unwrap();
    let arguments = raw(r#"{"region":"é ","where":{"zone":42.0},"dry":false,"free":"x"}"#);
    let mut written = write(&headers, Some(arguments));
    written.sort();
    let expected = [
        ("mcp-param-dry-run", "false"),
        ("mcp-param-region", "=?base64?w6kg?="),
        ("mcp-param-zone", "42"),
    ];
    assert_eq!(written, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let carried = |name: &str| {
        let found = written.iter().find(|(header, _)| header == name);
        found.map_or(Carried::Absent, |(_, value)| Carried::Once(value.as_bytes()))
    };
    assert_eq!(check(&headers, Some(arguments), carried), Ok(()));
}

#[test]
fn headers_are_compared_with_the_arguments_that_are_there() {
    let headers = read(raw(SCHEMA)).unwrap();
    let check =
        |arguments: &str, header: &str, value: Carried<'static>| {
            check(&headers, Some(raw(arguments)), |name| {
                if name == header { value } else { Carried::Absent }
            })
        };
    let once = |value: &'static str| Carried::Once(value.as_bytes());
    assert_eq!(check("{}", "", Carried::Absent), Ok(()));
    assert_eq!(check(r#"{"region":null}"#, "", Carried::Absent), Ok(()));
    assert_eq!(check(r#"{"where":{"zone":42}}"#, "mcp-param-zone", once("42.0")), Ok(()));
    assert_eq!(check(r#"{"region":""}"#, "mcp-param-region", once("")), Ok(()));
    for (arguments, header, value) in [
        (r#"{"region":"a"}"#, "", Carried::Absent),
        (r#"{"region":"a"}"#, "mcp-param-region", once("A")),
        (r#"{"region":"a"}"#, "mcp-param-region", once("=?base64?YQ?=")),
        (r#"{"region":"a"}"#, "mcp-param-region", Carried::Repeated),
        (r#"{"where":{"zone":42}}"#, "mcp-param-zone", once("43")),
        (r#"{"where":{"zone":42}}"#, "mcp-param-zone", once("0x2a")),
        (r#"{"dry":true}"#, "mcp-param-dry-run", once("True")),
    ] {
        let fault = check(arguments, header, value).unwrap_err();
        assert_eq!((fault.code(), fault.status()), (code::HEADER_MISMATCH, 400), "{arguments}");
    }
}

#[test]
fn whole_numbers_are_told_however_they_are_written() {
    for (text, number) in [
        ("42", Some(42)),
        ("-42.000", Some(-42)),
        ("4.2e1", Some(42)),
        ("420e-1", Some(42)),
        ("0.5", None),
        ("", None),
        ("-", None),
        ("e5", None),
        ("1e999999999999", None),
        ("1e400", None),
        ("9007199254740993", Some(9_007_199_254_740_993)),
        ("+1", None),
    ] {
        assert_eq!(integer(text), number, "{text}");
    }
}

proptest! {
    #[test]
    fn no_schema_makes_reading_panic(text in r#"(\{|\}|\[|\]|,|:|"x-mcp-header"|"properties"|"type"|"a"|1){0,30}"#) {
        if let Ok(schema) = serde_json::from_str::<&RawValue>(&text) {
            let _ = read(schema);
        }
    }

    #[test]
    fn no_text_makes_a_number_panic(text in "[-+0-9.eE]{0,30}") {
        let _ = integer(&text);
    }
}
