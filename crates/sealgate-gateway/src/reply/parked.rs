//! Enters: a call in whose middle a legacy backend asks the modern client, which cannot be asked
//! there. Leaves: an input-required result; and, when the client sends the call again with its
//! answers, the same call going on, never a second one.
//!
//! The call waits in this process, and its state says so: another replica cannot go on with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::input_required;
use sealgate_mcp::keyring::Purpose;
use sealgate_mcp::meta_key;
use sealgate_mcp::method::Method;
use sealgate_mcp::object::Object;
use sealgate_mcp::splice::Splice;
use sealgate_mcp::translate;
use sealgate_mcp::version::LATEST;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{Conversation, Hearing};
use crate::backend::{Cancelling, Ear};
use crate::gateway::Gateway;

/// The calls that wait for their clients.
#[derive(Default)]
pub(crate) struct Parked(Mutex<HashMap<Handle, Waiting>>);

type Handle = [u8; 16];

/// A call that waits. Dropping it tells the backend that it is no longer wanted.
pub(crate) struct Waiting {
    pub(super) conversation: Conversation,
    pub(super) hearing: Hearing,
    pub(super) cancelling: Option<Cancelling>,
    pub(super) ear: Ear,
    pub(super) questions: Vec<Question>,
    /// When it began to wait.
    pub(super) since: Instant,
}

/// What a call that goes on has of the one that waited.
pub(crate) struct Resumed {
    pub(super) hearing: Hearing,
    pub(super) cancelling: Option<Cancelling>,
    pub(super) ear: Ear,
    pub(super) questions: Vec<Question>,
    /// For the backend; `None` if the client left one out.
    pub(super) answers: Option<Vec<String>>,
}

/// A question of the backend.
pub(crate) struct Question {
    /// The raw id under which it is to be answered.
    id: Box<str>,
    method: Box<str>,
    /// Raw parameters.
    params: Box<str>,
}

/// How long a call waits for its client.
const PATIENCE: Duration = Duration::from_secs(600);
/// Calls that may wait at once.
const MOST: usize = 1024;

impl Parked {
    /// Parks a call; gives the result that asks its client, or the call back if too many wait.
    pub(super) fn park(gateway: &Arc<Gateway>, waiting: Waiting) -> Result<Bytes, Box<Waiting>> {
        let mut handle: Handle = [0; 16];
        let bind = waiting.conversation.bind.clone().unwrap_or_default();
        let sealed = aws_lc_rs::rand::fill(&mut handle)
            .ok()
            .and_then(|()| gateway.keyring().seal(Purpose::RequestState, &bind, &handle).ok());
        let Some(state) = sealed else { return Err(Box::new(waiting)) };
        let message = waiting.ask(&state);
        let mut calls = gateway.parked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= MOST {
            return Err(Box::new(waiting));
        }
        calls.insert(handle, waiting);
        drop(calls);
        let gateway = Arc::clone(gateway);
        tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            drop(gateway.parked.take(&handle));
        });
        Ok(message)
    }

    /// The call that a retry goes on with; `None` if its state is of no call that waits here.
    pub(crate) fn resume(gateway: &Gateway, bind: &[u8], state: &str) -> Option<Waiting> {
        let handle = gateway.keyring().open(Purpose::RequestState, bind, state).ok()?;
        gateway.parked.take(&handle.try_into().ok()?)
    }

    /// Gives all of them up.
    pub(crate) fn clear(&self) {
        let calls = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(calls);
    }

    fn take(&self, handle: &Handle) -> Option<Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(handle)
    }
}

impl Waiting {
    /// The call as it goes on under the id of the retry.
    pub(crate) fn go_on(
        self,
        client_id: &str,
        responses: Option<&RawValue>,
    ) -> (Conversation, Option<Box<Resumed>>) {
        let answers = self.answers(responses);
        let Self { conversation, mut hearing, cancelling, ear, questions, since } = self;
        hearing.waited(since.elapsed());
        let resumed = Resumed { hearing, cancelling, ear, questions, answers };
        (Conversation { client_id: client_id.into(), ..conversation }, Some(Box::new(resumed)))
    }

    /// What the backend wants to know, for the client.
    fn ask(&self, state: &str) -> Bytes {
        let keys: Vec<_> = (0..self.questions.len()).map(key).collect();
        let questions: Vec<_> = self
            .questions
            .iter()
            .zip(&keys)
            .map(|(question, key)| {
                (key.as_str(), Method::parse(&question.method), &*question.params)
            })
            .collect();
        let result = input_required::write(&questions, Some(state));
        let id = &self.conversation.client_id;
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into()
    }

    /// The client's answers as the backend's questions want them; `None` if one is missing.
    fn answers(&self, responses: Option<&RawValue>) -> Option<Vec<String>> {
        let responses = Object::parse(responses?.get()).ok()?;
        let answers = self.questions.iter().enumerate().map(|(at, question)| {
            let result = responses.get(&key(at))?.get();
            let id = &question.id;
            Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#))
        });
        answers.collect()
    }
}

impl Question {
    /// Reads a request of the backend.
    pub(super) fn read(message: &Bytes) -> Option<Self> {
        let envelope = Envelope::parse(message).ok()?;
        let object = Object::parse(std::str::from_utf8(message).ok()?).ok()?;
        let params = object.get("params").map_or("{}", RawValue::get);
        let params = match envelope.method()? {
            Method::ElicitationCreate => translate::elicitation(params, LATEST, String::new)?,
            _ => params.to_owned(),
        };
        let params = without_progress(params);
        Some(Self {
            id: envelope.id?.get().into(),
            method: envelope.method.as_deref()?.into(),
            params: params.into(),
        })
    }
}

/// The client sends no progress of a question that is none of its requests.
fn without_progress(params: String) -> String {
    let kept = Object::parse(&params).ok().and_then(|object| {
        let meta = object.get("_meta")?;
        let kept = translate::without(meta.get(), |key| key == meta_key::PROGRESS_TOKEN);
        let mut splice = Splice::new(object.raw().as_bytes());
        splice.replace(span(object.raw().as_bytes(), meta), kept.into_bytes());
        String::from_utf8(splice.finish().to_vec()).ok()
    });
    kept.unwrap_or(params)
}

fn key(at: usize) -> String {
    format!("q{at}")
}
