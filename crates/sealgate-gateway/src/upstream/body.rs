//! Enters: a response body on the wire. Leaves: its frames as they arrive, uncopied; at the end
//! the connection goes back to the pool, and on an early drop it is closed, which tells the
//! server to stop.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::error::io_source;
use super::pool::Lease;

/// A streaming response body.
pub struct Body {
    incoming: Incoming,
    /// The connection, until the body has ended.
    lease: Option<Lease>,
    peer: Arc<str>,
    idle: Option<IdleDeadline>,
}

/// Why a body ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection ended early.
    #[error("{peer} closed the connection in the middle of its answer")]
    Closed {
        /// Where the body came from.
        peer: Arc<str>,
    },
    /// Nothing came for too long.
    #[error("{peer} sent nothing for {} ms in the middle of its answer", limit.as_millis())]
    Idle {
        /// Where the body came from.
        peer: Arc<str>,
        /// The idle deadline.
        limit: Duration,
    },
    /// The chunked coding is broken.
    #[error("{peer} broke the framing of its answer: {reason}")]
    Malformed {
        /// Where the body came from.
        peer: Arc<str>,
        /// What is wrong with it.
        reason: String,
    },
}

/// Fires when no frame has come for `limit`. Frames only note the time; the timer is moved when
/// it fires.
struct IdleDeadline {
    limit: Duration,
    last: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

// === impl Body ===

impl Body {
    pub(super) fn new(incoming: Incoming, lease: Lease, peer: &Arc<str>) -> Self {
        let mut body = Self { incoming, lease: Some(lease), peer: Arc::clone(peer), idle: None };
        if body.incoming.is_end_stream() {
            body.release();
        }
        body
    }

    /// Fails the body with [`BodyError::Idle`] when no byte comes for `limit`.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = Some(IdleDeadline { limit, last: Instant::now(), timer: None });
        self
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }

    fn failed(&mut self, error: &hyper::Error) -> BodyError {
        self.lease = None;
        let peer = Arc::clone(&self.peer);
        if error.is_incomplete_message() {
            return BodyError::Closed { peer };
        }
        match io_source(error) {
            Some(cause)
                if cause.kind() != std::io::ErrorKind::InvalidInput
                    && cause.kind() != std::io::ErrorKind::InvalidData =>
            {
                BodyError::Closed { peer }
            }
            Some(cause) => BodyError::Malformed { peer, reason: cause.to_string() },
            None => BodyError::Malformed { peer, reason: error.to_string() },
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if this.incoming.is_end_stream() {
                    this.release();
                } else if let Some(idle) = &mut this.idle {
                    idle.last = Instant::now();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(this.failed(&error)))),
            Poll::Ready(None) => {
                this.release();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let Some(idle) = &mut this.idle else { return Poll::Pending };
                ready!(idle.poll_elapsed(cx));
                let limit = idle.limit;
                this.lease = None;
                Poll::Ready(Some(Err(BodyError::Idle { peer: Arc::clone(&this.peer), limit })))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("peer", &self.peer).finish_non_exhaustive()
    }
}

// === impl BodyError ===

impl BodyError {
    /// A stable name for logs, error data and metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "upstream_body_closed",
            Self::Idle { .. } => "upstream_body_idle",
            Self::Malformed { .. } => "upstream_body_malformed",
        }
    }
}

// === impl IdleDeadline ===

impl IdleDeadline {
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.last + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}
