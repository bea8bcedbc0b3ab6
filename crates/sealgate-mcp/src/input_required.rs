//! Multi round-trip requests: a result → what the server still wants to know; the answers → the
//! same request again (MCP 2026-07-28).

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::envelope::{Envelope, Text, span};
use crate::method::Method;
use crate::object::{Object, ObjectFault};
use crate::splice::Splice;

/// How often one call may be sent again, in all. Other implementations stop there too.
pub const MAX_ROUNDS: usize = 10;
/// How often in a row a server may want nothing but the same call again.
pub const MAX_EMPTY_ROUNDS: usize = 3;
/// How many questions one result may hold.
pub const MAX_REQUESTS: usize = 64;

/// `resultType` of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultType<'a> {
    /// The answer; also when the member is absent, as in legacy results.
    Complete,
    /// The server wants to know more.
    InputRequired,
    /// A task goes on in the background (extension).
    Task,
    /// Something else; valid only by an extension that both sides know.
    Other(Cow<'a, str>),
}

/// A result that asks instead of answering.
#[derive(Clone, Debug)]
pub struct InputRequired<'a> {
    /// What the server wants to know, in order.
    pub requests: Vec<InputRequest<'a>>,
    /// What the server wants back, to the byte.
    pub request_state: Option<Text<'a>>,
}

/// One question.
#[derive(Clone, Debug)]
pub struct InputRequest<'a> {
    /// Its key: the answer stands under the same.
    pub key: Cow<'a, str>,
    /// What would be the method, were it a request.
    pub method: Cow<'a, str>,
    /// The parameters, raw.
    pub params: Option<&'a RawValue>,
    /// The whole question, raw.
    pub raw: &'a RawValue,
}

/// A result that asks in a way that the protocol does not have.
#[derive(Debug, thiserror::Error)]
pub enum InputFault {
    /// Not an object, or a key stands twice.
    #[error("the input-required result cannot be read: {0}")]
    NotObject(#[from] ObjectFault),
    /// Neither questions nor state.
    #[error("the input-required result has neither `inputRequests` nor `requestState`")]
    Empty,
    /// A question without a method, or of a method that cannot be asked.
    #[error("the input request `{0}` has no method that a server may ask")]
    Method(String),
    /// `requestState` is no string.
    #[error("`requestState` is not a string")]
    State,
    /// More questions than [`MAX_REQUESTS`].
    #[error("the input-required result asks more than {MAX_REQUESTS} questions at once")]
    TooMany,
}

/// The type of a result.
///
/// # Errors
/// [`ObjectFault`] if the result is no object.
pub fn result_type(result: &RawValue) -> Result<ResultType<'_>, ObjectFault> {
    let object = Object::parse(result.get())?;
    let Some(value) = object.get("resultType") else { return Ok(ResultType::Complete) };
    Ok(match Text::of(value).map(|text| text.value) {
        Some(text) => match &*text {
            "complete" => ResultType::Complete,
            "input_required" => ResultType::InputRequired,
            "task" => ResultType::Task,
            _ => ResultType::Other(text),
        },
        None => ResultType::Other(value.get().into()),
    })
}

/// Reads an input-required result.
///
/// # Errors
/// [`InputFault`] if the server asks in a way that the protocol does not have.
pub fn read(result: &RawValue) -> Result<InputRequired<'_>, InputFault> {
    let object = Object::parse(result.get())?;
    let request_state = match object.get("requestState") {
        Some(raw) => Some(Text::of(raw).ok_or(InputFault::State)?),
        None => None,
    };
    let mut requests = Vec::new();
    if let Some(raw) = object.get("inputRequests") {
        let questions = Object::parse(raw.get())?;
        if questions.members().len() > MAX_REQUESTS {
            return Err(InputFault::TooMany);
        }
        for member in questions.members() {
            let question = Object::parse(member.value.get())?;
            let method = question.text("method").map(|text| text.value).filter(|method| {
                matches!(
                    Method::parse(method),
                    Method::ElicitationCreate | Method::SamplingCreateMessage | Method::RootsList
                )
            });
            requests.push(InputRequest {
                method: method.ok_or_else(|| InputFault::Method(member.key.to_string()))?,
                key: member.key.clone(),
                params: question.get("params"),
                raw: member.value,
            });
        }
    }
    if requests.is_empty() && request_state.is_none() {
        return Err(InputFault::Empty);
    }
    Ok(InputRequired { requests, request_state })
}

