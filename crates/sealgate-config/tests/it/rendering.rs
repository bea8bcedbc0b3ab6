//! Findings as people and programs see them.

use sealgate_config::{Finding, Outcome};

use crate::support::{backend, load_text, route};

#[track_caller]
fn finding<'a>(outcome: &'a Outcome, code: &str) -> &'a Finding {
    outcome.findings.iter().find(|finding| finding.code == code).unwrap()
}

#[test]
fn a_finding_is_rendered_with_its_line_and_a_caret() {
    let text = route("      toolSelectr: { include: [a] }", "") + &backend("x.example", 80);
    let outcome = load_text(&text);
    let expected = "\
error[unknown-field]: unknown field \"spec.backendRefs[0].toolSelectr\"
  --> test.yaml:11:7
   |
11 |       toolSelectr: { include: [a] }
   |       ^^^^^^^^^^^ spec.backendRefs[0].toolSelectr of MCPRoute default/r
   |
help: did you mean \"toolSelector\"?";
    let finding = finding(&outcome, "unknown-field");
    assert_eq!(finding.render(false), expected);
    assert!(finding.render(true).contains("\u{1b}["));
    assert_eq!(
        finding.to_string(),
        "test.yaml:11:7: error: unknown field \"spec.backendRefs[0].toolSelectr\" (did you mean \
         \"toolSelector\"?)"
    );
}

#[test]
fn a_duplicate_key_names_both_places() {
    let outcome = load_text("kind: Secret\nmetadata: { name: a }\nkind: ConfigMap\n");
    let expected = "\
error[duplicate-key]: duplicate key \"kind\"
 --> test.yaml:3:1
  |
3 | kind: *********
  | ^^^^
  |
help: it is already set on line 1";
    assert_eq!(outcome.findings[0].render(false), expected);
}

#[test]
fn a_syntax_error_shows_where() {
    let outcome = load_text("a: b\nkey: [x\nother: y\n");
    let rendered = outcome.findings[0].render(false);
    assert!(rendered.starts_with("error[yaml-syntax]: "), "{rendered}");
    assert!(rendered.contains("test.yaml:3:"), "{rendered}");
}

#[test]
fn positions_survive_substitution() {
    let fields = "      path: ${TOKEN:-x}${TOKEN}\n      securityPolicy: { apiKey: {} }";
    let outcome = load_text(&route(fields, ""));
    let place = finding(&outcome, "rule").place.as_ref().unwrap();
    assert_eq!((place.line, place.column), (12, 25));
    assert_eq!(place.field, "spec.backendRefs[0].securityPolicy.apiKey");
    assert_eq!(place.resource, "MCPRoute default/r");
}

#[test]
fn kinds_and_names_get_suggestions() {
    let text = route("", "").replace("MCPRoute", "MCPRuote");
    let outcome = load_text(&text);
    assert_eq!(outcome.findings[0].help.as_deref(), Some("did you mean \"MCPRoute\"?"));
    let text = route("", "").replace("name: b\n", "name: bakcend\n")
        + &backend("x.example", 80).replace("name: b ", "name: backend ");
    let outcome = load_text(&text);
    let finding = finding(&outcome, "unresolved-reference");
    assert_eq!(finding.help.as_deref(), Some("did you mean \"backend\"?"));
}

#[test]
fn findings_serialise_for_programs() {
    let outcome = load_text("kind: Nonsense\n");
    let json = serde_json::to_value(&outcome.findings).unwrap();
    assert_eq!(
        json,
        serde_json::json!([{
            "severity": "warning",
            "code": "unknown-kind",
            "message": "unknown kind \"Nonsense\"; the document is ignored",
            "place": {
                "file": "test.yaml", "line": 1, "column": 7,
                "span": {"start": 6, "end": 14}, "field": "kind"
            }
        }])
    );
}

#[test]
fn foreign_kinds_are_named_once() {
    for kind in ["EnvoyProxy", "HTTPRoute", "SecurityPolicy", "AIGatewayRoute", "GatewayConfig"] {
        let outcome = load_text(&format!("apiVersion: x/v1\nkind: {kind}\nspec: [1]\n"));
        assert_eq!(outcome.findings.len(), 1);
        assert_eq!(outcome.findings[0].message, format!("kind {kind} is not enforced by Sealgate"));
    }
}
