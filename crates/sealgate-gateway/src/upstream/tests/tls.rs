//! TLS to servers: who is trusted, and what the caller is told otherwise.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use sealgate_aws::Secret;
use sealgate_config::resolved::{Address, HostPattern, SubjectName, TlsVersions};
use tokio_rustls::TlsAcceptor;

use super::Client;
use super::authority::Authority;
use super::peer::{Peer, Talk};
use crate::upstream::{ClientIdentity, OriginSpec, SendError, Stage, TlsFailure, TlsSpec, Trust};

async fn serving(config: Arc<ServerConfig>) -> Peer {
    Peer::start(move |_, talk| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let Ok(stream) = acceptor.accept(talk.into_stream()).await else { return };
            let mut talk = Talk::new(stream);
            while talk.request().await.is_some() {
                talk.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })
    .await
}

fn trusting(authority: &Authority) -> Trust {
    Trust::Pem(authority.pem.as_bytes().into())
}

fn client(peer: &Peer, server_name: &str, trust: Trust, client: Option<ClientIdentity>) -> Client {
    Client::with(OriginSpec {
        connect: vec![Address::Ip(peer.address)],
        tls: Some(TlsSpec {
            server_name: server_name.to_owned(),
            subject_names: Vec::new(),
            trust,
            client,
            versions: TlsVersions::Both,
        }),
    })
}

