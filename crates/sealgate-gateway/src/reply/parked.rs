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
    /// Its own name for it, if it gave one.
    key: Option<Box<str>>,
}

/// Answers that came with a call before anything was asked, raw, by the keys of their questions.
#[derive(Default)]
pub(crate) struct Given(HashMap<String, Box<str>>);

/// Where a backend names its question in `_meta`: a question of the legacy era has no key.
const KEY: &str = "sealgate.dev/key";
/// The longest such name, in bytes.
const MAX_KEY: usize = 64;

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
        let keys = self.keys();
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
        let keys = self.keys();
        let answers = self
            .questions
            .iter()
            .zip(&keys)
            .map(|(question, key)| Some(question.answered(responses.get(key)?.get())));
        answers.collect()
    }

    /// Under what the client sees each question: its own key, unless another has that too.
    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for (at, question) in self.questions.iter().enumerate() {
            let own = question.key.as_deref().map(ToOwned::to_owned);
            let own = own.filter(|own| !keys.contains(own));
            keys.push(own.unwrap_or_else(|| format!("q{at}")));
        }
        keys
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
        let key = own_key(&params);
        let params = for_client(params);
        Some(Self {
            id: envelope.id?.get().into(),
            method: envelope.method.as_deref()?.into(),
            params: params.into(),
            key,
        })
    }

    /// The response to it.
    fn answered(&self, result: &str) -> String {
        let id = &self.id;
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
    }
}

impl Given {
    /// The `inputResponses` of a call; what is no object answers nothing.
    pub(crate) fn read(responses: Option<&RawValue>) -> Self {
        let object = responses.and_then(|responses| Object::parse(responses.get()).ok());
        let given = object.iter().flat_map(|object| object.members());
        let given = given.filter(|member| member.value.get().starts_with('{'));
        Self(given.map(|member| (member.key.to_string(), member.value.get().into())).collect())
    }

    /// The response to a question that was answered in advance; only once, so that a backend that
    /// asks again asks the client.
    pub(super) fn answer(&mut self, question: &Question) -> Option<String> {
        let result = self.0.remove(question.key.as_deref()?)?;
        Some(question.answered(&result))
    }
}

/// What the backend calls its question; never a name that the gateway could give another.
fn own_key(params: &str) -> Option<Box<str>> {
    let object = Object::parse(params).ok()?;
    let meta = Object::parse(object.get("_meta")?.get()).ok()?;
    let key = meta.text(KEY)?.value;
    let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let is_ours = key.strip_prefix('q').is_some_and(|rest| rest.parse::<usize>().is_ok());
    let is_good = is_plain && !is_ours && (1..=MAX_KEY).contains(&key.len());
    is_good.then(|| key.as_ref().into())
}

/// The client sends no progress of a question that is none of its requests, and has its key.
fn for_client(params: String) -> String {
    let kept = Object::parse(&params).ok().and_then(|object| {
        let meta = object.get("_meta")?;
        let kept =
            translate::without(meta.get(), |key| key == meta_key::PROGRESS_TOKEN || key == KEY);
        let mut splice = Splice::new(object.raw().as_bytes());
        splice.replace(span(object.raw().as_bytes(), meta), kept.into_bytes());
        String::from_utf8(splice.finish().to_vec()).ok()
    });
    kept.unwrap_or(params)
}
