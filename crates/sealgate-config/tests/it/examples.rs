//! Every file under `examples/` loads without an error and means what its comments say.

use std::path::{Path, PathBuf};

use sealgate_config::resolved::{Credential, Scheme};
use sealgate_config::{Outcome, Severity, Source, load};

use crate::support::{messages, options, scope};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[track_caller]
fn example(name: &str) -> Outcome {
    let outcome = load(&[Source::Path(directory().join(name))], &options());
    for severity in [Severity::Error, Severity::Warning] {
        assert_eq!(messages(&outcome, severity), Vec::<&str>::new(), "{name}");
    }
    outcome
}

#[test]
fn every_example_loads() {
    let mut count = 0;
    for entry in std::fs::read_dir(directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) {
            assert!(!example(&name).resolved.routes.is_empty(), "{name}");
            count += 1;
        }
    }
    assert!(count >= 7);
}

#[test]
fn services_and_regions_are_told_by_the_hosts() {
    for (name, expected, authority) in [
        ("aws-mcp-server.yaml", ("us-east-1", "aws-mcp"), "aws-mcp.us-east-1.api.aws"),
        (
            "agentcore-runtime.yaml",
            ("us-west-2", "bedrock-agentcore"),
            "bedrock-agentcore.us-west-2.amazonaws.com",
        ),
        (
            "agentcore-gateway.yaml",
            ("eu-central-1", "bedrock-agentcore"),
            "tools-abc123.gateway.bedrock-agentcore.eu-central-1.amazonaws.com",
        ),
        (
            "lambda-url.yaml",
            ("us-east-1", "lambda"),
            "abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws",
        ),
        (
            "api-gateway.yaml",
            ("eu-west-1", "execute-api"),
            "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        ),
    ] {
        let outcome = example(name);
        let backend = &outcome.resolved.routes[0].backends[0];
        assert_eq!(scope(backend), expected, "{name}");
        assert_eq!(backend.authority, authority);
        assert_eq!(backend.scheme, Scheme::Https);
        assert_eq!(backend.tls.as_ref().unwrap().server_name, authority);
    }
}

#[test]
fn the_runtime_path_is_kept_byte_for_byte() {
    let outcome = example("agentcore-runtime.yaml");
    assert_eq!(
        outcome.resolved.routes[0].backends[0].path_and_query,
        "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A123456789012%3Aruntime%2F\
         my_agent-AbCdEf1234/invocations?qualifier=DEFAULT"
    );
}

#[test]
fn the_mixed_example_has_three_kinds_of_credentials() {
    let outcome = example("mixed.yaml");
    let route = &outcome.resolved.routes[0];
    let kinds: Vec<_> = route.backends.iter().map(|backend| backend.credential.kind()).collect();
    assert_eq!(kinds, ["api-key", "aws", "none"]);
    assert!(route.backends[0].tools.allows("list_issues"));
    assert!(!route.backends[0].tools.allows("delete_issue"));
    let expected = "\
route default/mixed
  serves http://127.0.0.1:1975/mcp (listener default/sealgate/http)
  backend github: https://api.githubcopilot.com/mcp/readonly, API key in header authorization, tools selected
  backend aws: https://aws-mcp.us-east-1.api.aws/mcp, AWS SigV4 aws-mcp/us-east-1 (default chain)
  backend local: http://127.0.0.1:3001/mcp, no credential
";
    assert_eq!(outcome.summary(), expected);
}

#[test]
fn an_mcp_json_becomes_one_route() {
    let outcome = example("mcp.json");
    let route = &outcome.resolved.routes[0];
    let names: Vec<_> = route.backends.iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, ["aws", "runtime", "github", "knowledge"]);
    assert_eq!(scope(&route.backends[0]), ("us-east-1", "aws-mcp"));
    assert_eq!(scope(&route.backends[1]), ("us-west-2", "bedrock-agentcore"));
    assert!(matches!(route.backends[2].credential, Credential::Headers(_)));
    assert_eq!(route.backends[3].credential, Credential::None);
}

#[test]
fn the_whole_directory_can_be_a_source() {
    let outcome = load(&[Source::Path(directory())], &options());
    // Several examples serve /mcp, so the later ones say which one they clash with.
    assert!(outcome.findings.iter().any(|finding| finding.code == "route-conflict"));
    assert!(!outcome.resolved.routes.is_empty());
}
