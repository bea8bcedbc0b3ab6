//! Whose credentials sign, and what about them is refused.

use sealgate_aws::identity::Source;
use sealgate_config::resolved::Credential;

use crate::support::{backend, errors, load_text, only_backend, route, secret};

const EXCHANGE: &str = "---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: { name: p }
spec:
  type: AWSCredentials
  targetRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: b }]
  awsCredentials:
    region: eu-central-1
    oidcExchangeToken:
      oidc:
        provider: { issuer: 'https://id.example.com' }
        clientID: gateway
        clientSecret: { name: client }
        scopes: [aws]
      aud: sts.amazonaws.com
      awsRoleArn: arn:aws:iam::123456789012:role/web
";

#[test]
fn a_token_exchange_becomes_an_identity() {
    let bare = route("", "") + &backend("aws-mcp.eu-central-1.api.aws", 443);
    let keys = secret("client", "client-secret", "s3cr3t");
    let outcome = load_text(&(bare.clone() + EXCHANGE + &keys));
    assert_eq!(outcome.findings, []);
    let Credential::Aws { identity, .. } = &only_backend(&outcome).credential else { panic!() };
    let Source::Oidc { client, role } = &identity.source else { panic!("{identity:?}") };
    assert_eq!((&*client.issuer, &*client.client_id), ("https://id.example.com", "gateway"));
    assert_eq!(client.client_secret.expose(), "s3cr3t");
    assert_eq!(client.scopes, ["aws"]);
    assert_eq!(client.audience.as_deref(), Some("sts.amazonaws.com"));
    assert_eq!(role.role_arn, "arn:aws:iam::123456789012:role/web");
    assert_eq!(identity.sts_region.as_deref(), Some("eu-central-1"));
    assert!(!format!("{:?}{}", outcome.resolved, outcome.summary()).contains("s3cr3t"));

    // The same by `identityRef`, with the client's name in the Secret too.
    let named = EXCHANGE
        .replace("  targetRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: b }]\n", "")
        .replace("clientID: gateway", "clientIDRef: { name: client }");
    let reference = "      securityPolicy: { awsCredentials: { region: eu-central-1, \
                     identityRef: { name: p } } }";
    let keys = keys.replace("stringData: {", "stringData: { client-id: gateway,");
    let text =
        route(reference, "") + &backend("aws-mcp.eu-central-1.api.aws", 443) + &named + &keys;
    let outcome = load_text(&text);
    assert_eq!(outcome.findings, []);
    let Credential::Aws { identity: same, .. } = &only_backend(&outcome).credential else {
        panic!()
    };
    assert_eq!(same.source.to_string(), identity_words());
}

fn identity_words() -> &'static str {
    "OIDC client gateway of https://id.example.com, role arn:aws:iam::123456789012:role/web"
}

#[test]
fn a_token_exchange_that_cannot_work_is_refused_at_load() {
    let at = "spec.awsCredentials.oidcExchangeToken";
    let bare = route("", "") + &backend("aws-mcp.eu-central-1.api.aws", 443);
    let keys = secret("client", "client-secret", "s");
    for (from, to, expected) in [
        (
            "https://id",
            "http://id",
            format!(
                "{at}.oidc.provider.issuer: \"http://id.example.com\" must be https, since secrets \
                 are sent there"
            ),
        ),
        (
            "clientID: gateway",
            "clientID: gateway\n        clientIDRef: { name: client }",
            format!(
                "{at}.oidc: Invalid value: \"object\": only one of clientID or clientIDRef must be \
                 set"
            ),
        ),
        (
            "aud: sts",
            "grantType: password\n      aud: sts",
            "grantType \"password\" is not supported".to_owned(),
        ),
        (
            "arn:aws:iam::123456789012:role/web",
            "web",
            format!("{at}.awsRoleArn: Invalid value: \"web\": must be the ARN of an IAM role"),
        ),
        ("name: client }", "name: other }", "secret default/other not found".to_owned()),
        (
            "    region: eu-central-1",
            "    region: eu-central-1\n    credentialsFile: { secretRef: { name: client } }",
            "only one of credentialsFile or oidcExchangeToken can be set".to_owned(),
        ),
        ("awsRoleArn", "awsRoleARN", format!("unknown field \"{at}.awsRoleARN\"")),
    ] {
        let outcome = load_text(&(bare.clone() + &EXCHANGE.replace(from, to) + &keys));
        assert!(errors(&outcome).contains(&&*expected), "{expected}\n{:#?}", errors(&outcome));
        assert!(outcome.resolved.routes.is_empty(), "{expected}");
    }
    let wrong = bare + EXCHANGE + &secret("client", "secret", "s");
    let expected = "secret default/client does not contain 'client-secret' key";
    assert!(errors(&load_text(&wrong)).contains(&expected));
}

#[test]
fn an_unknown_field_about_credentials_leaves_the_backend_out() {
    for fields in [
        "region: us-east-1, roleArn: 'arn:aws:iam::123456789012:role/x'",
        "region: us-east-1, credentialFile: { secretRef: { name: keys } }",
        "region: us-east-1, credentialsFile: { secretRef: { name: keys }, proflie: x }",
    ] {
        let fields = format!("      securityPolicy: {{ awsCredentials: {{ {fields} }} }}");
        let keys = secret(
            "keys",
            "credentials",
            "[default]\naws_access_key_id=A\naws_secret_access_key=B",
        );
        let text = route(&fields, "") + &backend("aws-mcp.us-east-1.api.aws", 443) + &keys;
        let outcome = load_text(&text);
        assert!(
            errors(&outcome).iter().any(|it| it.starts_with("unknown field")),
            "{:#?}",
            errors(&outcome)
        );
        assert!(
            outcome.resolved.routes.is_empty(),
            "the gateway's own identity is not used instead"
        );
    }
}