/// Writes an input-required result. Each question is a key, a method and raw parameters;
/// `request_state` is text of any kind.
pub fn write(questions: &[(&str, Method<'_>, &str)], request_state: Option<&str>) -> String {
    let mut text = r#"{"resultType":"input_required""#.to_owned();
    if !questions.is_empty() {
        let questions: Vec<_> = questions
            .iter()
            .map(|(key, method, params)| {
                let key = Value::from(*key);
                format!(r#"{key}:{{"method":"{}","params":{params}}}"#, method.as_str())
            })
            .collect();
        text.push_str(&format!(r#","inputRequests":{{{}}}"#, questions.join(",")));
    }
    if let Some(state) = request_state {
        text.push_str(&format!(r#","requestState":{}"#, Value::from(state)));
    }
    text.push('}');
    text
}

/// The request in `body` again: under a new raw `id`, with the answers (raw JSON by key) and the
/// server's state (raw, as it came), in the place of those of the round before. Without
/// parameters there is nothing that could be asked about, so they must be there.
pub fn retry(
    body: &[u8],
    envelope: &Envelope<'_>,
    id: &str,
    answers: &[(&str, &str)],
    request_state: Option<&str>,
) -> Option<Bytes> {
    let params = envelope.params.as_ref()?;
    let mut splice = Splice::new(body);
    splice.replace(span(body, envelope.id?), id.as_bytes());

    let answers: Vec<_> =
        answers.iter().map(|(key, answer)| format!("{}:{answer}", Value::from(*key))).collect();
    let responses = (!answers.is_empty()).then(|| format!("{{{}}}", answers.join(",")));
    let raw = &std::str::from_utf8(body).ok()?[params.open_brace..envelope.close_brace];
    let raw: &RawValue =
        serde_json::Deserializer::from_str(raw).into_iter().next().and_then(Result::ok)?;
    let object = Object::parse(raw.get()).ok()?;
    let old = |key: &str| matches!(key, "inputResponses" | "requestState");
    for cut in object.cuts(old) {
        splice.remove(params.open_brace + cut.start..params.open_brace + cut.end);
    }
    let kept = object.members().iter().filter(|member| !old(&member.key)).count();
    let members: Vec<_> = [
        responses.map(|responses| format!(r#""inputResponses":{responses}"#)),
        request_state.map(|state| format!(r#""requestState":{state}"#)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !members.is_empty() {
        splice.insert_members(params.open_brace, kept == 0, members.join(",").as_bytes());
    }
    Some(splice.finish())
}

impl InputRequest<'_> {
    /// What a client must have declared to be asked this, as a `requiredCapabilities` object.
    pub fn required_capabilities(&self) -> &'static str {
        match Method::parse(&self.method) {
            Method::SamplingCreateMessage => r#"{"sampling":{}}"#,
            Method::RootsList => r#"{"roots":{}}"#,
            _ if self.is_url() => r#"{"elicitation":{"url":{}}}"#,
            _ => r#"{"elicitation":{}}"#,
        }
    }

    /// Whether a client with these capabilities may be asked this. `elicitation: {}` means forms
    /// only.
    pub fn is_allowed_by(&self, capabilities: &str) -> bool {
        let Ok(object) = Object::parse(capabilities) else { return false };
        let declared = |key: &str| object.get(key).filter(|value| value.get() != "null");
        match Method::parse(&self.method) {
            Method::SamplingCreateMessage => declared("sampling").is_some(),
            Method::RootsList => declared("roots").is_some(),
            _ => declared("elicitation").is_some_and(|value| {
                let modes = Object::parse(value.get()).ok();
                let has = |mode| modes.as_ref().is_some_and(|modes| modes.get(mode).is_some());
                if self.is_url() { has("url") } else { has("form") || !has("url") }
            }),
        }
    }

    /// Whether this asks the user to visit a URL.
    pub fn is_url(&self) -> bool {
        let params = self.params.and_then(|params| Object::parse(params.get()).ok());
        params.and_then(|params| params.text("mode")).is_some_and(|mode| mode.value == "url")
    }

    /// What stands for a client that answered with a JSON-RPC error, which an answer here cannot
    /// be: for elicitation that the user went away; the others have nothing like it.
    pub fn answer_of_error(&self) -> Option<&'static str> {
        (Method::parse(&self.method) == Method::ElicitationCreate)
            .then_some(r#"{"action":"cancel"}"#)
    }
}

#[cfg(test)]
mod tests;
