//! Enters: sessions that clients closed, streams that they are opening. Leaves: what the next
//! request of the session must know of it. This process's own knowledge: it makes things better,
//! nothing depends on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Sessions that were closed before their time: DELETE is final, although the token would open.
#[derive(Default)]
pub(crate) struct Ended {
    sessions: Mutex<HashMap<u64, u64>>,
    count: AtomicUsize,
}

/// Event streams that are being opened. A request that follows one at once waits for it: its
/// backend may send on the stream what belongs to the request.
#[derive(Default)]
pub(crate) struct Openings {
    streams: Mutex<HashMap<u64, watch::Sender<()>>>,
    count: AtomicUsize,
}

/// A stream is being opened while this lives.
pub(crate) struct Opening {
    openings: Arc<Openings>,
    session: u64,
}

/// Closed sessions that are remembered.
const MOST: usize = 64 * 1024;
/// How long a request waits for a stream that is being opened.
const PATIENCE: Duration = Duration::from_millis(250);

impl Ended {
    /// The session is over; `expires_at` (seconds since the epoch) is when its token says so too.
    pub(crate) fn end(&self, session: u64, expires_at: u64, now: u64) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST {
            sessions.retain(|_, end| *end > now);
        }
        if sessions.len() < MOST {
            sessions.insert(session, expires_at);
        }
        self.count.store(sessions.len(), Ordering::Relaxed);
    }

    /// Whether the session was closed.
    pub(crate) fn contains(&self, session: u64) -> bool {
        self.count.load(Ordering::Relaxed) > 0
            && self.sessions.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }
}

impl Openings {
    /// A stream of the session is being opened.
    pub(crate) fn begin(self: &Arc<Self>, session: u64) -> Opening {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.insert(session, watch::Sender::new(()));
        self.count.store(streams.len(), Ordering::Relaxed);
        Opening { openings: Arc::clone(self), session }
    }

    /// Waits for the session's stream, if it is being opened, but not for long.
    pub(crate) async fn settled(&self, session: u64) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let waiting = {
            let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            streams.get(&session).map(watch::Sender::subscribe)
        };
        if let Some(mut opening) = waiting {
            // The sender goes when the stream is open.
            let _ = tokio::time::timeout(PATIENCE, opening.changed()).await;
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut streams = self.openings.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.remove(&self.session);
        self.openings.count.store(streams.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_session_stays_closed() {
        let ended = Ended::default();
        assert!(!ended.contains(1));
        ended.end(1, 100, 0);
        assert!(ended.contains(1));
        assert!(!ended.contains(2));
    }

    #[tokio::test]
    async fn a_request_waits_for_its_own_sessions_stream_only() {
        let openings = Arc::new(Openings::default());
        let opening = openings.begin(1);
        openings.settled(2).await;
        let waiting = tokio::spawn({
            let openings = Arc::clone(&openings);
            async move { openings.settled(1).await }
        });
        tokio::task::yield_now().await;
        drop(opening);
        waiting.await.unwrap();
        openings.settled(1).await;
    }
}
