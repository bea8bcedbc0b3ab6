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
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::coding::Coding;
use super::error::io_source;
use super::pool::Lease;

/// A streaming response body; boxed, because an answer is passed on often.
pub struct Body(Box<Streaming>);

struct Streaming {
    source: Source,
    /// The connection, until the body has ended.
    lease: Option<Lease>,
    peer: Arc<str>,
    deadline: Option<Deadline>,
    /// What was read ahead.
    unread: Option<Bytes>,
    coding: Option<Box<Coding>>,
    edit: Option<Edit>,
}

/// What is to be done to each message that a body brings, by whoever takes it apart.
pub(crate) struct Edit {
    /// Done to a whole message.
    pub(crate) each: Box<dyn Fn(Bytes) -> Bytes + Send + Sync>,
    /// Whether also to messages that would else be passed on in pieces.
    pub(crate) large: bool,
}

enum Source {
    /// The wire.
    Incoming(Incoming),
    /// What another connection brings for this request.
    Fed(mpsc::Receiver<Bytes>),
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
    /// The whole took too long.
    #[error("{peer} did not end its answer within {} ms", limit.as_millis())]
    Total {
        /// Where the body came from.
        peer: Arc<str>,
        /// The deadline, from the start of the request.
        limit: Duration,
    },
    /// The chunked coding, or the content coding, is broken.
    #[error("{peer} broke the framing of its answer: {reason}")]
    Malformed {
        /// Where the body came from.
        peer: Arc<str>,
        /// What is wrong with it.
        reason: String,
    },
}

/// Fires when no frame has come for `idle`, or when the whole was due. Frames only note the time;
/// the timer is moved when it fires.
struct Deadline {
    idle: Duration,
    last: Instant,
    /// When the whole is due, and how long it had.
    total: Option<(Instant, Duration)>,
    timer: Option<Pin<Box<Sleep>>>,
}

// === impl Body ===

impl Body {
    pub(super) fn new(
        incoming: Incoming,
        lease: Lease,
        peer: &Arc<str>,
        coding: Option<Coding>,
    ) -> Self {
        let mut body = Streaming {
            source: Source::Incoming(incoming),
            lease: Some(lease),
            peer: Arc::clone(peer),
            deadline: None,
            unread: None,
            coding: coding.map(Box::new),
            edit: None,
        };
        if body.source.is_end_stream() {
            body.release();
        }
        Self(Box::new(body))
    }

    /// A body that another connection feeds, such as the one event stream of HTTP+SSE
    /// (MCP 2024-11-05). It ends when the sender goes.
    pub(crate) fn fed(feed: mpsc::Receiver<Bytes>, peer: &Arc<str>) -> Self {
        Self(Box::new(Streaming {
            source: Source::Fed(feed),
            lease: None,
            peer: Arc::clone(peer),
            deadline: None,
            unread: None,
            coding: None,
            edit: None,
        }))
    }

