//! HTTP/2, with TLS and without.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::connections::{FOREVER, Server};
use super::reload::material;
use crate::listen::Limits;
use crate::listen::certificates::server_config;
use crate::listen::spec::Certificate;
use crate::upstream::tests::authority::Authority;

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Client {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) =
            handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        Self { sender, connection: tokio::spawn(connection) }
    }

    async fn ask(&self, path: &str) -> hyper::Result<String> {
        let request = Request::post(format!("http://a.test{path}")).body(Full::default()).unwrap();
        let response = self.sender.clone().send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
    }
}

#[tokio::test]
async fn requests_of_one_connection_run_at_once() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(server.address).await;
    let overtaking = async {
        server.echo.begun.notified().await;
        let answer = client.ask("/fast").await;
        server.echo.go.notify_one();
        answer
    };
    let (slow, fast) = tokio::join!(client.ask("/slow"), overtaking);
    assert_eq!(fast.unwrap(), "200 /fast 127.0.0.1 0");
    assert_eq!(slow.unwrap(), "200 /slow 127.0.0.1 0");
    assert!(server.gauge("sealgate_connections_accepted_total 1"));
}

#[tokio::test]
async fn a_preface_that_comes_in_pieces_is_waited_for() {
    let server = Server::start(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in PREFACE.chunks(2) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    // An empty SETTINGS frame; the server's own comes back, whose type is the fourth byte.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4);
}

#[tokio::test]
async fn a_method_that_begins_as_the_preface_does_is_http_1() {
    let server = Server::start(Limits::default()).await;
    let mut client = super::client::Client::connect(server.address).await;
    client.say("P").await;
    client.say("ROPFIND /x HTTP/1.1\r\nhost: a.test\r\n\r\n").await;
    assert_eq!(client.response().await.unwrap(), "200 /x 127.0.0.1 0");
}

#[tokio::test]
async fn tls_clients_choose_their_version() {
    let authority = Authority::new();
    let material = material(&authority, "a.test");
    let tls = server_config(&[Certificate { host: None, material }]).unwrap();
    let server = Server::secured(tls, Limits::default()).await;
    for (offered, agreed) in
        [(vec!["h2", "http/1.1"], Some("h2")), (vec!["http/1.1"], Some("http/1.1")), (vec![], None)]
    {
        let mut config = authority.client();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = "a.test".try_into().unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes));
        let answer = if agreed == Some("h2") {
            Client::over(stream).await.ask("/tls").await.unwrap()
        } else {
            super::client::Client::over(stream).ask("/tls").await.unwrap()
        };
        assert_eq!(answer, "200 /tls 127.0.0.1 0");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(server.address).await;
    let request = Request::get("http://a.test/")
        .header("x", "y".repeat(70 * 1024))
        .body(Full::default())
        .unwrap();
    let response = client.sender.clone().send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(client.ask("/next").await.unwrap(), "200 /next 127.0.0.1 0");
}

#[tokio::test]
async fn a_panic_costs_its_own_stream_only() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(server.address).await;
    assert!(client.ask("/panic").await.is_err());
    assert_eq!(client.ask("/next").await.unwrap(), "200 /next 127.0.0.1 0");
}

#[tokio::test]
async fn a_request_that_its_client_gives_up_ends() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(server.address).await;
    tokio::select! {
        _ = client.ask("/slow") => unreachable!("nobody lets it go"),
        () = server.echo.begun.notified() => {}
    }
    server.echo.ended.notified().await;
    assert_eq!(client.ask("/next").await.unwrap(), "200 /next 127.0.0.1 0");
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_and_a_waiting_request_is_use() {
    let limits = Limits { head: Duration::from_millis(40), ..Limits::default() };
    let server = Server::start(limits).await;
    let client = Client::connect(server.address).await;
    let asking = client.ask("/slow");
    let later = async {
        server.echo.begun.notified().await;
        // Longer than an idle connection may stand; what is measured is time itself.
        tokio::time::sleep(limits.head * 4).await;
        server.echo.go.notify_one();
    };
    assert_eq!(tokio::join!(asking, later).0.unwrap(), "200 /slow 127.0.0.1 0");
    client.connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_hung_up_on() {
    let limits = Limits { head: Duration::from_millis(40), ..Limits::default() };
    let server = Server::start(limits).await;
    for beginning in [&b""[..], b"PR", PREFACE] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        let mut rest = Vec::new();
        // Ended or reset: it is over.
        let _ = stream.read_to_end(&mut rest).await;
    }
    assert_eq!(server.drain.run(FOREVER).await, 0);
}

#[tokio::test]
async fn a_drain_waits_for_running_streams_and_takes_no_more() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(server.address).await;
    let idle = Client::connect(server.address).await;
    assert!(idle.ask("/").await.is_ok());
    let silent = TcpStream::connect(server.address).await.unwrap();
    let drain = server.drain.clone();
    let during = async {
        server.echo.begun.notified().await;
        let draining = tokio::spawn(async move { drain.run(FOREVER).await });
        idle.connection.await.unwrap().unwrap();
        assert!(!draining.is_finished());
        server.echo.go.notify_one();
        draining.await.unwrap()
    };
    let (answer, left) = tokio::join!(client.ask("/slow"), during);
    assert_eq!(answer.unwrap(), "200 /slow 127.0.0.1 0");
    assert_eq!(left, 0);
    drop(silent);
}

#[tokio::test]
async fn a_drain_that_runs_out_of_time_cuts_streams() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(server.address).await;
    let cut = async {
        server.echo.begun.notified().await;
        server.drain.run(Duration::from_millis(20)).await
    };
    let (answer, left) = tokio::join!(client.ask("/slow"), cut);
    assert!(answer.is_err());
    assert_eq!(left, 1);
    server.echo.ended.notified().await;
}
