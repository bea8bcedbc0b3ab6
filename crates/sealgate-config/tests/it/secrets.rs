//! Secrets never show: not in Debug, not in JSON, not in rendered findings, not in summaries.

use sealgate_config::{Source, load};

use crate::support::{backend, load_text, options, route, secret};

const SECRET: &str = "hunter2-hunter2";

#[track_caller]
fn hidden(text: &str) {
    assert!(text.contains(SECRET) || text.contains("SUBSTITUTED"), "the test holds a secret");
    let mut options = options();
    options.environment =
        std::sync::Arc::new(|name| (name == "SUBSTITUTED").then(|| SECRET.to_owned()));
    let source = Source::text("test.yaml", text);
    for strict in [false, true] {
        options.strict = strict;
        let outcome = load(std::slice::from_ref(&source), &options);
        let mut shown = format!("{outcome:?}{outcome:#?}{}", outcome.summary());
        shown += &serde_json::to_string(&outcome.findings).unwrap();
        for finding in &outcome.findings {
            shown += &finding.render(true);
            shown += &finding.render(false);
            shown += &finding.to_string();
        }
        assert!(!shown.contains(SECRET), "{shown}");
        // Base64 of the beginning.
        assert!(!shown.contains("aHVudGVyMi"), "{shown}");
    }
}

#[test]
fn of_secrets_that_are_used() {
    let key = "      securityPolicy: { apiKey: { secretRef: { name: s } } }";
    let file = "      securityPolicy: { awsCredentials: { region: us-east-1, credentialsFile: \
                { secretRef: { name: s } } } }";
    let inline = format!("      securityPolicy: {{ apiKey: {{ inline: {SECRET} }} }}");
    let query =
        format!("      securityPolicy: {{ apiKey: {{ inline: {SECRET}, queryParam: k }} }}");
    let https = backend("aws-mcp.us-east-1.api.aws", 443);
    hidden(&(route(key, "") + &https + &secret("s", "apiKey", SECRET)));
    let ini = format!("[default]\naws_access_key_id = A\naws_secret_access_key = {SECRET}\n");
    hidden(&(route(file, "") + &https + &secret("s", "credentials", &ini)));
    hidden(&(route(&inline, "") + &https));
    hidden(&(route(&query, "") + &https));
    hidden(&(route(&inline.replace(SECRET, "${SUBSTITUTED}"), "") + &https));
}

#[test]
fn of_secrets_beside_something_wrong() {
    let https = backend("aws-mcp.us-east-1.api.aws", 443);
    for fields in [
        format!("apiKey: {{ inline: {SECRET}, secretRef: {{ name: s }} }}"),
        format!("apiKey: {{ inline: {SECRET}, header: 'a b' }}"),
        format!("apiKey: {{ inline: {SECRET}, headr: x }}"),
        format!("apiKey: {{ inlin: {SECRET} }}"),
        format!("apiKey: {{ inline: [{SECRET}] }}"),
        format!("apiKey: {{ inline: {{ a: {SECRET} }} }}"),
        format!("apiKey: {{ inline: \"{SECRET}\\u0001\" }}"),
        "apiKey: { inline: \"${SUBSTITUTED}\\u0001\" }".to_owned(),
        "awsCredentials: { region: us-east-1, credentialsFile: { profile: '${SUBSTITUTED:+}' } }"
            .to_owned(),
    ] {
        hidden(&(route(&format!("      securityPolicy: {{ {fields} }}"), "") + &https));
    }
    let ini = format!("[other]\naws_secret_access_key = {SECRET}\n");
    let file = "      securityPolicy: { awsCredentials: { region: us-east-1, credentialsFile: \
                { secretRef: { name: s } } } }";
    hidden(&(route(file, "") + &https + &secret("s", "credentials", &ini)));
}

#[test]
fn of_documents_that_cannot_be_read() {
    let head = "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\n";
    hidden(&format!("{head}stringData: {{ apiKey: {SECRET}\nx: y\n"));
    hidden(&format!("{head}stringData:\n  apiKey: {SECRET}\n  apiKey: {SECRET}\n"));
    hidden(&format!("{head}stringData:\n  apiKey: [{SECRET}\n"));
    hidden(&format!("{head}stringData:\n  apiKey: 'a': {SECRET}\n"));
    hidden(&format!("{head}stringData:\n  apiKey: \"a\" {SECRET}\n"));
    hidden(&format!("{head}stringData:\n\t apiKey: {SECRET}\n"));
    hidden(&format!("{head}stringdata: {{ apiKey: {SECRET} }}\n"));
    hidden(&format!("{head}data: {{ apiKey: {SECRET} }}\n"));
    hidden(&format!("{head}data: {{ apiKey: {{ nested: {SECRET} }} }}\n"));
}

#[test]
fn of_an_mcp_json() {
    for server in [
        format!(r#"{{"url": "https://x.example", "headers": {{"Authorization": "{SECRET}"}}}}"#),
        format!(r#"{{"url": "https://x.example", "headers": {{"a b": "{SECRET}"}}}}"#),
        format!(r#"{{"url": "https://x.example", "headers": {{"a": "{SECRET}\n"}}}}"#),
        format!(r#"{{"url": "https://x.example", "headers": {{"a": ["{SECRET}"]}}}}"#),
        format!(r#"{{"url": "https://x.example", "header": {{"a": "{SECRET}"}}}}"#),
        format!(r#"{{"url": "https://x.example", "token": "{SECRET}"}}"#),
        format!(r#"{{"command": "x", "args": ["--key", "{SECRET}"]}}"#),
        format!(r#"{{"command": "x", "env": {{"KEY": "{SECRET}"}}}}"#),
        format!(r#"{{"url": "https://user:{SECRET}@x.example/mcp"}}"#),
        format!(r#"{{"url": "https://x.example/mcp?key={SECRET}"}}"#),
        r#"{"url": "ftp://${SUBSTITUTED}@x.example/mcp"}"#.to_owned(),
    ] {
        hidden(&format!("{{\"mcpServers\": {{\n\"s\": {server}\n}}}}"));
    }
}

#[test]
fn of_sources_without_any() {
    // `hidden` alone would not notice if loading stopped working at all.
    assert_eq!(load_text(&(route("", "") + &backend("x.example", 80))).resolved.routes.len(), 1);
}
