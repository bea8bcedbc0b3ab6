//! Enters: what a legacy session does that its modern backends cannot know, having no sessions:
//! answers to questions, cancellations, the log level, watched resources. Leaves: each of them to
//! whoever waits for it.
//!
//! The tables are this process's own. An answer or a cancellation that reaches another replica is
//! not heard: a route with modern backends and legacy clients wants session affinity.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sealgate_mcp::log_level::LogLevel;
use tokio::sync::{oneshot, watch};

/// The state of every bridged session.
#[derive(Default)]
pub(crate) struct Bridged {
    questions: Mutex<HashMap<RequestKey, oneshot::Sender<Bytes>>>,
    running: Mutex<HashMap<RequestKey, watch::Sender<bool>>>,
    levels: Mutex<HashMap<u64, LogLevel>>,
    watched: Mutex<HashMap<(u64, u32), watch::Sender<Uris>>>,
}

/// A session and the id of a request in it, raw.
type RequestKey = (u64, Box<str>);
/// The resources that a session watches at a backend.
type Uris = BTreeSet<String>;

/// A question that waits for its answer; dropping it forgets it.
pub(crate) struct Question {
    bridged: Arc<Bridged>,
    key: RequestKey,
    answer: oneshot::Receiver<Bytes>,
}

/// A request that the client may cancel; dropping it forgets it.
pub(crate) struct Running {
    bridged: Arc<Bridged>,
    key: RequestKey,
    cancelled: watch::Receiver<bool>,
}

/// Sessions whose level, or watched resources, are remembered.
const MOST: usize = 64 * 1024;
/// Resources that one session may watch at one backend.
const MOST_WATCHED: usize = 1024;

impl Bridged {
    /// Notes that a session is asked under `id`, raw JSON.
    pub(crate) fn ask(self: &Arc<Self>, session: u64, id: &str) -> Question {
        let (sender, answer) = oneshot::channel();
        let key = (session, Box::from(id));
        lock(&self.questions).insert(key.clone(), sender);
        Question { bridged: Arc::clone(self), key, answer }
    }

    /// Takes a client's response; tells whether somebody waited for it.
    pub(crate) fn answer(&self, session: u64, id: &str, message: &Bytes) -> bool {
        let waiting = lock(&self.questions).remove(&(session, Box::from(id)));
        waiting.is_some_and(|waiting| waiting.send(message.clone()).is_ok())
    }

    /// Notes that a session's request runs.
    pub(crate) fn run(self: &Arc<Self>, session: u64, id: &str) -> Running {
        let key = (session, Box::from(id));
        let mut running = lock(&self.running);
        let sender = running.entry(key.clone()).or_insert_with(|| watch::Sender::new(false));
        let cancelled = sender.subscribe();
        drop(running);
        Running { bridged: Arc::clone(self), key, cancelled }
    }

    /// Cancels a request; tells whether it runs. Of several with one id none is meant.
    pub(crate) fn cancel(&self, session: u64, id: &str) -> bool {
        let running = lock(&self.running);
        let Some(sender) = running.get(&(session, Box::from(id))) else { return false };
        if sender.receiver_count() == 1 {
            sender.send_replace(true);
        }
        true
    }

    /// The level of a session's `logging/setLevel`.
    pub(crate) fn level(&self, session: u64) -> Option<LogLevel> {
        lock(&self.levels).get(&session).copied()
    }

    /// Remembers it.
    pub(crate) fn set_level(&self, session: u64, level: LogLevel) {
        let mut levels = lock(&self.levels);
        if levels.len() < MOST || levels.contains_key(&session) {
            levels.insert(session, level);
        }
    }

    /// Starts or ends a session's watch on a resource; `false` if it watches too many.
    pub(crate) fn watch(&self, session: u64, backend: u32, uri: &str, is_watched: bool) -> bool {
        let mut watched = lock(&self.watched);
        if watched.len() >= MOST && !watched.contains_key(&(session, backend)) {
            return false;
        }
        let sender = watched.entry((session, backend)).or_default();
        let mut fits = true;
        sender.send_if_modified(|uris| match is_watched {
            true if uris.len() >= MOST_WATCHED && !uris.contains(uri) => {
                fits = false;
                false
            }
            true => uris.insert(uri.to_owned()),
            false => uris.remove(uri),
        });
        fits
    }

    /// What a session watches at a backend, now and later.
    pub(crate) fn watched(&self, session: u64, backend: u32) -> watch::Receiver<Uris> {
        lock(&self.watched).entry((session, backend)).or_default().subscribe()
    }

    /// The session is over.
    pub(crate) fn forget(&self, session: u64) {
        lock(&self.levels).remove(&session);
        lock(&self.watched).retain(|(owner, _), _| *owner != session);
        lock(&self.questions).retain(|(owner, _), _| *owner != session);
    }
}

impl Question {
    /// The client's response, whole; `None` if the session ended first.
    pub(crate) async fn answer(mut self) -> Option<Bytes> {
        (&mut self.answer).await.ok()
    }
}

impl Running {
    /// Waits until the client cancels the request.
    pub(crate) async fn cancelled(&mut self) {
        if self.cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        lock(&self.bridged.questions).remove(&self.key);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = lock(&self.bridged.running);
        // This one still counts.
        if running.get(&self.key).is_some_and(|sender| sender.receiver_count() <= 1) {
            running.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_finds_its_own_question_once() {
        let bridged = Arc::new(Bridged::default());
        let question = bridged.ask(1, "\"q\"");
        assert!(!bridged.answer(2, "\"q\"", &Bytes::new()));
        assert!(bridged.answer(1, "\"q\"", &Bytes::from_static(b"yes")));
        assert!(!bridged.answer(1, "\"q\"", &Bytes::new()));
        assert_eq!(question.answer().await.as_deref(), Some(&b"yes"[..]));
    }

    #[tokio::test]
    async fn a_cancellation_reaches_a_request_that_is_the_only_one_of_its_id() {
        let bridged = Arc::new(Bridged::default());
        let mut first = bridged.run(1, "7");
        let second = bridged.run(1, "7");
        assert!(bridged.cancel(1, "7"));
        assert!(!*first.cancelled.borrow());
        drop(second);
        assert!(bridged.cancel(1, "7"));
        first.cancelled().await;
        drop(first);
        assert!(!bridged.cancel(1, "7"));
    }

    #[test]
    fn watches_are_bounded_and_end_with_the_session() {
        let bridged = Bridged::default();
        let watched = bridged.watched(1, 9);
        for number in 0..MOST_WATCHED {
            assert!(bridged.watch(1, 9, &number.to_string(), true));
        }
        assert!(!bridged.watch(1, 9, "one more", true));
        assert!(bridged.watch(1, 9, "0", false));
        assert_eq!(watched.borrow().len(), MOST_WATCHED - 1);
        bridged.forget(1);
        assert!(bridged.watched(1, 9).borrow().is_empty());
    }
}
