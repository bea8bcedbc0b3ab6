//! What one connection may do, and what it may not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Echo;
use super::client::Client;
use crate::listen::{Door, Drain, Limits, ListenerId, serve};
use crate::observe::Metrics;
use crate::upstream::tests::authority::Authority;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) echo: Echo,
    pub(super) drain: Drain,
    metrics: Metrics,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(limits: Limits) -> Self {
        Self::secured(None, limits).await
    }

    pub(super) async fn secured(tls: Option<Arc<rustls::ServerConfig>>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (echo, drain, metrics) = (Echo::default(), Drain::default(), Metrics::new());
        let process = Arc::clone(metrics.process());
        let door = Door::new(ListenerId::of(address), tls, limits, process);
        let accepting = tokio::spawn(serve(listener, door, echo.clone(), drain.clone()));
        Self { address, echo, drain, metrics, accepting }
    }

    pub(super) fn gauge(&self, sample: &str) -> bool {
        self.metrics.render().lines().any(|line| line == sample)
    }
}

pub(super) const FOREVER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_connection_serves_requests_in_a_row_and_pipelined_ones_in_order() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(server.address).await;
    assert_eq!(client.ask("/one").await.unwrap(), "200 /one 127.0.0.1 0");
    for path in ["/two", "/three"] {
        client.get(path).await;
    }
    assert_eq!(client.response().await.unwrap(), "200 /two 127.0.0.1 0");
    assert_eq!(client.response().await.unwrap(), "200 /three 127.0.0.1 0");
    assert!(server.gauge("sealgate_connections 1"));
    assert!(server.gauge("sealgate_connections_accepted_total 1"));
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(server.address).await;
    let body = "x".repeat(3 << 20);
    let head =
        format!("POST /up HTTP/1.1\r\nhost: a.test\r\ncontent-length: {}\r\n\r\n", body.len());
    client.say(&head).await;
    client.say(&body).await;
    assert_eq!(client.response().await.unwrap(), format!("200 /up 127.0.0.1 {}", body.len()));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_finished_or_not() {
    let server = Server::start(Limits::default()).await;
    let large = "y".repeat(70 * 1024);
    for head in [
        format!("GET / HTTP/1.1\r\nhost: a.test\r\nx: {large}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: a.test\r\nx: {large}"),
    ] {
        let mut client = Client::connect(server.address).await;
        client.say(&head).await;
        assert_eq!(client.response().await.as_deref(), Some("431 "));
        assert_eq!(client.response().await, None);
    }
}

#[tokio::test]
async fn too_many_headers_are_431_and_nonsense_is_400() {
    let server = Server::start(Limits::default()).await;
    let many: String = (0..101).map(|number| format!("x-{number}: y\r\n")).collect();
    for (text, status) in
        [(format!("GET / HTTP/1.1\r\n{many}\r\n"), "431 "), ("nonsense\r\n\r\n".to_owned(), "400 ")]
    {
        let mut client = Client::connect(server.address).await;
        client.say(&text).await;
        assert_eq!(client.response().await.as_deref(), Some(status));
    }
}

#[tokio::test]
async fn a_head_that_trickles_is_hung_up_on() {
    let limits = Limits { head: Duration::from_millis(50), ..Limits::default() };
    let server = Server::start(limits).await;
    let mut client = Client::connect(server.address).await;
    client.say("GET / HTTP/1.1\r\nhost: a.test\r\nx: ").await;
    assert_eq!(client.response().await, None);
    let mut idle = Client::connect(server.address).await;
    assert!(idle.ask("/").await.is_some());
    assert_eq!(idle.response().await, None);
}

#[tokio::test]
async fn a_panic_costs_its_own_connection_only() {
    let server = Server::start(Limits::default()).await;
    let mut other = Client::connect(server.address).await;
    assert!(other.ask("/").await.is_some());
    assert_eq!(Client::once(server.address, "/panic").await, None);
    assert!(other.ask("/").await.is_some());
    assert!(Client::once(server.address, "/").await.is_some());
    drop(other);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_request() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(server.address).await;
    client.get("/slow").await;
    server.echo.begun.notified().await;
    drop(client);
    server.echo.ended.notified().await;
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_begin_is_hung_up_on() {
    let authority = Authority::new();
    let tls = authority.server(&authority.leaf("a.test"), false);
    let limits = Limits { handshake: Duration::from_millis(30), ..Limits::default() };
    let server = Server::secured(Some(tls), limits).await;
    let mut client = Client::connect(server.address).await;
    assert_eq!(client.response().await, None);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let server = Server::start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = Client::connect(server.address).await;
    assert!(first.ask("/").await.is_some());
    let mut second = Client::connect(server.address).await;
    assert_eq!(second.response().await.unwrap(), "503 ");
    assert_eq!(second.response().await, None);
    assert!(server.gauge("sealgate_connections_refused_total 1"));
    drop(first);
    // The place is free as soon as the server has seen the hang-up.
    while Client::once(server.address, "/").await.as_deref() != Some("200 / 127.0.0.1 0") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_drain_closes_idle_connections_and_waits_for_requests() {
    let server = Server::start(Limits::default()).await;
    let mut idle = Client::connect(server.address).await;
    assert!(idle.ask("/").await.is_some());
    let mut busy = Client::connect(server.address).await;
    busy.get("/slow").await;
    server.echo.begun.notified().await;
    let drain = server.drain.clone();
    let draining = tokio::spawn(async move { drain.run(FOREVER).await });
    assert_eq!(idle.response().await, None);
    server.accepting.await.unwrap();
    assert_eq!(Client::once(server.address, "/").await, None);
    assert!(!draining.is_finished());
    server.echo.go.notify_one();
    assert_eq!(busy.response().await.unwrap(), "200 /slow 127.0.0.1 0");
    assert_eq!(draining.await.unwrap(), 0);
    assert_eq!(busy.response().await, None);
}

#[tokio::test]
async fn a_connection_that_waits_to_be_accepted_is_still_served_by_a_drain() {
    let server = Server::start(Limits::default()).await;
    let mut waiting = Client::connect(server.address).await;
    waiting.get("/").await;
    // Nothing was awaited since that could have run the accept loop to the end.
    let left = server.drain.run(FOREVER).await;
    assert_eq!(left, 0);
    assert_eq!(waiting.response().await.unwrap(), "200 / 127.0.0.1 0");
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let server = Server::start(Limits::default()).await;
    let mut stuck = Client::connect(server.address).await;
    stuck.get("/slow").await;
    server.echo.begun.notified().await;
    assert_eq!(server.drain.run(Duration::from_millis(20)).await, 1);
    assert_eq!(stuck.response().await, None);
}
