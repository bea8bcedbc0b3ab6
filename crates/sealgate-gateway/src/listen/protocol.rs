//! Enters: what a listener allows, and a fresh connection. Leaves: whether it speaks HTTP/1.1 or
//! HTTP/2, and how either is served.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::door::Limits;
use super::drain::{Ticket, Wish};
use crate::alarms::Alarms;

/// What TLS clients are offered, best first (RFC 7301).
pub(super) const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a client that speaks HTTP/2 without TLS begins with; no method of HTTP/1.1 does (RFC 9113
/// section 3.4).
const PREFACE: &[u8] = b"PRI ";

/// How long to wait for the rest of a preface that came in pieces.
const PIECES: Duration = Duration::from_millis(5);

/// Requests of one HTTP/2 connection that may run at once. Beyond: the stream is refused, and the
/// client tries again.
const STREAMS: u32 = 128;

/// How much of a request's body may arrive before it is read, in bytes: of a stream, and of all
/// streams of a connection.
const WINDOWS: (u32, u32) = (256 << 10, 1 << 20);

/// How long an HTTP/2 client that has requests running may be silent before it is asked whether it
/// is there, and how long it may take to say so.
const SILENCE: Duration = Duration::from_secs(20);

/// How much of an answer may wait for a slow client, in bytes a stream.
const UNSENT: usize = 64 << 10;

/// The version that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// How connections of a listener are served.
pub(super) struct Protocol {
    pub(super) one: http1::Builder,
    pub(super) two: http2::Builder<TokioExecutor>,
    /// How long a connection may stand unused.
    pub(super) idle: Duration,
}

// === impl Version ===

impl Version {
    /// Looks at the first bytes of a plain connection and takes none of them. `None` when nothing
    /// comes within `patience`. A connection that is to end before it has said anything counts as
    /// HTTP/1.1, which ends it.
    pub(super) async fn of_plain(
        stream: &TcpStream,
        patience: Duration,
        ticket: &mut Ticket,
    ) -> Option<Self> {
        timeout(patience, async {
            loop {
                match first_bytes(stream, ticket).await {
                    Ok(bytes) if bytes == PREFACE => return Some(Self::Two),
                    Ok(bytes) if !bytes.is_empty() && PREFACE.starts_with(&bytes) => {
                        sleep(PIECES).await;
                    }
                    Ok(_) => return Some(Self::One),
                    Err(_) => return None,
                }
            }
        })
        .await
        .ok()?
    }

    /// What the handshake agreed on.
    pub(super) fn of_secure(stream: &TlsStream<TcpStream>) -> Self {
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Self::Two,
            _ => Self::One,
        }
    }
}

/// As many bytes as the preface has, or what there is; nothing at the end of the connection, or
/// when `ticket` wants it ended.
async fn first_bytes(stream: &TcpStream, ticket: &mut Ticket) -> io::Result<Vec<u8>> {
    let mut bytes = [0; PREFACE.len()];
    let mut buffer = ReadBuf::new(&mut bytes);
    poll_fn(|cx| match stream.poll_peek(cx, &mut buffer) {
        Poll::Pending if ticket.poll(cx) != Wish::Run => Poll::Ready(Ok(0)),
        ready_or_not => ready_or_not,
    })
    .await?;
    Ok(buffer.filled().to_vec())
}

// === impl Protocol ===

impl Protocol {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut one = http1::Builder::new();
        one.timer(Alarms::default())
            .header_read_timeout(limits.head)
            .max_header_size(limits.head_size)
            // An unfinished head must not take more than a finished one may.
            .max_buf_size(limits.head_size.max(8192));
        // No `pipeline_flush`: with it, hyper does not send its answer to a head that it cannot read.
        let mut two = http2::Builder::new(TokioExecutor::new());
        two.timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.head_size).unwrap_or(u32::MAX))
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .max_send_buf_size(UNSENT)
            // A client that is gone without a word does not keep its streams open.
            .keep_alive_interval(SILENCE)
            .keep_alive_timeout(SILENCE);
        Self { one, two, idle: limits.head }
    }
}
