//! One route with every field of the schema, in both versions.

use std::path::PathBuf;
use std::time::Duration;

use sealgate_aws::identity::Source as AwsSource;
use sealgate_config::resolved::{Address, Credential, EraSetting, PrefixMode, Scheme};
use sealgate_config::{Outcome, Severity};

use crate::support::{errors, load_text, messages, scope};

const TEXT: &str = include_str!("../fixtures/kitchen-sink.yaml");

#[track_caller]
fn load(version: &str, protected: bool) -> Outcome {
    let mark = if protected { "#PROTECTED" } else { "#NOTHING" };
    load_text(&TEXT.replace("VERSION", version).replace(mark, ""))
}

#[test]
fn every_field_is_known_and_resolved() {
    for version in ["v1alpha1", "v1beta1"] {
        let outcome = load(version, false);
        assert_eq!(errors(&outcome), Vec::<&str>::new());
        assert_eq!(messages(&outcome, Severity::Warning), Vec::<&str>::new());
        let route = &outcome.resolved.routes[0];
        assert_eq!(route.name, "default/all-fields");
        assert_eq!(route.hostnames.len(), 2);
        assert!(route.headers[1].value.matches("prod"));
        assert!(!route.headers[1].value.matches("prodtest"));
        let [github, header, query, agent, service] = route.backends.as_slice() else {
            panic!("{:#?}", outcome.findings)
        };

        let Credential::ApiKey { header: name, value, always } = &github.credential else {
            panic!()
        };
        assert_eq!((name.as_str(), value.expose()), ("authorization", "Bearer ghp_secret"));
        assert!(*always);
        assert_eq!(github.tls.as_ref().unwrap().server_name, "api.githubcopilot.com");
        assert_eq!(github.forward_headers[0].backend.as_str(), "x-original-auth");
        assert_eq!(github.forward_headers[1].backend.as_str(), "x-user");

        let Credential::ApiKey { header: name, value, always } = &header.credential else {
            panic!()
        };
        assert_eq!((name.as_str(), value.expose(), *always), ("x-api-key", "plain-key", false));
        assert_eq!(header.authority, "keys.internal:8080");
        assert_eq!(header.connect, [Address::Ip("[::1]:8080".parse().unwrap())]);

        assert!(
            matches!(&query.credential, Credential::QueryKey { param, .. } if param == "api_key")
        );
        assert_eq!(query.prefix, PrefixMode::Never);
        assert_eq!(query.connect, [Address::Unix(PathBuf::from("/run/query.sock"))]);
        assert_eq!(query.authority, "localhost");

        assert_eq!(scope(agent), ("us-east-1", "bedrock-agentcore"));
        let Credential::Aws { identity, signing_host, .. } = &agent.credential else { panic!() };
        assert!(
            matches!(&identity.source, AwsSource::CredentialsText { profile, .. } if profile == "default")
        );
        let role = &identity.roles[0];
        assert_eq!(role.role_arn, "arn:aws:iam::123456789012:role/x");
        assert_eq!(role.external_id.as_deref(), Some("ext"));
        assert_eq!(role.duration, Some(Duration::from_secs(1800)));
        assert_eq!(role.tags, [("team".to_owned(), "a".to_owned())]);
        assert_eq!(identity.sts_region.as_deref(), Some("us-east-1"));
        assert_eq!(signing_host.as_deref(), Some("bedrock-agentcore.us-east-1.amazonaws.com"));
        assert_eq!(agent.authority, "bedrock-agentcore.us-east-1.amazonaws.com");
        let via = agent.via.as_ref().unwrap();
        assert_eq!((via.scheme, via.authority.as_str()), (Scheme::Http, "127.0.0.1:10088"));
        assert_eq!(agent.deadlines.connect, Duration::from_millis(250));
        assert_eq!(agent.deadlines.first_byte, Duration::from_secs(90));
        assert_eq!(agent.deadlines.list, Duration::from_secs(20));
        assert_eq!(agent.deadlines.call, Duration::from_secs(3600));
        assert_eq!(agent.era, EraSetting::Legacy);

        assert_eq!(service.authority, "service.default.svc:3001");
    }
}

#[test]
fn a_route_with_protections_is_valid_and_not_served() {
    let outcome = load("v1beta1", true);
    let expected: Vec<String> =
        ["backendSelector", "oauth", "apiKeyAuth", "extAuth", "authorization"]
            .iter()
            .map(|protection| {
                format!(
                    "route default/all-fields is left out: {protection} is not enforced by \
                     Sealgate yet"
                )
            })
            .collect();
    assert_eq!(errors(&outcome), expected);
    assert_eq!(messages(&outcome, Severity::Warning), Vec::<&str>::new());
    assert!(outcome.resolved.routes.is_empty());
}

#[test]
fn the_older_version_gets_a_note() {
    let outcome = load("v1alpha1", false);
    let expected = "aigateway.envoyproxy.io/v1alpha1 is deprecated; use \
                    aigateway.envoyproxy.io/v1beta1 instead";
    assert!(messages(&outcome, Severity::Note).contains(&expected));
}
