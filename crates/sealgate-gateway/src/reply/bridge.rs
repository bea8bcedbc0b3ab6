//! Enters: a legacy client's request for a modern backend. Leaves: the answer as the client knows
//! it. What the backend still wants to know is asked on the client's pending stream, and the
//! request is sent again with the answers, a bounded number of times.

mod question;

use std::sync::Arc;

use bytes::Bytes;
use sealgate_mcp::code;
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::input_required::{self, InputRequired, MAX_EMPTY_ROUNDS, MAX_ROUNDS, ResultType};
use sealgate_mcp::reply::ReplyEditor;
use sealgate_mcp::rpc_error::RpcError;
use sealgate_mcp::version::Version;

use super::hearing::Next;
use super::{Ending, Hearing, Voice};
use crate::backend::{Exchange, ToModern};
use crate::fail::BackendError;
use crate::gateway::Gateway;
use crate::session::Running;

/// One request on its way across the eras.
pub(crate) struct Bridge {
    pub(crate) gateway: Arc<Gateway>,
    /// The modern way to the backend, speaking for the client.
    pub(crate) exchange: Exchange,
    /// Fingerprint of the client's session.
    pub(crate) session: u64,
    /// What was negotiated with the client.
    pub(crate) version: Version,
    /// The client's capabilities, raw.
    pub(crate) capabilities: Box<str>,
    pub(crate) client_id: Box<str>,
    pub(crate) request: ToModern,
    /// Whether the client can be asked at all: it takes event streams.
    pub(crate) events: bool,
}

impl Bridge {
    /// Sends the request, as often as it takes, until there is an answer or the client cancels.
    pub(crate) async fn run(
        self,
        mut running: Running,
        voice: Voice,
    ) -> Result<Ending, BackendError> {
        tokio::select! {
            ending = self.rounds(&voice) => ending,
            () = running.cancelled() => {
                Err(BackendError::BrokenOff("the client cancelled the request".to_owned()))
            }
        }
    }

    async fn rounds(&self, voice: &Voice) -> Result<Ending, BackendError> {
        let mut exchange = self.request.mirrored(&self.gateway, &self.exchange).await;
        let mut answers: Vec<(String, String)> = Vec::new();
        let mut state: Option<String> = None;
        let mut empty = 0;
        let mut has_refreshed = false;
        for _ in 0..=MAX_ROUNDS {
            let id = self.gateway.upstream_id();
            let given: Vec<_> =
                answers.iter().map(|(key, answer)| (key.as_str(), answer.as_str())).collect();
            let body = self.request.body(&id, &given, state.as_deref())?;
            let message = self.answer(&exchange, body, &id, voice).await?;
            let reply = Envelope::parse_reply(&message)
                .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
            if error_code(&reply) == Some(code::HEADER_MISMATCH) && !has_refreshed {
                // The schema that the headers were made from is out of date.
                has_refreshed = true;
                self.exchange.backend().memory.schemas.forget();
                exchange = self.request.mirrored(&self.gateway, &self.exchange).await;
                continue;
            }
            let asks = match self.asks(&reply)? {
                Some(asks) => asks,
                None => return self.done(&message),
            };
            empty = if asks.requests.is_empty() { empty + 1 } else { 0 };
            if empty > MAX_EMPTY_ROUNDS {
                break;
            }
            answers = self.questions(&asks, voice).await?;
            state = asks.request_state.as_ref().map(|state| state.raw.get().to_owned());
        }
        Err(BackendError::AsksTooMuch)
    }

    /// Waits for the answer and passes on what comes before it.
    async fn answer(
        &self,
        exchange: &Exchange,
        body: Bytes,
        id: &str,
        voice: &Voice,
    ) -> Result<Bytes, BackendError> {
        let mut hearing = Hearing::of(exchange.open(body).await?, exchange).await?;
        // What the answer asks, and what of it a legacy client must not see, may stand anywhere.
        let unchanged = || ReplyEditor::new(id).expecting(id);
        loop {
            let message = match hearing.next(unchanged).await? {
                Next::Message(message) => message,
                Next::Large(answer) => answer.rest().await?,
            };
            let envelope = Envelope::parse_reply(&message)
                .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
            let is_ours =
                envelope.id.is_none_or(|other| other.get() == id || other.get() == "null");
            match envelope.kind() {
                Kind::Response if is_ours => return Ok(message),
                Kind::Notification => {
                    let _ = voice.send(message).await;
                }
                // A modern server asks in its results.
                Kind::Response | Kind::Request => {}
            }
        }
    }

    /// What the backend wants to know, if that is its answer.
    fn asks<'r>(&self, reply: &Envelope<'r>) -> Result<Option<InputRequired<'r>>, BackendError> {
        let Some(result) = reply.result else { return Ok(None) };
        let kind = input_required::result_type(result)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        match kind {
            ResultType::Complete => Ok(None),
            ResultType::InputRequired => input_required::read(result)
                .map(Some)
                .map_err(|error| BackendError::NotJsonRpc(error.to_string())),
            ResultType::Task => Err(BackendError::ResultType("task".to_owned())),
            ResultType::Other(other) => {
                Err(BackendError::ResultType(other.chars().take(100).collect()))
            }
        }
    }

    fn done(&self, message: &Bytes) -> Result<Ending, BackendError> {
        let answer = self.request.answer(message, &self.client_id);
        let answer = answer.ok_or_else(|| BackendError::NotJsonRpc("no result".to_owned()))?;
        Ok(Ending::Message(answer, None))
    }
}

fn error_code(reply: &Envelope<'_>) -> Option<i64> {
    Some(RpcError::parse(reply.error?).ok()?.code)
}
