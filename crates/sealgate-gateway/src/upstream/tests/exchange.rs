//! What a peer can do wrong, and what the caller is told.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use sealgate_config::resolved::Address;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;

use super::peer::{Peer, Talk};
use super::{Client, text};
use crate::upstream::{BodyError, OriginSpec, SendError};

const SHORT: Duration = Duration::from_millis(30);

/// An address where nobody listens.
async fn nobody() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn head_and_body_arrive_as_they_were_given() {
    let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let peer = Peer::start(move |_, mut talk| {
        let seen = seen.clone();
        async move {
            let _ = seen.send(talk.request().await.unwrap());
            talk.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await;
    Client::to(peer.address).ask("{\"jsonrpc\":\"2.0\"}").await;
    let expected = "POST /mcp HTTP/1.1\r\nhost: example.test\r\ncontent-length: 17\r\n\r\n\
                    {\"jsonrpc\":\"2.0\"}";
    assert_eq!(requests.recv().await.unwrap(), expected);
}

#[tokio::test]
async fn a_refused_connection_says_so() {
    let error = Client::to(nobody().await).send("{}").await.unwrap_err();
    assert_eq!(error.code(), "upstream_refused");
    assert!(!error.sent());
    assert!(error.to_string().contains("connection refused"), "{error}");
    assert!(error.remedy().contains("listens"), "{}", error.remedy());
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let peer = Peer::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let connect = vec![Address::Ip(nobody().await), Address::Ip(peer.address)];
    let client = Client::with(OriginSpec { connect, tls: None });
    assert_eq!(client.ask("{}").await, "ok");
}

#[tokio::test]
async fn a_name_is_looked_up() {
    let peer = Peer::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let name = Address::Dns { host: "localhost".to_owned(), port: peer.address.port() };
    let client = Client::with(OriginSpec { connect: vec![name], tls: None });
    assert_eq!(client.ask("{}").await, "ok");
}

#[tokio::test]
async fn a_name_that_cannot_be_one_says_so() {
    let name = Address::Dns { host: "no such host".to_owned(), port: 80 };
    let client = Client::with(OriginSpec { connect: vec![name], tls: None });
    let error = client.send("{}").await.unwrap_err();
    assert_eq!(error.code(), "upstream_resolve");
    assert!(!error.sent());
}

#[tokio::test]
async fn unix_sockets_are_reached() {
    let path = std::env::temp_dir().join(format!("sealgate-test-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let mut talk = Talk::new(listener.accept().await.unwrap().0);
        talk.request().await;
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    });
    let client = Client::with(OriginSpec { connect: vec![Address::Unix(path.clone())], tls: None });
    assert_eq!(client.ask("{}").await, "ok");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_silent_server_runs_into_the_first_byte_deadline() {
    let peer = Peer::start(|_, mut talk| async move { talk.hung_up().await }).await;
    let mut client = Client::to(peer.address);
    client.deadlines.first_byte = SHORT;
    let error = client.send("{}").await.unwrap_err();
    assert!(matches!(error, SendError::FirstByteTimeout { .. }), "{error}");
    assert!(error.sent());
    assert!(error.to_string().ends_with("within 30 ms"), "{error}");
}

#[tokio::test]
async fn half_a_head_is_a_closed_connection() {
    let peer = Peer::start(|_, mut talk| async move {
        talk.request().await;
        talk.say("HTTP/1.1 200 OK\r\ncontent-le").await;
    })
    .await;
    let error = Client::to(peer.address).send("{}").await.unwrap_err();
    assert_eq!(error.code(), "upstream_closed");
    assert!(error.sent());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_not_an_end() {
    for head in ["content-length: 10", "transfer-encoding: chunked"] {
        let peer = Peer::start(move |_, mut talk| async move {
            talk.request().await;
            talk.say(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n3\r\nabc\r\n")).await;
        })
        .await;
        let client = Client::to(peer.address);
        let response = client.send("{}").await.unwrap();
        let error = response.into_body().collect().await.unwrap_err();
        assert!(matches!(error, BodyError::Closed { .. }), "{error}");
        assert_eq!(client.pool.idle(), 0);
    }
}

#[tokio::test]
async fn a_reset_is_a_closed_connection_before_the_head_and_in_the_body() {
    let received = Arc::<Notify>::default();
    let go = Arc::clone(&received);
    let peer = Peer::start(move |number, mut talk| {
        let go = Arc::clone(&go);
        async move {
            talk.request().await;
            if number > 0 {
                talk.say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
                go.notified().await;
            }
            talk.reset();
        }
    })
    .await;
    let client = Client::to(peer.address);
    let error = client.send("{}").await.unwrap_err();
    assert_eq!((error.code(), error.sent()), ("upstream_closed", true));

    let mut body = client.send("{}").await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    received.notify_one();
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(matches!(error, BodyError::Closed { .. }), "{error}");
    assert_eq!(client.pool.idle(), 0);
}

#[tokio::test]
async fn a_body_without_length_ends_where_the_connection_ends() {
    let peer = Peer::start(|_, mut talk| async move {
        talk.request().await;
        talk.say("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    })
    .await;
    assert_eq!(Client::to(peer.address).ask("{}").await, "all of it");
}

#[tokio::test]
async fn broken_chunks_are_named() {
    let peer = Peer::start(|_, mut talk| async move {
        talk.request().await;
        talk.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await;
        talk.hung_up().await;
    })
    .await;
    let response = Client::to(peer.address).send("{}").await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(error.code(), "upstream_body_malformed", "{error}");
}

#[tokio::test]
async fn a_stream_that_stalls_runs_into_its_idle_deadline() {
    let peer = Peer::start(|_, mut talk| async move {
        talk.request().await;
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
        talk.hung_up().await;
    })
    .await;
    let response = Client::to(peer.address).send("{}").await.unwrap();
    let mut body = response.into_body().with_idle_timeout(SHORT);
    assert!(body.frame().await.unwrap().is_ok());
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(matches!(error, BodyError::Idle { limit: SHORT, .. }), "{error}");
}

#[tokio::test]
async fn a_slow_stream_that_does_not_stall_is_let_be() {
    let peer = Peer::start(|_, mut talk| async move {
        talk.request().await;
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n").await;
        for _ in 0..8 {
            tokio::time::sleep(SHORT / 2).await;
            talk.say("x").await;
        }
        talk.hung_up().await;
    })
    .await;
    let response = Client::to(peer.address).send("{}").await.unwrap();
    let patient = response.map(|body| body.with_idle_timeout(SHORT * 20));
    assert_eq!(text(patient).await, "xxxxxxxx");
}

#[tokio::test]
async fn what_is_not_http_is_named() {
    let peer = Peer::answering("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    let error = Client::to(peer.address).send("{}").await.unwrap_err();
    assert_eq!(error.code(), "upstream_response_head");
    assert!(error.to_string().contains("not HTTP/1.1"), "{error}");
}

#[tokio::test]
async fn heads_are_limited_in_size_and_number() {
    let one_large = format!("x: {}\r\n", "y".repeat(70 * 1024));
    let many: String = (0..101).map(|number| format!("x-{number}: y\r\n")).collect();
    for headers in [one_large, many] {
        let peer = Peer::start(move |_, mut talk| {
            let headers = headers.clone();
            async move {
                talk.request().await;
                talk.say(&format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n")).await;
                talk.hung_up().await;
            }
        })
        .await;
        let error = Client::to(peer.address).send("{}").await.unwrap_err();
        assert_eq!(error.code(), "upstream_response_head", "{error}");
        assert!(error.to_string().contains("64 KiB"), "{error}");
    }
}
