//! References followed, conflicts found, and what is wrong takes down itself only.

use sealgate_config::resolved::{Address, Credential, Roots, Scheme};
use sealgate_config::{Severity, Source, load};

use crate::support::{
    backend, certificate, errors, load_text, messages, only_backend, options, route, scope, secret,
};

const GATEWAY: &str = "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: g }
spec:
  gatewayClassName: c
  listeners:
    - { name: http, protocol: HTTP, port: 8080 }
    - { name: api, protocol: HTTP, port: 8081, hostname: '*.example.org' }
";

const AWS: &str = "      securityPolicy: { awsCredentials: { region: us-east-1, service: x } }";

#[test]
fn without_a_gateway_routes_are_served_on_listen() {
    let outcome = load_text(&(route("", "") + &backend("x.example", 80)));
    assert_eq!(outcome.findings, []);
    assert_eq!(outcome.resolved.listeners[0].name, "main");
    assert_eq!(outcome.resolved.listeners[0].address.to_string(), "127.0.0.1:1975");
    assert_eq!(outcome.resolved.routes[0].listeners, [0]);
}

#[test]
fn a_route_is_served_on_the_listeners_of_its_gateway() {
    let text = route("", "") + &backend("x.example", 80) + GATEWAY;
    let outcome = load_text(&text);
    let names: Vec<_> = outcome.resolved.listeners.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["default/g/http", "default/g/api"]);
    assert_eq!(outcome.resolved.listeners[1].address.port(), 8081);
    let one = load_text(&text.replace("{ name: g }]", "{ name: g, sectionName: http }]"));
    assert_eq!(one.resolved.listeners.len(), 1);
    let hosts = text.replace("{ name: g }]", "{ name: g, port: 8081 }]\n  hostnames: [other.test]");
    let none = load_text(&hosts);
    assert!(errors(&none).contains(&"gateway default/g has no listener for the route's hostnames"));
    assert!(none.resolved.routes.is_empty());
}

#[test]
fn an_absent_gateway_is_an_error_when_others_are_there() {
    let text = route("", "") + &backend("x.example", 80) + &GATEWAY.replace("name: g ", "name: h ");
    let outcome = load_text(&text);
    assert_eq!(
        errors(&outcome),
        ["route default/r is left out: no listener serves it", "gateway default/g not found",]
    );
    assert!(
        messages(&outcome, Severity::Note).contains(&"no route is served on gateway default/h")
    );
}

#[test]
fn gateways_choose_whose_routes_they_serve() {
    let away = route("", "").replace("{ name: r }", "{ name: r, namespace: away }");
    let away = away.replace("[{ name: g }]", "[{ name: g, namespace: default }]");
    let away = away + &backend("x.example", 80).replace("name: b }", "name: b, namespace: away }");
    let outcome = load_text(&(away.clone() + GATEWAY));
    let expected = "gateway default/g does not allow routes of namespace \"away\"";
    assert!(errors(&outcome).contains(&expected), "{:?}", errors(&outcome));
    let open = GATEWAY.replace("8080 }", "8080, allowedRoutes: { namespaces: { from: All } } }");
    assert_eq!(load_text(&(away + &open)).resolved.listeners.len(), 1);
}

#[test]
fn https_listeners_take_their_certificate_from_a_secret() {
    let tls = GATEWAY.replace(
        "protocol: HTTP, port: 8080",
        "protocol: HTTPS, port: 8443, tls: { certificateRefs: [{ name: cert }] }",
    );
    let text = route("", "").replace("{ name: g }]", "{ name: g, sectionName: http }]")
        + &backend("x.example", 80)
        + &tls;
    let outcome = load_text(&text);
    assert!(errors(&outcome).contains(&"secret default/cert not found"));
    assert!(outcome.resolved.routes.is_empty());
    let pair = "---\napiVersion: v1\nkind: Secret\nmetadata: { name: cert }\ntype: kubernetes.io/tls\n\
                stringData: { tls.crt: @chain@, tls.key: @key@ }\n";
    let (chain, key) = certificate("edge.example");
    let pair = pair.replace("@chain@", &format!("{chain:?}")).replace("@key@", &format!("{key:?}"));
    let outcome = load_text(&(text + &pair));
    let tls = outcome.resolved.listeners[0].tls.as_ref().unwrap();
    assert_eq!(
        (tls.certificate_pem.as_slice(), tls.key_pem.expose()),
        (chain.as_bytes(), key.as_str())
    );
}

