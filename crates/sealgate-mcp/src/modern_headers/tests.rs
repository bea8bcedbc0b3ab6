use proptest::prelude::*;

use super::*;
use crate::code;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#)
}

fn check(body: &str, version: &[u8], method: &[u8], name: &[u8]) -> Result<(), ModernFault> {
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let headers = Mirrored {
        version: Carried::Once(version),
        method: Carried::Once(method),
        name: Carried::Once(name),
    };
    let served = Served { versions: &[Version::V2026_07_28], unknown_methods: false };
    validate(&envelope, &headers, &served).map(|_| ())
}

#[test]
fn a_request_that_agrees_with_its_headers_passes() {
    let body = call(&format!(r#""name":"a b",{META}"#));
    assert_eq!(check(&body, b" 2026-07-28\t", b"tools/call", b"  a b "), Ok(()));
    let body = call(&format!(r#""name":"\u00e9",{META}"#));
    assert_eq!(check(&body, b"2026-07-28", b"tools/call", b"=?base64?w6k=?="), Ok(()));
}

#[test]
fn refusals_come_in_the_order_of_the_protocol() {
    let good = b"2026-07-28".as_slice();
    let other = META.replace("2026-07-28", "v999.0.0");
    // Metadata before headers.
    for (params, key) in [
        ("\"name\":\"a\",\"_meta\":{}".to_owned(), meta_key::PROTOCOL_VERSION),
        (format!("\"name\":\"a\",{}", META.replace("{}", "[]")), meta_key::CLIENT_CAPABILITIES),
        (
            format!("\"name\":\"a\",{}", META.replace("{}", "{},\"progressToken\":1.5")),
            "progressToken",
        ),
        (
            format!(
                "\"name\":\"a\",{}",
                META.replace("{}", "{},\"io.modelcontextprotocol/logLevel\":\"loud\"")
            ),
            meta_key::LOG_LEVEL,
        ),
        (
            format!(
                "\"name\":\"a\",{}",
                META.replace("{}", "{},\"io.modelcontextprotocol/clientInfo\":1")
            ),
            meta_key::CLIENT_INFO,
        ),
    ] {
        let fault = check(&call(&params), b"x", b"x", b"x").unwrap_err();
        assert_eq!((fault.code(), fault.status()), (code::INVALID_PARAMS, 400));
        assert!(fault.to_string().contains(key), "{fault}");
    }
    assert_eq!(check(&call("\"name\":\"a\""), b"x", b"x", b"x"), Err(ModernFault::NoMeta));
    // Headers before the version, the version before the method, the method before the target.
    let fault =
        check(&call(&format!("\"name\":\"a\",{other}")), good, b"tools/call", b"a").unwrap_err();
    assert_eq!((fault.code(), fault.status()), (code::HEADER_MISMATCH, 400));
    let fault = check(&call(&format!("\"name\":\"a\",{other}")), b"v999.0.0", b"tools/call", b"a")
        .unwrap_err();
    assert_eq!((fault.code(), fault.status()), (code::UNSUPPORTED_PROTOCOL_VERSION, 400));
    assert_eq!(fault.data().unwrap(), r#"{"supported":["2026-07-28"],"requested":"v999.0.0"}"#);
    for method in ["initialize", "ping", "logging/setLevel", "vendor/x", "roots/list"] {
        let body = call(META).replace("tools/call", method);
        let fault = check(&body, good, method.as_bytes(), b"").unwrap_err();
        assert_eq!((fault.code(), fault.status()), (code::METHOD_NOT_FOUND, 404));
    }
    let fault = check(&call(META), good, b"tools/call", b"a").unwrap_err();
    assert_eq!((fault.code(), fault.status()), (code::INVALID_PARAMS, 200));
}

#[test]
fn headers_that_do_not_say_what_the_body_says_are_refused() {
    let body = call(&format!("\"name\":\"a\",{META}"));
    let good = b"2026-07-28".as_slice();
    for (version, method, name) in [
        (good, b"tools/call".as_slice(), b"A".as_slice()),
        (good, b"tools/call", b""),
        (good, b"TOOLS/CALL", b"a"),
        (good, b"tools/list", b"a"),
        (b"2025-11-25", b"tools/call", b"a"),
        (good, b"tools/call", b"=?base64?YQ?="),
        (good, b"tools/call", b"=?base64?YR==?="),
        (good, b"tools/call", b"=?base64?/w==?="),
        (good, b"tools/call", b"a\x01"),
        (good, b"tools/call", b"\xff"),
        (good, b"tools/call", b"=?BASE64?YQ==?="),
    ] {
        let fault = check(&body, version, method, name).unwrap_err();
        assert_eq!(fault.code(), code::HEADER_MISMATCH, "{name:?}");
    }
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let served = Served { versions: &[Version::V2026_07_28], unknown_methods: false };
    let headers = Mirrored { version: Carried::Repeated, ..Mirrored::default() };
    let fault = validate(&envelope, &headers, &served).unwrap_err();
    assert_eq!(fault, ModernFault::HeaderRepeated { header: VERSION.into() });
    let fault = validate(&envelope, &Mirrored::default(), &served).unwrap_err();
    assert_eq!(fault, ModernFault::HeaderMissing { header: VERSION.into() });
}

#[test]
fn only_what_needs_it_is_encoded() {
    assert_eq!(encode("us east"), "us east");
    assert_eq!(encode(""), "");
    assert_eq!(encode(" a"), "=?base64?IGE=?=");
    assert_eq!(encode("a\t"), "=?base64?YQk=?=");
    assert_eq!(encode("é"), "=?base64?w6k=?=");
    assert_eq!(encode("=?base64?YQ==?="), "=?base64?PT9iYXNlNjQ/WVE9PT89?=");
    assert_eq!(encode("=?base64?="), "=?base64?=");
}

proptest! {
    #[test]
    fn any_text_travels_in_a_header(text in any::<String>()) {
        let value = encode(&text);
        prop_assert!(value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
        prop_assert_eq!(&*decode(value.as_bytes()).unwrap(), &*text);
    }

    #[test]
    fn no_bytes_make_decoding_panic(value in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = decode(&value);
        let _ = decode(&[PREFIX, value.as_slice(), b"?="].concat());
    }
}

const PREFIX: &[u8] = b"=?base64?";
