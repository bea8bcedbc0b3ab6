//! Certificates, keys and authorities are judged when they are loaded: a bad one is a finding at
//! the object that holds it, and on a reload the last good one stays.

use sealgate_config::resolved::{HostPattern, Roots, SubjectName};
use sealgate_config::{Finding, Memory, Outcome, Severity, Source, reload};

use crate::support::{backend, certificate, errors, load_text, only_backend, options, route};

fn gateway(references: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: g }}
spec:
  gatewayClassName: c
  listeners:
    - {{ name: https, port: 443, protocol: HTTPS, tls: {{ certificateRefs: [{references}] }} }}
"
    )
}

fn tls_secret(name: &str, chain: &str, key: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Secret
metadata: {{ name: {name} }}
type: kubernetes.io/tls
stringData:
  tls.crt: {chain:?}
  tls.key: {key:?}
"
    )
}

fn https(chain: &str, key: &str) -> String {
    route("", "")
        + &backend("x.example", 80)
        + &gateway("{ name: edge }")
        + &tls_secret("edge", chain, key)
}

/// The places of errors, and what they say.
fn found(outcome: &Outcome) -> Vec<(String, String, usize, &str)> {
    let errors = outcome.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let told = |finding: &'_ Finding| {
        let place = finding.place.clone().unwrap();
        (place.resource, place.field, place.line)
    };
    errors
        .map(|finding| {
            let (resource, field, line) = told(finding);
            (resource, field, line, finding.message.as_str())
        })
        .collect()
}

#[test]
fn a_listener_certificate_is_named_with_its_line_and_never_quoted() {
    let ((chain, key), (_, other)) = (certificate("a.test"), certificate("b.test"));
    let good = load_text(&https(&chain, &key));
    assert_eq!(good.findings, []);
    assert_eq!(good.resolved.listeners[0].tls.as_ref().unwrap().certificate_pem, chain.as_bytes());
    let no_certificate = "it holds no PEM certificate; give the chain, leaf first";
    for (chain, key, field, problem) in [
        (
            chain.as_str(),
            other.as_str(),
            "tls.key",
            "the private key does not belong to the certificate",
        ),
        ("nonsense", &key, "tls.crt", no_certificate),
        ("", &key, "tls.crt", no_certificate),
        (&chain, "hunter2", "tls.key", "it holds no PEM private key (PKCS#8, PKCS#1 or SEC1)"),
    ] {
        let text = https(chain, key);
        let outcome = load_text(&text);
        let line = 1 + text.lines().position(|line| line.contains(&format!("  {field}:"))).unwrap();
        let all = found(&outcome);
        let message = format!("{field}: {problem}");
        let place = ("Secret default/edge".to_owned(), format!("stringData.{field}"), line);
        assert!(all.contains(&(place.0, place.1, place.2, message.as_str())), "{all:#?}");
        let reference = all.iter().find(|it| it.0 == "Gateway default/g").unwrap();
        assert_eq!(reference.1, "spec.listeners[0].tls.certificateRefs[0].name");
        assert_eq!(reference.3, "Secret default/edge is invalid, see its errors");
        assert!(outcome.resolved.routes.is_empty() && outcome.resolved.listeners.is_empty());
        let shown: String = outcome.findings.iter().map(|finding| finding.render(false)).collect();
        assert!(!shown.contains("hunter2") && !shown.contains("PRIVATE KEY"), "{shown}");
    }
}

#[test]
fn of_several_certificates_a_bad_one_costs_only_itself() {
    let ((chain, key), (_, other)) = (certificate("a.test"), certificate("b.test"));
    let text = route("", "")
        + &backend("x.example", 80)
        + &gateway("{ name: bad }, { name: good }")
        + &tls_secret("bad", &chain, &other)
        + &tls_secret("good", &chain, &key);
    let outcome = load_text(&text);
    assert!(outcome.has_errors());
    let listener = &outcome.resolved.listeners[0];
    assert_eq!(listener.tls.as_ref().unwrap().key_pem.expose(), key);
    assert!(listener.more_certificates.is_empty());
}

