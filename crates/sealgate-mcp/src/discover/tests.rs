use super::*;

fn verdict(status: u16, body: &str) -> Verdict {
    let reply = Envelope::parse_reply(body.as_bytes()).ok();
    judge(status, reply.as_ref())
}

#[test]
fn what_is_written_reads_back() {
    let hints = CachingHints { ttl_ms: 9, scope: CacheScope::Public };
    let text =
        write(&[Version::V2026_07_28], r#"{"tools":{}}"#, Some("a\nb"), r#"{"name":"x"}"#, hints);
    let raw: &RawValue = serde_json::from_str(&text).unwrap();
    let read = read(raw).unwrap();
    assert_eq!(read.versions, ["2026-07-28"]);
    assert_eq!(read.capabilities.unwrap().get(), r#"{"tools":{}}"#);
    assert_eq!(read.instructions.as_deref(), Some("a\nb"));
    assert_eq!(read.server_info.unwrap().get(), r#"{"name":"x"}"#);
    assert_eq!(read.hints, hints);
    let bare: &RawValue = serde_json::from_str(r#"{"supportedVersions":[]}"#).unwrap();
    assert_eq!(super::read(bare).unwrap().hints, CachingHints::NONE);
}

#[test]
fn a_probe_tells_the_era() {
    let error = |code: i64, data: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":{code},"message":""{data}}}}}"#)
    };
    let result = |versions: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"supportedVersions":{versions}}}}}"#)
    };
    for (status, body, expected) in [
        (200, result(r#"["2025-11-25","2026-07-28"]"#), Verdict::Modern),
        (200, result(r#"["2027-01-31"]"#), Verdict::Modern),
        (200, result(r#"["2025-11-25"]"#), Verdict::Legacy),
        (200, result("7"), Verdict::Legacy),
        (400, error(-32022, r#","data":{"supported":["2025-06-18"]}"#), Verdict::Legacy),
        (400, error(-32022, r#","data":{"supported":["2026-07-28"]}"#), Verdict::Modern),
        (400, error(-32022, ""), Verdict::Modern),
        (400, error(-32020, ""), Verdict::Modern),
        (400, error(-32000, ""), Verdict::Legacy),
        (404, error(-32601, ""), Verdict::Legacy),
        (200, error(-32601, ""), Verdict::Legacy),
        (422, "Unexpected message".to_owned(), Verdict::Legacy),
        (405, String::new(), Verdict::Legacy),
        (401, error(-32000, ""), Verdict::Unauthorized),
        (503, String::new(), Verdict::Unknown),
        (429, String::new(), Verdict::Unknown),
    ] {
        assert_eq!(verdict(status, &body), expected, "{status} {body}");
    }
}