#[test]
fn one_bad_backend_leaves_out_only_itself() {
    let fields = "      toolSelector: { include: [a] }
    - name: c
      group: gateway.envoyproxy.io
      kind: Backend
      toolSelector: { includeRegex: ['('] }
    - { name: d, group: gateway.envoyproxy.io, kind: Backend }
    - { name: e, group: other.example, kind: Thing }";
    let outcome = load_text(&(route(fields, "") + &backend("x.example", 80)));
    assert_eq!(only_backend(&outcome).name, "b");
    let errors = errors(&outcome);
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert_eq!(
        errors[0],
        "spec.backendRefs[1].toolSelector.includeRegex[0]: Invalid value: \"(\": invalid regular \
         expression: unclosed group"
    );
}

#[test]
fn one_bad_route_leaves_out_only_itself() {
    let bad = route("", "  path: mcp").replace("name: r ", "name: bad ");
    let outcome = load_text(&format!("{bad}---\n{}{}", route("", ""), backend("x.example", 80)));
    assert_eq!(outcome.resolved.routes.len(), 1);
    assert_eq!(outcome.resolved.routes[0].name, "default/r");
}

#[test]
fn of_two_routes_for_the_same_requests_the_later_is_left_out() {
    let second = route("", "").replace("name: r ", "name: s ");
    let text = format!("{}---\n{second}{}", route("", ""), backend("x.example", 80));
    let outcome = load_text(&text);
    assert_eq!(
        errors(&outcome),
        ["route default/s is left out: it serves the same host, path \"/mcp\" and headers as \
          route default/r"]
    );
    let other = text.replace("name: s }\nspec:", "name: s }\nspec:\n  path: /other");
    assert_eq!(load_text(&other).resolved.routes.len(), 2);
    let header = "name: s }\nspec:\n  headers: [{ name: a, value: b }]";
    assert_eq!(load_text(&text.replace("name: s }\nspec:", header)).resolved.routes.len(), 2);
}

#[test]
fn a_misspelt_protection_is_an_error() {
    for field in ["securityPolcy", "backendSelecter", "hostname"] {
        let text = route("", &format!("  {field}: {{}}")) + &backend("x.example", 80);
        let outcome = load_text(&text);
        assert!(outcome.resolved.routes.is_empty(), "{field}");
    }
    let outcome = load_text(&(route("", "  retries: 3") + &backend("x.example", 80)));
    assert_eq!(messages(&outcome, Severity::Warning), ["unknown field \"spec.retries\""]);
    assert_eq!(outcome.resolved.routes.len(), 1);
}

#[test]
fn tls_comes_from_a_policy_or_the_backend_and_never_from_the_port() {
    let plain =
        backend("x.example", 443).replace("  tls: { wellKnownCACertificates: System }\n", "");
    let outcome = load_text(&(route("", "") + &plain));
    assert_eq!(only_backend(&outcome).scheme, Scheme::Http);
    assert_eq!(only_backend(&outcome).authority, "x.example:443");
    assert_eq!(messages(&outcome, Severity::Warning), ["backend b uses port 443 without TLS"]);

    let policy = "---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: p }
spec:
  targetRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: b }]
  validation: { caCertificateRefs: [{ group: '', kind: ConfigMap, name: ca }], hostname: sni.example }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: ca }
data: { ca.crt: @authority@ }
";
    let policy = policy.replace("@authority@", &format!("{:?}", certificate("ca.example").0));
    let outcome = load_text(&(route("", "") + &plain + &policy));
    assert_eq!(outcome.findings, []);
    let backend = only_backend(&outcome);
    assert_eq!(backend.authority, "x.example");
    let tls = backend.tls.as_ref().unwrap();
    assert_eq!(tls.server_name, "sni.example");
    assert!(matches!(&tls.ca, Roots::Pem(pem) if pem.starts_with(b"-----BEGIN")));

    let broken = policy.replace("hostname: sni.example", "hostname: NOT_A_HOST");
    let outcome = load_text(&(route("", "") + &plain + &broken));
    assert!(outcome.resolved.routes.is_empty(), "plain text instead of TLS");
}

#[test]
fn an_ip_endpoint_with_a_name_connects_to_the_ip_and_signs_for_the_name() {
    let text = backend("unused.example", 443).replace(
        "fqdn: { hostname: unused.example, port: 443 }",
        "ip: { address: 10.1.2.3, port: 443 }, hostname: aws-mcp.us-east-1.api.aws",
    );
    let aws = "      securityPolicy: { awsCredentials: { region: us-east-1 } }";
    let outcome = load_text(&(route(aws, "") + &text));
    let backend = only_backend(&outcome);
    assert_eq!(backend.connect, [Address::Ip("10.1.2.3:443".parse().unwrap())]);
    assert_eq!(backend.authority, "aws-mcp.us-east-1.api.aws");
    assert_eq!(scope(backend), ("us-east-1", "aws-mcp"));
}

