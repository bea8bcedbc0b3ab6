//! Enters: what a modern backend wants to know. Leaves: the client's answers, which it was asked
//! for on the stream of its pending request.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sealgate_mcp::envelope::Envelope;
use sealgate_mcp::input_required::{InputRequest, InputRequired};
use sealgate_mcp::method::Method;
use sealgate_mcp::translate;
use serde_json::value::RawValue;

use super::{Bridge, Voice};
use crate::fail::BackendError;

/// How long a client, or its user, may think.
const PATIENCE: Duration = Duration::from_secs(600);

impl Bridge {
    /// Asks the client everything at once and waits for all answers, as raw JSON by key.
    pub(super) async fn questions(
        &self,
        asks: &InputRequired<'_>,
        voice: &Voice,
    ) -> Result<Vec<(String, String)>, BackendError> {
        let mut waiting = Vec::with_capacity(asks.requests.len());
        for request in &asks.requests {
            let params = self.may_ask(request)?;
            let id = format!("\"{}\"", random());
            let question = self.gateway.bridged.ask(self.session, &id);
            let params = params.map(|params| format!(r#","params":{params}"#)).unwrap_or_default();
            let message = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"{}"{params}}}"#,
                Method::parse(&request.method)
            );
            if voice.send(Bytes::from(message)).await.is_err() {
                return Err(BackendError::BrokenOff("the client has gone".to_owned()));
            }
            waiting.push((request, question));
        }
        let gather = async {
            let mut answers = Vec::with_capacity(waiting.len());
            for (request, question) in waiting {
                let message = question.answer().await;
                let answer = message.and_then(|message| answer(request, &message));
                let refused = || BackendError::ClientRefused(request.method.clone().into_owned());
                answers.push((request.key.clone().into_owned(), answer.ok_or_else(refused)?));
            }
            Ok(answers)
        };
        match tokio::time::timeout(PATIENCE, gather).await {
            Ok(answers) => answers,
            Err(_) => Err(BackendError::ClientRefused("no answer in time".to_owned())),
        }
    }

    /// The parameters of a question as the client's version knows them; an error where the
    /// client did not declare that it can be asked.
    fn may_ask(&self, request: &InputRequest<'_>) -> Result<Option<String>, BackendError> {
        let undeclared = || BackendError::AsksUndeclared(request.method.clone().into_owned());
        if !self.events || !request.is_allowed_by(&self.capabilities) {
            return Err(undeclared());
        }
        if Method::parse(&request.method) != Method::ElicitationCreate {
            return Ok(request.params.map(|params| params.get().to_owned()));
        }
        let params = request.params.map_or("{}", RawValue::get);
        translate::elicitation(params, self.version, random).map(Some).ok_or_else(undeclared)
    }
}

/// The answer in a client's response; `None` if it refused.
fn answer(request: &InputRequest<'_>, message: &[u8]) -> Option<String> {
    let response = Envelope::parse(message).ok()?;
    match response.result {
        Some(result) => Some(result.get().to_owned()),
        None => request.answer_of_error().map(ToOwned::to_owned),
    }
}

/// What nobody guesses: an id by which only this client can answer.
fn random() -> String {
    let mut bytes = [0_u8; 16];
    // Without entropy ids repeat at worst; they are bound to the session as well.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
