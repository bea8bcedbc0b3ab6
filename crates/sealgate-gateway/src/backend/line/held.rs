//! Enters: messages of one event stream. Leaves: each on the stream of the request that it answers;
//! what answers none, on the stream of whoever listens, or else of the latest request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use sealgate_mcp::envelope::{Envelope, Kind};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::plan::PlaceTag;
use crate::reply::event;

/// Messages that wait for one reader.
const QUEUE: usize = 256;
/// Messages that wait for somebody to listen.
const KEPT: usize = 64;
/// How long a line is held that nobody uses.
const IDLE: Duration = Duration::from_secs(1800);

/// The lines to one backend that this process holds.
#[derive(Default)]
pub(crate) struct Lines {
    lines: Mutex<HashMap<Box<str>, Arc<Line>>>,
    is_known: AtomicBool,
}

/// One event stream of a backend, and who waits for what on it.
pub(crate) struct Line {
    /// Where requests are POSTed.
    pub(super) target: Uri,
    /// The endpoint that the stream is open to, where the backend has several.
    pub(super) place: Option<PlaceTag>,
    parties: Mutex<Parties>,
    ended: Notify,
}

struct Parties {
    /// By upstream id, the latest last.
    waiting: Vec<(Box<str>, mpsc::Sender<Bytes>)>,
    listener: Option<mpsc::Sender<Bytes>>,
    kept: VecDeque<Bytes>,
    used: Instant,
}

impl Lines {
    /// Whether the backend is known to speak no other way.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// The backend was seen to have lines, or not any more.
    pub(crate) fn learn(&self, has: bool) {
        self.is_known.store(has, Ordering::Relaxed);
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn hold(&self, id: &str, target: Uri, place: Option<PlaceTag>) -> Arc<Line> {
        let parties = Parties {
            waiting: Vec::new(),
            listener: None,
            kept: VecDeque::new(),
            used: Instant::now(),
        };
        let line = Line { target, place, parties: Mutex::new(parties), ended: Notify::new() };
        let line = Arc::new(line);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.insert(id.into(), Arc::clone(&line));
        line
    }

    /// Ends a line.
    pub(crate) fn drop(&self, id: &str) {
        let line = self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(line) = line {
            line.ended.notify_one();
        }
    }
}

impl Line {
    /// The stream on which the answer to the request `id` will come.
    pub(super) fn await_answer(&self, id: &str) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut parties = self.parties();
        parties.used = Instant::now();
        parties.waiting.retain(|(_, waiting)| !waiting.is_closed());
        parties.waiting.push((id.into(), sender));
        receiver
    }

    /// The stream of what answers no request.
    pub(super) fn listen(&self) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut parties = self.parties();
        for kept in parties.kept.drain(..) {
            let _ = sender.try_send(kept);
        }
        parties.listener = Some(sender);
        receiver
    }

    /// Brings a message to its reader. One that does not keep up loses its stream: the others on
    /// the line must not wait for it.
    pub(super) fn deliver(&self, data: &Bytes) {
        let Ok(message) = Envelope::parse_reply(data) else { return };
        let mut parties = self.parties();
        if message.kind() == Kind::Response {
            let id = message.id.map_or("null", |id| id.get());
            let found = parties.waiting.iter().position(|(waiting, _)| **waiting == *id);
            // An error about what could not be read names no request: it is the only one's.
            let only = (id == "null" && parties.waiting.len() == 1).then_some(0);
            if let Some(at) = found.or(only) {
                let (_, waiting) = parties.waiting.remove(at);
                let _ = waiting.try_send(event(data));
            }
            return;
        }
        let text = event(data);
        parties.listener.take_if(|listener| listener.is_closed());
        parties.waiting.retain(|(_, waiting)| !waiting.is_closed());
        let reader = parties.listener.as_ref().or(parties.waiting.last().map(|(_, it)| it));
        match reader {
            Some(reader) => drop(reader.try_send(text)),
            None => {
                if parties.kept.len() == KEPT {
                    parties.kept.pop_front();
                }
                parties.kept.push_back(text);
            }
        }
    }

    /// Waits until the session was closed, or nobody has used it for long.
    pub(super) async fn is_over(&self) {
        loop {
            let due = self.parties().used + IDLE;
            tokio::select! {
                () = self.ended.notified() => return,
                () = tokio::time::sleep_until(due) => {}
            }
            let parties = self.parties();
            let is_listened = parties.listener.as_ref().is_some_and(|it| !it.is_closed());
            let is_awaited = parties.waiting.iter().any(|(_, it)| !it.is_closed());
            drop(parties);
            if is_listened || is_awaited {
                self.parties().used = Instant::now();
            } else if self.parties().used + IDLE <= Instant::now() {
                return;
            }
        }
    }

    /// Ends every stream that is fed from the line.
    pub(super) fn hang_up(&self) {
        let mut parties = self.parties();
        parties.waiting.clear();
        parties.listener = None;
    }

    fn parties(&self) -> std::sync::MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
