//! Every published message, word for word.

use crate::support::{backend, errors, load_text, route, secret};

/// Loads a route with these backend fields and spec fields and looks for `expected`.
#[track_caller]
fn expect(fields: &str, spec: &str, expected: &str) {
    let text = route(fields, spec) + &backend("aws-mcp.us-east-1.api.aws", 443);
    let outcome = load_text(&text);
    let errors = errors(&outcome);
    assert!(errors.contains(&expected), "wanted {expected}\ngot {errors:#?}");
    assert!(outcome.resolved.routes.is_empty(), "nothing may be served");
}

#[test]
fn rules_of_backend_references() {
    let policy = "spec.backendRefs[0].securityPolicy";
    for (fields, path, message) in [
        (
            "      toolSelector: {}",
            "spec.backendRefs[0].toolSelector",
            "at least one of include, includeRegex, exclude, or excludeRegex must be specified",
        ),
        (
            "      toolSelector: { include: [a], includeRegex: [b] }",
            "spec.backendRefs[0].toolSelector",
            "include and includeRegex are mutually exclusive",
        ),
        (
            "      toolSelector: { exclude: [a], excludeRegex: [b] }",
            "spec.backendRefs[0].toolSelector",
            "exclude and excludeRegex are mutually exclusive",
        ),
        (
            "      securityPolicy: { apiKey: {} }",
            &format!("{policy}.apiKey"),
            "exactly one of secretRef or inline must be set",
        ),
        (
            "      securityPolicy: { apiKey: { inline: a, secretRef: { name: s } } }",
            &format!("{policy}.apiKey"),
            "exactly one of secretRef or inline must be set",
        ),
        (
            "      securityPolicy: { apiKey: { inline: a, header: X, queryParam: k } }",
            &format!("{policy}.apiKey"),
            "only one of header or queryParam can be set",
        ),
        (
            "      securityPolicy: { apiKey: { inline: a }, awsCredentials: { region: r } }",
            policy,
            "only one of apiKey or awsCredentials can be set",
        ),
    ] {
        expect(fields, "", &format!("{path}: Invalid value: \"object\": {message}"));
    }
}

#[test]
fn rules_of_routes() {
    let jwt = "source: { jwt: { scopes: [a] } }";
    let metadata = "protectedResourceMetadata: { resource: 'https://r.example' }";
    for (spec, expected) in [
        (
            "  securityPolicy: { oauth: { issuer: 'https://i.example', jwks: {}, METADATA } }",
            "spec.securityPolicy.oauth.jwks: Invalid value: \"object\": either remoteJWKS or \
             localJWKS must be specified.",
        ),
        (
            "  securityPolicy: { oauth: { issuer: 'https://i.example', METADATA, \
             jwks: { remoteJWKS: { uri: 'https://x' }, localJWKS: { inline: x } } } }",
            "spec.securityPolicy.oauth.jwks: Invalid value: \"object\": remoteJWKS and localJWKS \
             cannot both be specified.",
        ),
        (
            "  securityPolicy: { authorization: { rules: [{ JWT }] } }",
            "spec.securityPolicy: Invalid value: \"object\": oauth must be configured when any \
             authorization rule uses a jwt source",
        ),
        (
            "  securityPolicy: { authorization: { rules: [{ source: { jwt: { claims: [{ name: \
             scope, values: [x] }] } } }] } }",
            "spec.securityPolicy.authorization.rules[0].source.jwt.claims: Invalid value: \
             \"array\": 'scope' claim name is reserved for OAuth scopes",
        ),
        (
            "  securityPolicy: { authorization: { rules: [{ source: { jwt: {} } }] } }",
            "spec.securityPolicy.authorization.rules[0].source.jwt: Invalid value: \"object\": \
             either scopes or claims must be specified",
        ),
        (
            "  securityPolicy: { extAuth: {} }",
            "spec.securityPolicy.extAuth: Invalid value: \"object\": one of grpc or http must be \
             specified",
        ),
        (
            "  prefixMode: Sometimes",
            "spec.prefixMode: Unsupported value: \"Sometimes\": supported values: \"Always\", \
             \"Never\"",
        ),
        (
            "  hostnames: [Bad_Host]",
            "spec.hostnames[0]: Invalid value: \"Bad_Host\": spec.hostnames[0] in body should \
             match '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'",
        ),
        (
            "  headers: [{ name: 'a b', value: x }]",
            "spec.headers[0].name: Invalid value: \"a b\": spec.headers[0].name in body should \
             match '^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$'",
        ),
        ("  headers: [{ name: a }]", "spec.headers[0].value: Required value"),
    ] {
        let spec = spec.replace("METADATA", metadata).replace("JWT", jwt);
        expect("", &spec, expected);
    }
    let long = format!("  path: /{}", "x".repeat(1024));
    expect("", &long, "spec.path: Too long: may not be more than 1024 bytes");
}

#[test]
fn an_authorization_without_rules_is_no_rule_with_a_token() {
    let text = route("", "  securityPolicy: { authorization: { defaultAction: Deny } }");
    let outcome = load_text(&(text + &backend("x.example", 80)));
    let expected = "route default/r is left out: authorization is not enforced by Sealgate yet";
    assert_eq!(errors(&outcome), [expected]);
}