/// Loads one text after the other.
fn loads<const N: usize>(texts: [&str; N]) -> [Outcome; N] {
    let mut memory = Memory::default();
    texts.map(|text| {
        let source = Source::text("a.yaml", text);
        reload(&[source], &options(), &mut memory)
    })
}

#[test]
fn the_last_good_certificate_stays_while_the_rest_of_the_edit_takes_effect() {
    let ((chain, key), (_, other)) = (certificate("a.test"), certificate("b.test"));
    let bad = https(&chain, &other).replace("port: 443", "port: 8443");
    let [_, kept, fixed] = loads([&https(&chain, &key), &bad, &https(&chain, &key)]);
    let listener = &kept.resolved.listeners[0];
    assert_eq!(listener.tls.as_ref().unwrap().key_pem.expose(), key);
    assert_eq!(listener.address.port(), 8443, "the Gateway's own edit is a good one");
    assert_eq!(kept.resolved.routes.len(), 1);
    let of = |resource: &str| {
        let place = |finding: &&Finding| finding.place.as_ref().unwrap().resource == resource;
        kept.findings.iter().find(place).unwrap().kept
    };
    assert!(of("Secret default/edge") && of("Gateway default/g"), "{:#?}", kept.findings);
    assert_eq!(fixed.findings, []);
}

fn policy(fields: &str, authority: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{ name: p }}
spec:
  targetRefs: [{{ group: gateway.envoyproxy.io, kind: Backend, name: b }}]
  validation:
    caCertificateRefs: [{{ group: '', kind: ConfigMap, name: ca }}]
    hostname: sni.example
{fields}
---
apiVersion: v1
kind: ConfigMap
metadata: {{ name: ca }}
data:
  ca.crt: {authority:?}
"
    )
}

fn verified(fields: &str, authority: &str) -> String {
    route("", "") + &backend("x.example", 80) + &policy(fields, authority)
}

