//! When connections are used again, and when not.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use http_body_util::BodyExt;
use sealgate_config::resolved::Address;
use tokio::sync::mpsc::unbounded_channel;

use super::peer::Peer;
use super::{Client, PATIENT, post};
use crate::upstream::{Origin, OriginSpec, Origins, Pool, PoolLimits};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn ten_thousand_requests_in_a_row_share_one_connection() {
    let peer = Peer::answering(OK).await;
    let client = Client::to(peer.address);
    for _ in 0..10_000 {
        assert_eq!(client.ask("{}").await, "ok");
    }
    assert_eq!(peer.accepted(), 1);
    assert_eq!(client.pool.idle(), 1);
}

#[tokio::test]
async fn a_chunked_answer_gives_its_connection_back() {
    let peer = Peer::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    )
    .await;
    let client = Client::to(peer.address);
    for _ in 0..3 {
        assert_eq!(client.ask("{}").await, "ok");
    }
    assert_eq!(peer.accepted(), 1);
}

#[tokio::test]
async fn an_answer_without_a_body_gives_its_connection_back_at_once() {
    let peer = Peer::answering("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
    let client = Client::to(peer.address);
    let unread = client.send("{}").await.unwrap();
    assert_eq!(client.pool.idle(), 1);
    drop(unread);
    client.send("{}").await.unwrap();
    assert_eq!(peer.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_wants_closed_is_not_used_again() {
    let response = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let peer = Peer::answering(response).await;
    let client = Client::to(peer.address);
    client.ask("{}").await;
    client.ask("{}").await;
    assert_eq!(peer.accepted(), 2);
}

/// The server hangs up while nobody looks: the request goes into the dead connection's queue, is
/// handed back unwritten, and leaves over a fresh connection.
#[tokio::test]
async fn a_request_that_meets_a_dead_connection_is_sent_once_on_a_fresh_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::to(listener.local_addr().unwrap());
    let (closed, wait_closed) = mpsc::channel();
    let server = std::thread::spawn(move || {
        let mut requests = 0;
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"{}") {
                let mut buffer = [0; 1024];
                let count = stream.read(&mut buffer).unwrap();
                seen.extend_from_slice(&buffer[..count]);
            }
            requests += 1;
            stream.write_all(OK.as_bytes()).unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
        requests
    });
    client.ask("{}").await;
    // Blocks the runtime on purpose: the connection's task must not see the end before we send.
    wait_closed.recv().unwrap();
    assert_eq!(client.ask("{}").await, "ok");
    assert_eq!(server.join().unwrap(), 2);
}

#[tokio::test]
async fn a_request_that_was_written_is_never_sent_again() {
    let (seen, mut requests) = unbounded_channel();
    let peer = Peer::start(move |_, mut talk| {
        let seen = seen.clone();
        async move {
            let _ = seen.send(talk.request().await);
        }
    })
    .await;
    let client = Client::to(peer.address);
    let error = client.send("{}").await.unwrap_err();
    assert_eq!(error.code(), "upstream_closed");
    assert!(error.sent());
    assert!(requests.recv().await.unwrap().is_some());
    assert_eq!(peer.accepted(), 1);
}

#[tokio::test]
async fn a_body_that_is_dropped_early_closes_its_connection() {
    let (hung_up, mut wait) = unbounded_channel();
    let peer = Peer::start(move |_, mut talk| {
        let hung_up = hung_up.clone();
        async move {
            talk.request().await;
            talk.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
            talk.say(": hello\n\n").await;
            talk.hung_up().await;
            let _ = hung_up.send(());
        }
    })
    .await;
    let client = Client::to(peer.address);
    let mut body = client.send("{}").await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, ": hello\n\n");
    drop(body);
    wait.recv().await.unwrap();
    assert_eq!(client.pool.idle(), 0);
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_its_connection() {
    let (event, mut events) = unbounded_channel();
    let peer = Peer::start(move |_, mut talk| {
        let event = event.clone();
        async move {
            talk.request().await;
            let _ = event.send("asked");
            talk.hung_up().await;
            let _ = event.send("gone");
        }
    })
    .await;
    let client = Client::to(peer.address);
    let mut send = Box::pin(client.send("{}"));
    tokio::select! {
        _ = &mut send => panic!("nobody answers"),
        asked = events.recv() => assert_eq!(asked, Some("asked")),
    }
    drop(send);
    assert_eq!(events.recv().await, Some("gone"));
}

#[tokio::test]
async fn connections_beyond_the_cap_or_past_their_time_are_closed() {
    let peer = Peer::answering(OK).await;
    let mut client = Client::to(peer.address);
    client.pool = Pool::new(PoolLimits { idle: Duration::from_millis(20), per_origin: 1 });
    let (one, two) = tokio::join!(client.ask("{}"), client.ask("{}"));
    assert_eq!((one.as_str(), two.as_str()), ("ok", "ok"));
    assert_eq!((peer.accepted(), client.pool.idle()), (2, 1));
    tokio::time::sleep(Duration::from_millis(25)).await;
    client.ask("{}").await;
    assert_eq!(peer.accepted(), 3);
    tokio::spawn(client.pool.tend());
    while client.pool.idle() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_new_origin_never_gets_the_connections_of_one_that_is_gone() {
    let (one, two) = (Peer::answering(OK).await, Peer::answering(OK).await);
    let origins = Origins::default();
    let pool = Pool::new(PoolLimits::default());
    let spec = |peer: &Peer| OriginSpec { connect: vec![Address::Ip(peer.address)], tls: None };
    for (peer, expected) in [(&one, (1, 0)), (&two, (1, 1)), (&one, (2, 1))] {
        // The origin is dropped each time, so all three have the same id.
        let origin = Origin::intern(&origins, spec(peer)).unwrap();
        let response = pool.send_to(&origin, post("{}"), PATIENT).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!((one.accepted(), two.accepted()), expected);
        assert_eq!(pool.idle(), 1);
    }
}

/// 413 before the upload is through: the rest is still written, and only then the connection may
/// serve again.
#[tokio::test]
async fn an_early_answer_does_not_mix_with_the_next_request() {
    let peer = Peer::start(|number, mut talk| async move {
        if number == 0 {
            talk.say("HTTP/1.1 413 Payload Too Large\r\ncontent-length: 2\r\n\r\nno").await;
            talk.hung_up().await;
        }
        while talk.request().await.is_some() {
            talk.say(OK).await;
        }
    })
    .await;
    let client = Client::to(peer.address);
    let large = "x".repeat(4 << 20);
    let response = client.send(&large).await.unwrap();
    assert_eq!(response.status(), 413);
    drop(response);
    assert_eq!(client.ask("{}").await, "ok");
    assert_eq!(peer.accepted(), 2);
}
