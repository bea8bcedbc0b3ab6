//! A URL as the only source.

use sealgate_config::resolved::{Credential, PrefixMode, Roots};
use sealgate_config::{Outcome, Source, load};

use crate::support::{errors, only_backend, options, scope};

fn load_url(url: &str) -> Outcome {
    load(&[Source::Url(url.to_owned())], &options())
}

#[test]
fn a_known_aws_host_is_signed_for() {
    let outcome = load_url("https://aws-mcp.us-east-1.api.aws/mcp");
    let backend = only_backend(&outcome);
    assert_eq!(scope(backend), ("us-east-1", "aws-mcp"));
    assert_eq!(backend.prefix, PrefixMode::Never);
    assert_eq!(backend.name, "aws-mcp");
    assert_eq!(backend.tls.as_ref().unwrap().ca, Roots::System);
    assert_eq!(outcome.resolved.routes[0].path, "/mcp");
}

#[test]
fn open_and_foreign_hosts_are_not_signed_for() {
    for url in [
        "https://knowledge-mcp.global.api.aws",
        "https://mcp.example.com/mcp",
        "http://127.0.0.1:8000/mcp",
    ] {
        assert_eq!(only_backend(&load_url(url)).credential, Credential::None, "{url}");
    }
}

#[test]
fn plain_http_to_aws_is_refused_unless_a_hop_is_named() {
    let url = "http://aws-mcp.us-east-1.api.aws/mcp";
    let outcome = load_url(url);
    assert!(errors(&outcome)[0].contains("plain http"));
    let mut options = options();
    options.via = Some("http://127.0.0.1:10088".to_owned());
    only_backend(&load(&[Source::Url(url.to_owned())], &options));
}

#[test]
fn a_bad_url_is_explained_without_its_secrets() {
    let outcome = load_url("https://user:hunter2@x.example/?key=hunter2");
    let finding = &outcome.findings[0];
    assert!(finding.message.contains("user name"));
    assert!(!finding.render(false).contains("hunter2"));
}