#[test]
fn authorities_are_read_and_the_last_good_ones_stay() {
    let (authority, _) = certificate("ca.test");
    let good = verified("", &authority);
    let second = verified(
        "",
        &format!("{authority}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    );
    for (bad, problem) in [
        (verified("", ""), "ca.crt: it holds no PEM certificate of an authority"),
        (verified("", "-----BEGIN CERTIFICATE-----"), "ca.crt: "),
        (second, "ca.crt: certificate 2 of the authorities cannot be read: "),
    ] {
        let [fresh] = loads([&bad]);
        let all = found(&fresh);
        let place = all.iter().find(|it| it.0 == "ConfigMap default/ca").unwrap();
        assert_eq!(place.1, "data.ca.crt");
        assert!(place.3.starts_with(problem), "{place:?}");
        assert!(fresh.resolved.routes.is_empty());
        let [_, kept] = loads([&good, &bad]);
        let tls = only_backend(&kept).tls.as_ref().unwrap();
        assert!(matches!(&tls.ca, Roots::Pem(pem) if pem.starts_with(authority.as_bytes())));
        assert!(kept.findings.iter().all(|finding| finding.kept), "{:#?}", kept.findings);
    }
}

#[test]
fn a_client_certificate_is_judged_too() {
    let ((chain, key), (_, other)) = (certificate("a.test"), certificate("b.test"));
    let text = |key: &str| {
        let tls = "  tls: { wellKnownCACertificates: System, clientCertificateRef: { name: c } }\n";
        route("", "") + &backend("x.example", 80) + tls + &tls_secret("c", &chain, key)
    };
    assert!(
        only_backend(&load_text(&text(&key))).tls.as_ref().unwrap().client_certificate.is_some()
    );
    let bad = load_text(&text(&other));
    assert!(errors(&bad).contains(&"tls.key: the private key does not belong to the certificate"));
    let [_, kept] = loads([&text(&key), &text(&other)]);
    let client = only_backend(&kept).tls.as_ref().unwrap().client_certificate.as_ref().unwrap();
    assert_eq!(client.key_pem.expose(), key);
}

#[test]
fn a_certificate_in_files_of_its_own_is_held_until_chain_and_key_fit_again() {
    let folder = std::env::temp_dir().join(format!("sealgate-certificate-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let (old, new) = (certificate("a.test"), certificate("a.test"));
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("chain", &old.0);
    write("key", &old.1);
    let annotations = format!(
        "{{ name: edge, annotations: {{ substitution.aigw.run/file/tls.crt: {0}/chain, \
         substitution.aigw.run/file/tls.key: {0}/key }} }}",
        folder.display()
    );
    let text = https("", "").replace("{ name: edge }\ntype", &format!("{annotations}\ntype"));
    let mut memory = Memory::default();
    let mut load = || {
        let source = Source::text("a.yaml", text.as_str());
        reload(&[source], &options(), &mut memory)
    };
    let key = |outcome: &Outcome| {
        format!("{}\n", outcome.resolved.listeners[0].tls.as_ref().unwrap().key_pem.expose())
    };
    assert_eq!(load().findings, []);
    write("chain", &new.0);
    for _ in 0..2 {
        let half = load();
        assert_eq!(key(&half), old.1);
        assert!(half.findings.iter().all(|finding| finding.kept), "{:#?}", half.findings);
    }
    write("key", &new.1);
    let whole = load();
    assert_eq!((key(&whole), whole.findings), (new.1.clone(), Vec::new()));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn subject_names_are_read_with_the_published_rules() {
    let (authority, _) = certificate("ca.test");
    let names = "    subjectAltNames:
      - { type: Hostname, hostname: a.example }
      - { type: Hostname, hostname: '*.example.org' }
      - { type: URI, uri: 'spiffe://example.org/ns/a/sa/b' }";
    let outcome = load_text(&verified(names, &authority));
    assert_eq!(outcome.findings, []);
    let tls = only_backend(&outcome).tls.as_ref().unwrap();
    assert_eq!(tls.server_name, "sni.example");
    assert_eq!(
        tls.subject_names,
        [
            SubjectName::Host(HostPattern::Exact("a.example".to_owned())),
            SubjectName::Host(HostPattern::Wildcard(".example.org".to_owned())),
            SubjectName::Uri("spiffe://example.org/ns/a/sa/b".to_owned()),
        ]
    );
    let element = "Invalid value: \"object\": SubjectAltName element";
    for (name, problem) in [
        (
            "{ type: Hostname }",
            format!("{element} must contain Hostname, if Type is set to Hostname"),
        ),
        (
            "{ type: URI, uri: 'a://b', hostname: a.b }",
            format!("{element} must not contain Hostname, if Type is not set to Hostname"),
        ),
        ("{ type: URI }", format!("{element} must contain URI, if Type is set to URI")),
        (
            "{ type: Hostname, hostname: a.b, uri: 'a://b' }",
            format!("{element} must not contain URI, if Type is not set to URI"),
        ),
        ("{ type: DNS, hostname: a.b }", "Unsupported value: \"DNS\"".to_owned()),
        ("{ type: URI, uri: not-a-uri }", "Invalid value: \"not-a-uri\"".to_owned()),
    ] {
        let outcome = load_text(&verified(&format!("    subjectAltNames: [{name}]"), &authority));
        assert!(errors(&outcome).iter().any(|it| it.contains(&problem)), "{:#?}", errors(&outcome));
        assert!(
            outcome.resolved.routes.is_empty(),
            "{name}: never verified by less than was asked"
        );
    }
}

#[test]
fn a_name_that_no_certificate_can_be_for_is_a_finding() {
    let long = format!("{}.example", "a".repeat(64));
    let tls = "  tls: { wellKnownCACertificates: System }\n";
    let outcome = load_text(&(route("", "") + &backend(&long, 80) + tls));
    let expected = format!("{long:?} cannot be a TLS server name");
    assert!(errors(&outcome).contains(&expected.as_str()), "{:#?}", errors(&outcome));
    let url = format!("http://127.0.0.1/{}", "a".repeat(70_000));
    let outcome = load_text(&format!("{{\"mcpServers\": {{\"x\": {{\"url\": \"{url}\"}}}}}}"));
    assert!(
        errors(&outcome).iter().any(|it| it.contains("cannot be sent")),
        "a longer one than HTTP takes"
    );
}