    /// Fails the body with [`BodyError::Idle`] when no byte comes for `limit`.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: Duration) -> Self {
        self.0.deadline =
            Some(Deadline { idle: limit, last: Instant::now(), total: None, timer: None });
        self
    }

    /// Fails the body with [`BodyError::Total`] when it has not ended `limit` after `began`, and
    /// with [`BodyError::Idle`] when no byte comes for `idle`.
    #[must_use]
    pub fn with_deadlines(mut self, idle: Duration, began: Instant, limit: Duration) -> Self {
        let total = Some((began + limit, limit));
        self.0.deadline = Some(Deadline { idle, last: Instant::now(), total, timer: None });
        self
    }

    /// Nobody read for this long, for reasons that are not the server's: its deadlines move.
    pub(crate) fn waited(&mut self, time: Duration) {
        let Some(deadline) = &mut self.0.deadline else { return };
        deadline.last = Instant::now();
        if let Some((due, _)) = &mut deadline.total {
            *due += time;
        }
    }

    /// Puts back what was read ahead, to be read next.
    #[must_use]
    pub fn unread(mut self, data: Bytes) -> Self {
        self.0.unread = Some(data).filter(|data| !data.is_empty());
        self
    }

    /// Says what is to be done to each message.
    #[must_use]
    pub(crate) fn with_edit(mut self, edit: Edit) -> Self {
        self.0.edit = Some(edit);
        self
    }

    /// What is to be done to each message, for who does it.
    pub(crate) fn take_edit(&mut self) -> Option<Edit> {
        self.0.edit.take()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self.get_mut().0;
        if let Some(data) = this.unread.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if this.coding.is_some() { this.poll_decoded(cx) } else { this.poll_raw(cx) }
    }

    fn is_end_stream(&self) -> bool {
        let Streaming { source, unread, coding, .. } = &*self.0;
        unread.is_none() && coding.is_none() && source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.coding.is_some() {
            return SizeHint::default();
        }
        let mut hint = self.0.source.size_hint();
        let unread = self.0.unread.as_ref().map_or(0, |data| data.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + unread);
        }
        hint.set_lower(hint.lower() + unread);
        hint
    }
}

// === impl Streaming ===

impl Streaming {
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

    /// The body without its coding.
    fn poll_decoded(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let Some(coding) = &mut self.coding else { return Poll::Ready(None) };
            match coding.next() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(None) => {}
                Err(reason) => return Poll::Ready(Some(Err(self.undecodable(&reason)))),
            }
            match ready!(self.poll_raw(cx)) {
                Some(Ok(frame)) => {
                    if let (Some(coding), Ok(data)) = (&mut self.coding, frame.into_data()) {
                        coding.push(data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let rest = self.coding.take().map(|mut coding| coding.finish());
                    return Poll::Ready(match rest {
                        Some(Ok(Some(data))) => Some(Ok(Frame::data(data))),
                        Some(Err(reason)) => Some(Err(self.undecodable(&reason))),
                        _ => None,
                    });
                }
            }
        }
    }

    fn undecodable(&mut self, reason: &str) -> BodyError {
        (self.coding, self.lease) = (None, None);
        BodyError::Malformed {
            peer: Arc::clone(&self.peer),
            reason: format!("its content coding cannot be undone: {reason}"),
        }
    }

    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self;
        match this.source.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if this.source.is_end_stream() {
                    this.release();
                } else if let Some(deadline) = &mut this.deadline {
                    deadline.last = Instant::now();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(this.failed(&error)))),
            Poll::Ready(None) => {
                this.release();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let Some(deadline) = &mut this.deadline else { return Poll::Pending };
                ready!(deadline.poll_elapsed(cx));
                this.lease = None;
                Poll::Ready(Some(Err(deadline.error(&this.peer))))
            }
        }
    }
}

// === impl Source ===

impl Source {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self {
            Self::Incoming(incoming) => Pin::new(incoming).poll_frame(cx),
            Self::Fed(feed) => {
                feed.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Incoming(incoming) => incoming.is_end_stream(),
            Self::Fed(feed) => feed.is_closed() && feed.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Incoming(incoming) => incoming.size_hint(),
            Self::Fed(_) => SizeHint::default(),
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

// === impl BodyError ===

impl BodyError {
    /// A stable name for logs, error data and metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "upstream_body_closed",
            Self::Idle { .. } => "upstream_body_idle",
            Self::Total { .. } => "upstream_body_total",
            Self::Malformed { .. } => "upstream_body_malformed",
        }
    }
}

// === impl Deadline ===

impl Deadline {
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let idle = self.last + self.idle;
        let due = self.total.map_or(idle, |(total, _)| total.min(idle));
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }

    /// Which of the two it was.
    fn error(&self, peer: &Arc<str>) -> BodyError {
        let peer = Arc::clone(peer);
        match self.total {
            Some((total, limit)) if total <= self.last + self.idle => {
                BodyError::Total { peer, limit }
            }
            _ => BodyError::Idle { peer, limit: self.idle },
        }
    }
}