#[test]
fn what_reaches_out_of_a_credentials_file_is_a_finding() {
    let fields = "      securityPolicy: { awsCredentials: { region: us-east-1, credentialsFile: { \
                  secretRef: { name: keys } } } }";
    for key in [
        "credential_process = /bin/sh -c id",
        "role_arn = arn:aws:iam::1:role/x\ncredential_source = Ec2InstanceMetadata",
        "web_identity_token_file = /var/run/secrets/token",
        "sso_session = corp",
        "login_session = arn:aws:iam::1:user/x",
    ] {
        let file = format!("[default]\naws_access_key_id = A\naws_secret_access_key = B\n{key}\n");
        let text = route(fields, "")
            + &backend("aws-mcp.us-east-1.api.aws", 443)
            + &secret("keys", "credentials", &file);
        let outcome = load_text(&text);
        let found = errors(&outcome);
        assert!(found.iter().any(|it| it.contains("reaches outside of the text")), "{found:#?}");
        assert!(!found.iter().any(|it| it.contains("/bin/sh")), "no value is quoted");
        assert!(outcome.resolved.routes.is_empty());
    }
}

#[test]
fn roles_stand_on_each_other() {
    let policy = "---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: { name: base }
spec:
  type: AWSCredentials
  awsCredentials:
    region: eu-west-1
    assumeRole:
      roleArn: arn:aws:iam::111111111111:role/hub
      tags: { team: a, stage: b }
      transitiveTagKeys: [team]
";
    let fields = "      securityPolicy: { awsCredentials: { region: '*', identityRef: { name: base }, \
                  assumeRole: { roleArn: 'arn:aws:iam::222222222222:role/spoke' } } }";
    let text = route(fields, "") + &backend("aws-mcp.us-east-1.api.aws", 443) + policy;
    let outcome = load_text(&text);
    assert_eq!(outcome.findings, [], "a region set contradicts no host");
    let Credential::Aws { identity, region, .. } = &only_backend(&outcome).credential else {
        panic!()
    };
    assert_eq!(region, "*");
    let roles: Vec<_> = identity.roles.iter().map(|role| role.role_arn.as_str()).collect();
    assert_eq!(
        roles,
        ["arn:aws:iam::111111111111:role/hub", "arn:aws:iam::222222222222:role/spoke"]
    );
    assert_eq!(identity.roles[0].transitive_tags, ["team"]);
    assert_eq!(identity.sts_region.as_deref(), Some("eu-west-1"));
}

#[test]
fn two_files_of_credentials_have_names_of_their_own() {
    let reference = |name: &str| {
        let aws = "awsCredentials: { region: us-east-1, credentialsFile: { secretRef: { name: ";
        route(&format!("      securityPolicy: {{ {aws}{name} }} }} }} }}"), "")
    };
    let keys = |name: &str| {
        secret(name, "credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=B")
    };
    let described = |name: &str| {
        let host = backend("aws-mcp.us-east-1.api.aws", 443);
        let outcome = load_text(&(reference(name) + &host + &keys(name)));
        let Credential::Aws { identity, .. } = &only_backend(&outcome).credential else { panic!() };
        identity.to_string()
    };
    assert_eq!(described("one"), "Secret default/one, profile default");
    assert_eq!(described("two"), "Secret default/two, profile default");
}

#[test]
fn more_headers_may_be_signed_unless_they_change_on_the_way() {
    let load = |names: &str| {
        let aws = format!("awsCredentials: {{ region: us-east-1, signedHeaders: [{names}] }}");
        let fields = format!("      securityPolicy: {{ {aws} }}");
        load_text(&(route(&fields, "") + &backend("aws-mcp.us-east-1.api.aws", 443)))
    };
    let outcome = load("X-Tenant, accept");
    assert_eq!(outcome.findings, []);
    let Credential::Aws { signed_headers, .. } = &only_backend(&outcome).credential else {
        panic!()
    };
    assert_eq!(signed_headers, &["x-tenant", "accept"]);
    for name in ["User-Agent", "authorization", "x-amzn-trace-id", "x-forwarded-for", "connection"]
    {
        let outcome = load(name);
        assert!(
            errors(&outcome).iter().any(|it| it.contains("cannot be signed")),
            "{:#?}",
            errors(&outcome)
        );
        assert!(outcome.resolved.routes.is_empty());
    }
}

#[test]
fn a_region_cannot_lead_to_another_host() {
    let server = backend("aws-mcp.eu-central-1.api.aws", 443);
    for region in ["x.evil.example/", "eu-central-1.evil.example", "a b", "'us-east-1,'"] {
        let security = format!(
            "      securityPolicy: {{ awsCredentials: {{ region: {region}, service: aws-mcp }} }}"
        );
        let outcome = load_text(&(route(&security, "") + &server));
        let expected = format!("{:?} cannot be an AWS region", region.trim_matches('\''));
        assert!(errors(&outcome).contains(&&*expected), "{:?}", errors(&outcome));
        assert!(outcome.resolved.routes.is_empty());
    }
}