async fn failure(client: Client) -> TlsFailure {
    match client.send("{}").await.unwrap_err() {
        SendError::Tls { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted_and_the_connection_kept() {
    let authority = Authority::new();
    let peer = serving(authority.server(&authority.leaf("mcp.test"), false)).await;
    let client = client(&peer, "mcp.test", trusting(&authority), None);
    assert_eq!(client.ask("{}").await, "ok");
    assert_eq!(client.ask("{}").await, "ok");
    assert_eq!(peer.accepted(), 1);
}

#[tokio::test]
async fn only_the_versions_that_are_wanted_are_agreed_on() {
    let authority = Authority::new();
    let leaf = authority.leaf("mcp.test");
    let peer = serving(authority.server_of(&leaf, false, &[&rustls::version::TLS12])).await;
    let ask = |versions| {
        Client::with(OriginSpec {
            connect: vec![Address::Ip(peer.address)],
            tls: Some(TlsSpec {
                server_name: "mcp.test".to_owned(),
                subject_names: Vec::new(),
                trust: trusting(&authority),
                client: None,
                versions,
            }),
        })
    };
    assert_eq!(ask(TlsVersions::Both).ask("{}").await, "ok");
    assert_eq!(ask(TlsVersions::Only12).ask("{}").await, "ok");
    assert!(matches!(failure(ask(TlsVersions::Only13)).await, TlsFailure::Alert(_)));
}

#[tokio::test]
async fn a_certificate_for_an_address_is_accepted() {
    let authority = Authority::new();
    let peer = serving(authority.server(&authority.leaf("127.0.0.1"), false)).await;
    assert_eq!(client(&peer, "127.0.0.1", trusting(&authority), None).ask("{}").await, "ok");
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_its_remedy() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let peer = serving(theirs.server(&theirs.leaf("mcp.test"), false)).await;
    for trust in [trusting(&ours), Trust::System] {
        let error = client(&peer, "mcp.test", trust, None).send("{}").await.unwrap_err();
        let SendError::Tls { reason: TlsFailure::UnknownIssuer, .. } = &error else {
            panic!("{error}")
        };
        assert!(!error.sent());
        assert!(error.remedy().contains("caCertificateRefs"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_with_both_names() {
    let authority = Authority::new();
    let peer = serving(authority.server(&authority.leaf("other.test"), false)).await;
    let reason = failure(client(&peer, "mcp.test", trusting(&authority), None)).await;
    let text = reason.to_string();
    assert!(matches!(reason, TlsFailure::WrongName { .. }), "{text}");
    assert!(text.contains("mcp.test") && text.contains("other.test"), "{text}");
}

/// A client of `peer` that asks for `sni.test` and wants one of `names`.
fn wanting(peer: &Peer, trust: Trust, names: &[SubjectName]) -> Client {
    Client::with(OriginSpec {
        connect: vec![Address::Ip(peer.address)],
        tls: Some(TlsSpec {
            server_name: "sni.test".to_owned(),
            subject_names: names.to_vec(),
            trust,
            client: None,
            versions: TlsVersions::Both,
        }),
    })
}

fn host(pattern: &str) -> SubjectName {
    SubjectName::Host(HostPattern::parse(pattern))
}

fn uri(text: &str) -> SubjectName {
    SubjectName::Uri(text.to_owned())
}

#[tokio::test]
async fn one_of_the_subject_names_is_enough_and_the_server_name_is_none_of_them() {
    let authority = Authority::new();
    let named = serving(authority.server(&authority.leaf("a.mcp.test"), false)).await;
    let wild = serving(authority.server(&authority.leaf("*.mcp.test"), false)).await;
    let spiffe = "spiffe://mcp.test/ns/a/sa/b";
    let service = serving(authority.server(&authority.leaf_of_uri(spiffe), false)).await;
    let asked_for = serving(authority.server(&authority.leaf("sni.test"), false)).await;
    let cases: [(&Peer, &[SubjectName], bool); 11] = [
        (&named, &[host("other.test"), host("a.mcp.test")], true),
        (&named, &[host("A.MCP.test")], true),
        (&named, &[host("*.mcp.test")], true),
        (&named, &[host("*.test")], false),
        (&named, &[host("b.mcp.test"), uri(spiffe)], false),
        (&wild, &[host("b.mcp.test")], true),
        (&wild, &[host("*.mcp.test")], true),
        (&wild, &[host("mcp.test")], false),
        (&service, &[host("mcp.test"), uri(spiffe)], true),
        (&service, &[uri("spiffe://mcp.test/ns/a/sa/c"), uri("spiffe://mcp.test/ns/a/sa")], false),
        (&asked_for, &[host("a.mcp.test")], false),
    ];
    for (at, (peer, names, accepted)) in cases.into_iter().enumerate() {
        let answer = wanting(peer, trusting(&authority), names).send("{}").await;
        assert_eq!(answer.is_ok(), accepted, "case {at}: {:?}", answer.err());
    }
    let reason =
        failure(wanting(&named, trusting(&authority), &[host("b.test"), uri(spiffe)])).await;
    let text = reason.to_string();
    assert!(matches!(reason, TlsFailure::Certificate(_)), "{text}");
    assert!(
        text.ends_with(&format!("it carries none of b.test, {spiffe} but a.mcp.test")),
        "{text}"
    );
}

#[tokio::test]
async fn a_subject_name_is_worth_nothing_without_a_trusted_authority() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let peer = serving(theirs.server(&theirs.leaf("a.mcp.test"), false)).await;
    for trust in [trusting(&ours), Trust::System] {
        let reason = failure(wanting(&peer, trust, &[host("a.mcp.test")])).await;
        assert_eq!(reason, TlsFailure::UnknownIssuer);
    }
    let uri_only = serving(theirs.server(&theirs.leaf_of_uri("spiffe://x/y"), false)).await;
    let reason = failure(wanting(&uri_only, trusting(&ours), &[uri("spiffe://x/y")])).await;
    assert_eq!(reason, TlsFailure::UnknownIssuer);
}

#[tokio::test]
async fn connections_that_want_other_subject_names_are_not_shared() {
    let authority = Authority::new();
    let peer = serving(authority.server(&authority.leaf("a.mcp.test"), false)).await;
    assert_eq!(wanting(&peer, trusting(&authority), &[host("a.mcp.test")]).ask("{}").await, "ok");
    let other = wanting(&peer, trusting(&authority), &[host("b.mcp.test")]);
    assert!(matches!(failure(other).await, TlsFailure::Certificate(_)));
}

#[tokio::test]
async fn any_certificate_is_accepted_where_the_operator_said_so() {
    let authority = Authority::new();
    let peer = serving(authority.server(&authority.leaf("other.test"), false)).await;
    assert_eq!(client(&peer, "mcp.test", Trust::Anyone, None).ask("{}").await, "ok");
}

#[tokio::test]
async fn a_client_certificate_is_presented() {
    let authority = Authority::new();
    let peer = serving(authority.server(&authority.leaf("mcp.test"), true)).await;
    let leaf = authority.leaf("client.test");
    let identity =
        ClientIdentity { certificates: leaf.chain.into_bytes(), key: Secret::new(leaf.key) };
    let client = client(&peer, "mcp.test", trusting(&authority), Some(identity));
    assert_eq!(client.ask("{}").await, "ok");
}

#[tokio::test]
async fn a_missing_client_certificate_is_named() {
    let authority = Authority::new();
    let peer = serving(authority.server(&authority.leaf("mcp.test"), true)).await;
    let reason = failure(client(&peer, "mcp.test", trusting(&authority), None)).await;
    assert_eq!(reason, TlsFailure::ClientCertificateRequired);
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let peer = Peer::start(|_, mut talk| async move {
        talk.say("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        talk.hung_up().await;
    })
    .await;
    let reason = failure(client(&peer, "mcp.test", Trust::Anyone, None)).await;
    assert_eq!(reason, TlsFailure::NotTls);
}

#[tokio::test]
async fn a_handshake_that_hangs_runs_into_the_connect_deadline() {
    let peer = Peer::start(|_, mut talk| async move { talk.hung_up().await }).await;
    let mut client = client(&peer, "mcp.test", Trust::Anyone, None);
    client.deadlines.connect = Duration::from_millis(30);
    let error = client.send("{}").await.unwrap_err();
    let SendError::ConnectTimeout { stage: Stage::Handshake, .. } = &error else {
        panic!("{error}")
    };
    assert!(!error.sent());
}

#[tokio::test]
async fn a_handshake_that_ends_early_is_named() {
    let peer = Peer::start(|_, talk| async move { drop(talk) }).await;
    let reason = failure(client(&peer, "mcp.test", Trust::Anyone, None)).await;
    assert!(matches!(reason, TlsFailure::Ended(_)), "{reason}");
}