#[test]
fn backend_names_must_be_unique() {
    let twice = "    - { name: b, kind: Backend, group: gateway.envoyproxy.io }";
    let expected =
        "spec.backendRefs: Invalid value: \"array\": all backendRefs names must be unique";
    expect(twice, "", expected);
}

#[test]
fn only_gateways_are_parents() {
    let text = route("", "").replace("{ name: g }", "{ name: g, kind: Service }");
    let outcome = load_text(&text);
    let expected = "spec.parentRefs: Invalid value: \"array\": only Gateway is supported";
    assert!(errors(&outcome).contains(&expected), "{:#?}", errors(&outcome));
}

#[test]
fn a_service_needs_a_port() {
    let text = route("", "").replace("gateway.envoyproxy.io\n      kind: Backend", "\"\"");
    let outcome = load_text(&text);
    let expected =
        "spec.backendRefs[0]: Invalid value: \"object\": Must have port for Service reference";
    assert!(errors(&outcome).contains(&expected), "{:#?}", errors(&outcome));
}

#[test]
fn aws_messages() {
    let aws = |more: &str| {
        format!("      securityPolicy: {{ awsCredentials: {{ region: us-east-1{more} }} }}")
    };
    let file = aws(", credentialsFile: { secretRef: { name: s }, profile: p }");
    let https = backend("aws-mcp.us-east-1.api.aws", 443);
    let ini = "[p]\naws_access_key_id = A\naws_secret_access_key = B\n";
    let ip =
        https.replace("fqdn: { hostname: aws-mcp.us-east-1.api.aws", "ip: { address: 10.0.0.1");
    let service = route(&aws(""), "")
        .replace("gateway.envoyproxy.io\n      kind: Backend", "\"\"\n      port: 80");
    for (text, expected) in [
        (
            route(&aws(""), "") + &backend("my-mcp.example.com", 443),
            "cannot infer AWS SigV4 service name from host \"my-mcp.example.com\"; set \
             securityPolicy.awsCredentials.service explicitly",
        ),
        (service, "AWS SigV4 signing requires a Backend reference, but backend b has kind Service"),
        (
            route(&aws(""), ""),
            "failed to get backend b: backends.gateway.envoyproxy.io \"b\" not found",
        ),
        (
            route(&aws(""), "") + &ip,
            "backend b has no FQDN/hostname endpoint, which is required for AWS SigV4 signing",
        ),
        (
            route(&file, "") + &https,
            "failed to get AWS credentials secret default/s: secrets \"s\" not found",
        ),
        (
            route(&file, "") + &https + &secret("s", "apiKey", "x"),
            "secret default/s does not contain key 'credentials' key",
        ),
        (
            route(&file, "") + &https + &secret("s", "credentials", "[q]"),
            "cannot load shared config profile \"p\": not found",
        ),
        (
            route(&file, "") + &https + &secret("s", "credentials", "[p]\nregion = x"),
            "shared config profile \"p\" does not contain any credentials",
        ),
        (
            route(&aws(""), "") + &backend("aws-mcp.us-east-1.api.aws", 80),
            "backend b is left out: AWS credentials are not sent over plain http",
        ),
        (
            route(&aws(", service: x"), "") + &backend("knowledge-mcp.global.api.aws", 443),
            "knowledge-mcp.global.api.aws is open to all and must not be sent AWS credentials",
        ),
        (
            route("      securityPolicy: { awsCredentials: {} }", "") + &https,
            "spec.backendRefs[0].securityPolicy.awsCredentials.region: Required value",
        ),
        (
            route("      securityPolicy: { apiKey: { secretRef: { name: s } } }", "")
                + &https
                + &secret("s", "key", "x"),
            "secret default/s does not contain 'apiKey' key",
        ),
    ] {
        let outcome = load_text(&text);
        assert!(errors(&outcome).contains(&expected), "{expected}\n{:#?}", errors(&outcome));
        assert!(outcome.resolved.routes.is_empty());
    }
    let good = load_text(&(route(&file, "") + &https + &secret("s", "credentials", ini)));
    assert_eq!(errors(&good), Vec::<&str>::new());
}

#[test]
fn rules_of_backends() {
    for (endpoints, expected) in [
        (
            "[{}]",
            "spec.endpoints[0]: Invalid value: \"object\": one of fqdn, ip or unix must be specified",
        ),
        (
            "[{ ip: { address: 1.2.3.4, port: 1 }, unix: { path: /x } }]",
            "spec.endpoints[0]: Invalid value: \"object\": only one of fqdn, ip or unix can be specified",
        ),
        (
            "[{ ip: { address: 1.2.3.4, port: 1 } }, { fqdn: { hostname: a.b, port: 1 } }]",
            "spec.endpoints: Invalid value: \"array\": fqdn endpoints can't be mixed with other types",
        ),
        (
            "[]",
            "spec.endpoints: Invalid value: 0: spec.endpoints in body should have at least 1 items",
        ),
        (
            "[{ ip: { address: 1.2.3, port: 1 } }]",
            "spec.endpoints[0].ip.address: Invalid value: \"1.2.3\": spec.endpoints[0].ip.address in body should match '^((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$'",
        ),
    ] {
        let text = backend("x.example", 80);
        let text = text.replace("[{ fqdn: { hostname: x.example, port: 80 } }]", endpoints);
        let outcome = load_text(&text);
        assert!(errors(&outcome).contains(&expected), "{expected}\n{:#?}", errors(&outcome));
    }
}