#[test]
fn each_endpoint_of_a_signed_backend_has_its_own_host_and_all_one_service() {
    let two = |first: &str, second: &str| {
        let list = format!(
            "[{{ ip: {{ address: 10.0.0.1, port: 443 }}, hostname: {first} }}, \
             {{ ip: {{ address: 10.0.0.2, port: 443 }}, hostname: {second} }}]"
        );
        let single = "[{ fqdn: { hostname: x.example, port: 443 } }]";
        backend("x.example", 443).replace(single, &list)
    };
    let outcome = load_text(&(route(AWS, "") + &two("a.example", "b.example")));
    let endpoints = &only_backend(&outcome).endpoints;
    let hosts: Vec<_> = endpoints.iter().map(|endpoint| endpoint.authority.as_str()).collect();
    assert_eq!(hosts, ["a.example", "b.example"]);
    let names = endpoints.iter().map(|it| it.tls.as_ref().unwrap().server_name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["a.example", "b.example"]);
    let inferred = "      securityPolicy: { awsCredentials: { region: us-east-1 } }";
    let different = two("aws-mcp.us-east-1.api.aws", "bedrock-agentcore.us-east-1.amazonaws.com");
    let outcome = load_text(&(route(inferred, "") + &different));
    assert!(
        errors(&outcome)[1].contains("different AWS services: aws-mcp, bedrock-agentcore"),
        "{:?}",
        errors(&outcome)
    );
}

#[test]
fn signatures_do_not_leave_in_plain_text() {
    let refused = load_text(&(route(AWS, "") + &backend("x.example", 80)));
    assert!(refused.resolved.routes.is_empty());
    for host in ["localhost", "mcp.localhost"] {
        only_backend(&load_text(&(route(AWS, "") + &backend(host, 8080))));
    }
    let ip =
        backend("x.example", 80).replace("fqdn: { hostname: x.example", "ip: { address: 127.0.0.1");
    let outcome = load_text(&(route(AWS, "") + &ip));
    assert_eq!(only_backend(&outcome).authority, "127.0.0.1");
}

#[test]
fn a_hop_changes_where_bytes_go_and_not_what_is_signed() {
    let plain = backend("aws-mcp.us-east-1.api.aws", 443)
        .replace("  tls: { wellKnownCACertificates: System }\n", "");
    let mut options = options();
    options.via = Some("http://envoy.internal:10088".to_owned());
    let text = route(AWS, "") + &plain;
    let load = |text: String| load(&[Source::text("test.yaml", text)], &options);
    let outcome = load(text.clone());
    let served = only_backend(&outcome);
    assert_eq!(served.authority, "aws-mcp.us-east-1.api.aws");
    assert_eq!(served.scheme, Scheme::Https);
    let via = served.via.as_ref().unwrap();
    assert_eq!(via.address, Address::Dns { host: "envoy.internal".to_owned(), port: 10088 });
    let own = "name: b, annotations: { sealgate.dev/via: 'https://own.example' } }";
    let outcome = load(text.replace("name: b }", own));
    assert_eq!(only_backend(&outcome).via.as_ref().unwrap().authority, "own.example");
    options.via = Some("nonsense".to_owned());
    let source = Source::text("test.yaml", text);
    let outcome = sealgate_config::load(&[source], &options);
    assert!(outcome.has_errors() && outcome.resolved.routes.is_empty());
}

#[test]
fn contradictions_between_settings_and_host_are_named() {
    let aws = "      securityPolicy: { awsCredentials: { region: eu-west-1, service: bedrock } }";
    let text = route(aws, "") + &backend("bedrock-agentcore.us-east-1.amazonaws.com", 443);
    let outcome = load_text(&text);
    assert_eq!(scope(only_backend(&outcome)), ("eu-west-1", "bedrock"));
    let warnings = messages(&outcome, Severity::Warning);
    assert!(warnings[0].contains("\"bedrock\"") && warnings[0].contains("\"bedrock-agentcore\""));
    assert!(warnings[1].contains("\"eu-west-1\"") && warnings[1].contains("\"us-east-1\""));
}

#[test]
fn other_namespaces_need_a_grant() {
    let fields = "      namespace: far";
    let far = backend("x.example", 80).replace("name: b }", "name: b, namespace: far }");
    let text = route(fields, "") + &far;
    let outcome = load_text(&text);
    assert!(
        errors(&outcome).iter().any(|error| error.contains("no ReferenceGrant")),
        "{:?}",
        errors(&outcome)
    );
    let grant = "---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: g, namespace: far }
spec:
  from: [{ group: aigateway.envoyproxy.io, kind: MCPRoute, namespace: default }]
  to: [{ group: gateway.envoyproxy.io, kind: Backend }]
";
    assert_eq!(load_text(&(text + grant)).findings, []);
}

