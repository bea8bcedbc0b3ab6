//! Workers and their changing set of listeners.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use sealgate_aws::Secret;
use sealgate_config::resolved::{HostPattern, Listener, ListenerTls};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Echo;
use super::client::Client;
use crate::listen::{Certificate, ListenError, ListenerId, ListenerSpec, Settings, Workers};
use crate::observe::Metrics;
use crate::upstream::tests::authority::Authority;

fn workers(echo: &Echo) -> Workers {
    let echo = echo.clone();
    let metrics = Arc::clone(Metrics::new().process());
    Workers::start(Settings { count: 2, ..Settings::default() }, metrics, move |_| echo.clone())
        .unwrap()
}

fn plain(address: &str) -> ListenerSpec {
    ListenerSpec {
        name: "main".to_owned(),
        address: address.parse().unwrap(),
        certificates: Vec::new(),
    }
}

fn stop(workers: Workers) {
    workers.stop();
    assert!(workers.join());
}

#[tokio::test]
async fn all_workers_share_the_port_that_the_system_gave() {
    let workers = workers(&Echo::default());
    let bound = workers.listen(&[plain("127.0.0.1:0")]).remove(0).unwrap();
    assert_ne!(bound.address.port(), 0);
    for _ in 0..32 {
        assert!(Client::once(bound.address, "/").await.is_some());
    }
    stop(workers);
    assert_eq!(Client::once(bound.address, "/").await, None);
}

#[tokio::test]
async fn listeners_come_and_go_without_touching_the_others() {
    let workers = workers(&Echo::default());
    let (one, two) = (plain("127.0.0.1:0"), plain("127.0.0.2:0"));
    let first = workers.listen(std::slice::from_ref(&one)).remove(0).unwrap();
    let mut kept = Client::connect(first.address).await;
    assert!(kept.ask("/").await.is_some());
    let mut both = workers.listen(&[one.clone(), two]);
    let second = both.remove(1).unwrap();
    assert_eq!(both.remove(0).unwrap(), first);
    let mut other = Client::connect(second.address).await;
    assert!(other.ask("/").await.is_some());
    workers.listen(&[one]);
    assert_eq!(other.response().await, None);
    assert!(kept.ask("/").await.is_some());
    // The address is free again once the sockets are closed.
    while Client::once(second.address, "/").await.is_some() {
        tokio::task::yield_now().await;
    }
    stop(workers);
}

#[tokio::test]
async fn an_address_in_use_takes_down_itself_only() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let workers = workers(&Echo::default());
    let specs = [plain(&taken.local_addr().unwrap().to_string()), plain("127.0.0.2:0")];
    let mut bound = workers.listen(&specs);
    assert!(bound.remove(1).is_ok());
    let error = bound.remove(0).unwrap_err().to_string();
    assert!(error.contains("stop the other process"), "{error}");
    stop(workers);
}

#[tokio::test]
async fn another_gateway_on_the_same_port_is_refused() {
    let (one, two) = (workers(&Echo::default()), workers(&Echo::default()));
    let bound = one.listen(&[plain("127.0.0.1:0")]).remove(0).unwrap();
    let again = two.listen(&[plain(&bound.address.to_string())]).remove(0);
    assert!(matches!(again, Err(ListenError::Socket { .. })));
    stop(one);
    stop(two);
}

#[tokio::test]
async fn a_stop_waits_for_requests() {
    let echo = Echo::default();
    let workers = workers(&echo);
    let bound = workers.listen(&[plain("127.0.0.1:0")]).remove(0).unwrap();
    let mut busy = Client::connect(bound.address).await;
    busy.get("/slow").await;
    echo.begun.notified().await;
    workers.stop();
    let joined = tokio::task::spawn_blocking(|| workers.join());
    echo.go.notify_one();
    assert!(busy.response().await.unwrap().starts_with("200 /slow"));
    assert!(joined.await.unwrap());
}

pub(super) fn material(authority: &Authority, name: &str) -> ListenerTls {
    let leaf = authority.leaf(name);
    ListenerTls { certificate_pem: leaf.chain.into_bytes(), key_pem: Secret::new(leaf.key) }
}

/// Whether a client that trusts `authority` is served under `name`.
async fn secure(address: SocketAddr, authority: &Authority, name: &'static str) -> bool {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name).unwrap();
    let Ok(stream) = TlsConnector::from(Arc::new(authority.client())).connect(name, stream).await
    else {
        return false;
    };
    Client::over(stream).ask("/").await.unwrap() == "200 / 127.0.0.1 0"
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_replaced_under_open_sockets() {
    let (old, new) = (Authority::new(), Authority::new());
    let spec = |authority: &Authority| ListenerSpec {
        certificates: vec![
            Certificate {
                host: Some(HostPattern::parse("*.wild.test")),
                material: material(authority, "*.wild.test"),
            },
            Certificate {
                host: Some(HostPattern::parse("a.wild.test")),
                material: material(authority, "a.wild.test"),
            },
        ],
        ..plain("127.0.0.1:0")
    };
    let workers = workers(&Echo::default());
    let address = workers.listen(&[spec(&old)]).remove(0).unwrap().address;
    assert!(secure(address, &old, "a.wild.test").await);
    assert!(secure(address, &old, "b.wild.test").await);
    assert!(!secure(address, &old, "other.test").await);
    let same = workers.listen(&[spec(&new)]).remove(0).unwrap().address;
    assert_eq!(same, address);
    assert!(secure(address, &new, "a.wild.test").await);
    assert!(!secure(address, &old, "a.wild.test").await);
    stop(workers);
}

#[tokio::test]
async fn of_several_certificates_for_one_host_the_one_that_carries_the_name_is_served() {
    let authority = Authority::new();
    let certificate = |name: &str| Certificate { host: None, material: material(&authority, name) };
    let spec = ListenerSpec {
        certificates: vec![certificate("a.test"), certificate("b.test")],
        ..plain("127.0.0.1:0")
    };
    let workers = workers(&Echo::default());
    let address = workers.listen(&[spec]).remove(0).unwrap().address;
    assert!(secure(address, &authority, "a.test").await);
    assert!(secure(address, &authority, "b.test").await);
    assert!(!secure(address, &authority, "c.test").await);
    stop(workers);
}

#[tokio::test]
async fn a_key_that_does_not_fit_its_certificate_is_refused() {
    let authority = Authority::new();
    let mut wrong = material(&authority, "a.test");
    wrong.key_pem = material(&authority, "b.test").key_pem;
    let workers = workers(&Echo::default());
    let spec = ListenerSpec {
        certificates: vec![Certificate { host: None, material: wrong }],
        ..plain("127.0.0.1:0")
    };
    let error = workers.listen(&[spec]).remove(0).unwrap_err();
    assert!(error.to_string().contains("does not belong to the certificate"), "{error}");
    stop(workers);
}

#[test]
fn listeners_that_share_an_address_are_bound_once() {
    let listener = |name: &str, address: &str, host: Option<&str>| Listener {
        name: name.to_owned(),
        address: address.parse().unwrap(),
        hostname: host.map(HostPattern::parse),
        tls: None,
        more_certificates: Vec::new(),
    };
    let specs = ListenerSpec::group(&[
        listener("one", "127.0.0.1:80", Some("a.test")),
        listener("two", "127.0.0.1:80", Some("b.test")),
        listener("three", "127.0.0.1:81", None),
    ]);
    let names: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["one", "three"]);
    assert_eq!(specs[0].id(), ListenerId::of("127.0.0.1:80".parse().unwrap()));
    assert_ne!(specs[0].id(), specs[1].id());
}
