//! Enters: the requests of one HTTP/2 connection. Leaves: whether none has run for a while.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, interval_at};

/// The requests of a connection, counted. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Counts>);

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    running: AtomicUsize,
}

/// A request that runs until its answer has been sent, or nobody wants it any more.
pub(super) struct Stream(Streams);

/// An answer's body, with the request that it belongs to.
pub(super) struct Carried<B> {
    body: B,
    _stream: Stream,
}

// === impl Streams ===

impl Streams {
    pub(super) fn begin(&self) -> Stream {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Stream(self.clone())
    }

    /// Tells, when polled, whether the connection has stood unused for between one `limit` and two.
    pub(super) fn idle(&self, limit: Duration) -> impl FnMut(&mut Context<'_>) -> bool + use<> {
        let counts = Arc::clone(&self.0);
        let mut ticks = interval_at(Instant::now() + limit, limit);
        let mut seen = 0;
        move |cx| {
            if ticks.poll_tick(cx).is_pending() {
                return false;
            }
            // The next tick wakes this task, too.
            while ticks.poll_tick(cx).is_ready() {}
            let begun = counts.begun.load(Ordering::Relaxed);
            let is_idle = begun == seen && counts.running.load(Ordering::Relaxed) == 0;
            seen = begun;
            is_idle
        }
    }
}

// === impl Stream ===

impl Stream {
    pub(super) fn carry<B>(self, body: B) -> Carried<B> {
        Carried { body, _stream: self }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Carried ===

impl<B: Body + Unpin> Body for Carried<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
