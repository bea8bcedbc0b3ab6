//! Enters: what a legacy backend asks on the event stream of a pooled session, where it does not
//! say for which call. Leaves: the question at the call that is the only one to run there, or a
//! refusal for the backend. A session is one principal's with one set of capabilities, so that no
//! question reaches anybody else.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use sealgate_mcp::envelope::{Envelope, Kind};
use tokio::sync::mpsc;

use crate::backend::asks::{self, Asks};

/// Questions that wait for one call; a backend that asks more at once is refused.
const QUEUE: usize = 16;

/// The calls of one session that wait for questions.
#[derive(Default)]
pub(super) struct Questions {
    calls: Mutex<Vec<mpsc::Sender<Bytes>>>,
}

/// One call's part in them; dropping it ends that.
#[derive(Default)]
pub(crate) struct Ear(Option<mpsc::Receiver<Bytes>>);

impl Questions {
    /// From now on a call takes questions.
    pub(super) fn listen(&self) -> Ear {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.retain(|call| !call.is_closed());
        calls.push(sender);
        Ear(Some(receiver))
    }

    /// Brings a message to whom it concerns, if it is a request; gives the answer for the backend
    /// where that is nobody, or could be several.
    pub(super) fn ask(&self, message: &Bytes, capabilities: &str, backend: &str) -> Option<String> {
        let envelope = Envelope::parse_reply(message).ok()?;
        let (Kind::Request, Some(id)) = (envelope.kind(), envelope.id) else { return None };
        let method = envelope.method.as_deref().unwrap_or_default();
        if Asks::of(method).is_some_and(|asks| asks.is_declared(capabilities)) {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.retain(|call| !call.is_closed());
            if let [call] = calls.as_slice()
                && call.try_send(message.clone()).is_ok()
            {
                return None;
            }
        }
        Some(asks::refuse(capabilities, id.get(), method, backend).answer)
    }
}

impl Ear {
    /// The next question.
    pub(crate) async fn next(&mut self) -> Bytes {
        if let Some(questions) = &mut self.0
            && let Some(question) = questions.recv().await
        {
            return question;
        }
        // Nobody asks any more.
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = br#"{"jsonrpc":"2.0","id":"q","method":"roots/list"}"#;
    const ROOTS: &str = r#"{"roots":{}}"#;

    #[tokio::test]
    async fn a_question_reaches_the_only_call_and_is_else_refused() {
        let (questions, question) = (Questions::default(), Bytes::from_static(QUESTION));
        assert!(questions.ask(&question, ROOTS, "b").unwrap().contains("-32603"));
        let mut first = questions.listen();
        assert_eq!(questions.ask(&question, ROOTS, "b"), None);
        assert_eq!(first.next().await, question);
        assert!(questions.ask(&question, "{}", "b").unwrap().contains("-32601"));
        let second = questions.listen();
        assert!(questions.ask(&question, ROOTS, "b").is_some(), "it could be either's");
        drop(first);
        assert_eq!(questions.ask(&question, ROOTS, "b"), None);
        drop(second);
        assert!(questions.ask(&question, ROOTS, "b").is_some());
    }

    #[test]
    fn a_ping_is_answered_and_what_is_no_question_is_left_alone() {
        let questions = Questions::default();
        let ask =
            |text: &'static str| questions.ask(&Bytes::from_static(text.as_bytes()), "{}", "b");
        let pong = ask(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        assert_eq!(pong.as_deref(), Some(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#));
        assert_eq!(ask(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#), None);
        assert_eq!(ask(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#), None);
    }
}