#[test]
fn bare_names_need_a_list_of_tools_that_nobody_else_offers() {
    let fields = "      prefixMode: Never
      toolSelector: { include: [a, b] }
    - name: c
      group: gateway.envoyproxy.io
      kind: Backend
      prefixMode: Never
      toolSelector: { include: [b] }
    - { name: d, group: gateway.envoyproxy.io, kind: Backend, prefixMode: Never }";
    let other =
        |name: &str| backend("x.example", 80).replace("name: b ", &format!("name: {name} "));
    let text = route(fields, "") + &other("b") + &other("c") + &other("d");
    let outcome = load_text(&text);
    assert_eq!(
        errors(&outcome),
        [
            "backend \"c\" is left out: prefixMode Never and backend \"b\" already offers \"b\"",
            "backend \"d\" is left out: prefixMode Never requires toolSelector.include",
        ]
    );
    assert_eq!(only_backend(&outcome).name, "b");
}

#[test]
fn ambiguous_names_are_warned_about() {
    let text = route("", "").replace("name: b\n", "name: a__b\n")
        + &backend("x.example", 80).replace("name: b ", "name: a-b ");
    let outcome = load_text(&text);
    assert!(messages(&outcome, Severity::Warning)[0].contains("\"a__b\""));
}

#[test]
fn a_policy_that_targets_a_backend_gives_it_an_identity() {
    let policy = "---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: { name: p }
spec:
  type: AWSCredentials
  targetRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: b }]
  awsCredentials: { region: us-east-1, credentialsFile: { secretRef: { name: keys } } }
";
    let text = route("", "")
        + &backend("aws-mcp.us-east-1.api.aws", 443)
        + policy
        + &secret("keys", "credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=B");
    let outcome = load_text(&text);
    assert_eq!(outcome.findings, []);
    assert_eq!(scope(only_backend(&outcome)), ("us-east-1", "aws-mcp"));
}

#[test]
fn the_same_sources_resolve_to_equal_parts() {
    let text = route(AWS, "") + &backend("aws-mcp.us-east-1.api.aws", 443);
    assert_eq!(load_text(&text).resolved, load_text(&text).resolved);
    let other = load_text(&text.replace("region: us-east-1", "region: eu-west-1"));
    assert_ne!(load_text(&text).resolved, other.resolved);
}

#[test]
fn a_key_from_a_secret_loses_its_line_break() {
    let fields = "      securityPolicy: { apiKey: { secretRef: { name: s }, header: x-key } }";
    let text = route(fields, "") + &backend("x.example", 80) + &secret("s", "apiKey", "k\n");
    let outcome = load_text(&text);
    let Credential::ApiKey { value, .. } = &only_backend(&outcome).credential else { panic!() };
    assert_eq!(value.expose(), "k");
    let bad = route(fields, "") + &backend("x.example", 80) + &secret("s", "apiKey", "a\nb");
    let outcome = load_text(&bad);
    assert!(errors(&outcome).contains(&"the API key holds characters that no header may hold"));
}

#[test]
fn headers_of_the_connection_and_the_protocol_cannot_be_configured() {
    for fields in [
        "      securityPolicy: { apiKey: { inline: k, header: Host } }",
        "      forwardHeaders: [{ name: content-length }]",
        "      forwardHeaders: [{ name: x, backendHeader: Mcp-Session-Id }]",
    ] {
        let outcome = load_text(&(route(fields, "") + &backend("x.example", 80)));
        assert!(errors(&outcome)[1].ends_with("the gateway sets this header itself"));
        assert!(outcome.resolved.routes.is_empty());
    }
}

#[test]
fn tls_versions_are_narrowed_and_never_older_than_1_2() {
    use sealgate_config::resolved::TlsVersions::{Both, Only12, Only13};
    let load = |settings: &str| {
        let tls = format!("tls: {{ wellKnownCACertificates: System{settings} }}");
        let text =
            backend("x.example", 443).replace("tls: { wellKnownCACertificates: System }", &tls);
        load_text(&(route("", "") + &text))
    };
    for (settings, versions) in [
        ("", Both),
        (", minVersion: '1.2'", Both),
        (", minVersion: '1.0'", Both),
        (", minVersion: '1.3'", Only13),
        (", maxVersion: '1.2'", Only12),
        (", minVersion: '1.3', maxVersion: '1.3'", Only13),
        (", maxVersion: Auto", Both),
    ] {
        let outcome = load(settings);
        assert_eq!(errors(&outcome), Vec::<&str>::new(), "{settings}");
        assert_eq!(only_backend(&outcome).tls.as_ref().unwrap().versions, versions, "{settings}");
    }
    for settings in
        [", maxVersion: '1.1'", ", minVersion: '1.3', maxVersion: '1.2'", ", minVersion: 2"]
    {
        assert!(load(settings).resolved.routes.is_empty(), "{settings}");
    }
}
