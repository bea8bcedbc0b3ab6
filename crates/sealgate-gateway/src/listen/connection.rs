//! Enters: one accepted connection. Leaves: its requests, one after the other or, in HTTP/2, at
//! once, until either side has enough.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Answer;
use super::drain::{Ticket, Wish};
use super::protocol::{Protocol, Version};
use super::spec::ListenerId;
use super::streams::Streams;

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) listener: ListenerId,
    pub(super) peer: SocketAddr,
}

/// Told to clients beyond the limit.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";

/// Serves requests. A panic in one ends its task and with it, in HTTP/1.1, this connection; in
/// HTTP/2 its stream; and nothing else.
pub(super) async fn run<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    protocol: &Protocol,
    answer: A,
    Origin { listener, peer }: Origin,
    ticket: Ticket,
) {
    let stream = TokioIo::new(stream);
    match version {
        Version::One => {
            let service = service_fn(move |request| {
                let answer = answer.clone();
                async move { Ok::<_, Infallible>(answer.answer(listener, peer, request).await) }
            });
            let connection = protocol.one.serve_connection(stream, service);
            // Its header timeout ends an idle one.
            drive(connection, |connection| connection.graceful_shutdown(), |_| false, ticket, peer)
                .await;
        }
        Version::Two => {
            let streams = Streams::default();
            let counted = streams.clone();
            let service = service_fn(move |request| {
                let (answer, stream) = (answer.clone(), counted.begin());
                async move {
                    let response = answer.answer(listener, peer, request).await;
                    Ok::<_, Infallible>(response.map(|body| stream.carry(body)))
                }
            });
            let connection = protocol.two.serve_connection(stream, service);
            let idle = streams.idle(protocol.idle);
            drive(connection, |connection| connection.graceful_shutdown(), idle, ticket, peer)
                .await;
        }
    }
}

/// Polls a connection to its end, and tells it to `finish` when `ticket` or `is_idle` want that.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    finish: impl Fn(Pin<&mut C>),
    mut is_idle: impl FnMut(&mut Context<'_>) -> bool,
    mut ticket: Ticket,
    peer: SocketAddr,
) {
    let mut connection = pin!(connection);
    let (mut finishing, mut unheard) = (false, 0);
    let ended = poll_fn(|cx| {
        // The connection first, so that a request that has already arrived is answered.
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        let wish = ticket.poll(cx);
        if wish == Wish::Stop {
            return Poll::Ready(None);
        }
        let idle = is_idle(cx);
        if finishing {
            unheard += u8::from(idle);
            // Two whole pauses later it has not even said that it heard.
            return if unheard < 2 { Poll::Pending } else { Poll::Ready(Some(Ok(()))) };
        }
        if wish == Wish::Run && !idle {
            return Poll::Pending;
        }
        finishing = true;
        finish(connection.as_mut());
        connection.as_mut().poll(cx).map(Some)
    });
    match ended.await {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            let cause = error.source().map(ToString::to_string);
            tracing::debug!(%peer, %error, cause, "connection ended");
        }
        None => tracing::info!(%peer, "connection cut: its request did not finish in time"),
    }
}

/// Takes the TLS handshake within `limit`.
pub(super) async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    limit: Duration,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    match timeout(limit, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "TLS handshake took too long");
            None
        }
    }
}

/// Says why and hangs up. The words fit a fresh socket's buffer, so this does not wait; where
/// they do not, the client sees the hang-up alone.
pub(super) fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(FULL);
}
