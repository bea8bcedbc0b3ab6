//! mcp.json as editors write it.

use sealgate_config::Severity;
use sealgate_config::resolved::{Credential, PrefixMode, Scheme};

use crate::support::{errors, load_text, messages, only_backend, scope};

fn servers(server: &str) -> String {
    format!("{{\"mcpServers\": {{\"s\": {server}}}}}")
}

#[test]
fn a_url_is_enough() {
    let outcome = load_text(&servers(r#"{"url": "http://127.0.0.1:${PORT}/a%2Fb?x=1+2"}"#));
    assert_eq!(outcome.findings, []);
    let backend = only_backend(&outcome);
    assert_eq!(backend.authority, "127.0.0.1:8123");
    assert_eq!(backend.path_and_query, "/a%2Fb?x=1+2");
    assert_eq!((backend.scheme, backend.prefix), (Scheme::Http, PrefixMode::Always));
    assert_eq!(outcome.resolved.routes[0].path, "/mcp");
    assert_eq!(outcome.resolved.listeners[0].name, "main");
}

#[test]
fn every_spelling_of_streamable_http_is_known() {
    for kind in ["", "http", "streamable-http", "streamable_http", "streamableHttp"] {
        let text = servers(&format!(r#"{{"type": "{kind}", "url": "https://x.example/mcp"}}"#));
        only_backend(&load_text(&text));
    }
}

#[test]
fn all_headers_are_sent() {
    let outcome = load_text(&servers(
        r#"{"url": "https://x.example", "headers": {"Authorization": "Bearer ${TOKEN}", "X-B": "2"}}"#,
    ));
    let Credential::Headers(headers) = &only_backend(&outcome).credential else { panic!() };
    let pairs: Vec<_> = headers.iter().map(|(name, v)| (name.as_str(), v.expose())).collect();
    assert_eq!(pairs, [("authorization", "Bearer t0ken-from-environment"), ("x-b", "2")]);
}

#[test]
fn aws_is_true_or_settings() {
    let url = r#""url": "https://aws-mcp.us-east-1.api.aws/mcp""#;
    let outcome = load_text(&servers(&format!(r#"{{{url}, "aws": true}}"#)));
    assert_eq!(scope(only_backend(&outcome)), ("us-east-1", "aws-mcp"));
    let more = r#""aws": {"region": "eu-west-1", "service": "x", "profile": "p",
        "assumeRole": "arn:aws:iam::123456789012:role/x", "signedHeaders": ["x-tenant"],
        "signingHost": "a.example"}"#;
    let outcome = load_text(&servers(&format!("{{{url}, {more}}}")));
    let backend = only_backend(&outcome);
    assert_eq!(scope(backend), ("eu-west-1", "x"));
    let Credential::Aws { identity, signed_headers, signing_host, .. } = &backend.credential else {
        panic!()
    };
    assert_eq!(signed_headers, &["x-tenant"]);
    assert_eq!(identity.to_string(), "profile p, role arn:aws:iam::123456789012:role/x");
    assert_eq!(signing_host.as_deref(), Some("a.example"));
    let outcome = load_text(&servers(r#"{"url": "http://127.0.0.1:1/x", "aws": false}"#));
    assert_eq!(only_backend(&outcome).credential, Credential::None);
}

#[test]
fn what_cannot_be_served_takes_out_only_itself() {
    let text = r#"{"mcpServers": {
        "stdio": {"command": "npx", "args": ["x"], "env": {"KEY": "v"}},
        "sse": {"type": "sse", "url": "https://x.example/sse"},
        "off": {"disabled": true, "command": "x"},
        "ftp": {"url": "ftp://x.example"},
        "typo": {"typ": "http", "url": "https://typo.example"},
        "both": {"url": "https://b.example", "headers": {"a": "b"}, "aws": {"region": "us-east-1", "service": "x"}},
        "plain": {"url": "http://b.example", "aws": {"region": "us-east-1", "service": "x"}},
        "good": {"url": "https://good.example", "cwd": "."}
    }}"#;
    let outcome = load_text(text);
    assert_eq!(
        errors(&outcome),
        [
            "server \"stdio\" is left out: stdio servers are not supported yet",
            "mcpServers.ftp.url: URL scheme \"ftp\" is not supported; use https or http",
            "server \"both\" is left out: aws and headers exclude each other",
            "AWS credentials are not sent to b.example over plain http",
        ]
    );
    assert_eq!(
        messages(&outcome, Severity::Warning),
        ["unknown field \"mcpServers.typo.typ\"", "cwd has no effect on a server with a url"]
    );
    assert_eq!(messages(&outcome, Severity::Note), ["server \"off\" is disabled"]);
    let names: Vec<_> =
        outcome.resolved.routes[0].backends.iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, ["sse", "typo", "good"]);
}

#[test]
fn without_any_usable_server_there_is_no_route() {
    for text in [r#"{"mcpServers": {}}"#, r#"{"mcpServers": []}"#, r#"{"mcpServers": {"a": 1}}"#] {
        let outcome = load_text(text);
        assert!(!errors(&outcome).is_empty());
        assert!(outcome.resolved.routes.is_empty());
    }
}
