//! Enters: a modern client's request for a legacy backend. Leaves: the request as that backend
//! knows it and, of all that it says in answer, what a modern client understands.

use bytes::Bytes;
use sealgate_mcp::caching::CachingHints;
use sealgate_mcp::code;
use sealgate_mcp::envelope::{Envelope, Kind, span};
use sealgate_mcp::list::{self, ListKind};
use sealgate_mcp::log_level::LogLevel;
use sealgate_mcp::method::Method;
use sealgate_mcp::object::Object;
use sealgate_mcp::reply::ReplyEditor;
use sealgate_mcp::rpc_error::{self, RpcError};
use sealgate_mcp::splice::Splice;
use sealgate_mcp::translate::{self, Towards};
use serde_json::value::RawValue;

use super::asks::{self, Asks, Refusal};
use super::{Exchange, Speaker, callable_tools, may_be_uncallable};
use crate::fail::Failure;
use crate::reply::Said;

/// How a legacy backend's answer to one request becomes a modern one.
#[derive(Debug)]
pub(crate) struct FromLegacy {
    method: Box<str>,
    /// What the client declared, raw.
    capabilities: Box<str>,
    /// The least level of log messages that the client wants; without one it wants none.
    log_level: Option<LogLevel>,
    /// As the client wrote it.
    progress_token: Option<Box<str>>,
}

impl FromLegacy {
    /// For the request in `envelope`, of a client that is `speaker`.
    pub(crate) fn new(envelope: &Envelope<'_>, speaker: &Speaker) -> Self {
        let token = envelope.meta().and_then(|meta| meta.progress_token);
        Self {
            method: envelope.method.as_deref().unwrap_or_default().into(),
            capabilities: speaker.capabilities.clone(),
            log_level: speaker.log_level,
            progress_token: token.map(|token| token.get().into()),
        }
    }

    /// Adds what every modern result must have and no legacy one has.
    pub(crate) fn complete(&self, editor: ReplyEditor) -> ReplyEditor {
        let editor = editor.inserting("resultType", "\"complete\"");
        if !Method::parse(&self.method).is_cacheable() {
            return editor;
        }
        let hints = CachingHints::NONE;
        editor
            .inserting("ttlMs", &hints.ttl_ms.to_string())
            .inserting("cacheScope", &format!("\"{}\"", hints.scope.as_str()))
    }

    /// Reads one message of the backend. `None` leaves it to the editor of
    /// [`FromLegacy::complete`].
    pub(crate) fn read(
        &self,
        data: &Bytes,
        envelope: &Envelope<'_>,
        client_id: &str,
        upstream_id: &str,
    ) -> Option<Said> {
        match envelope.kind() {
            Kind::Request => Some(Said::Asked {
                id: envelope.id?.get().into(),
                method: envelope.method.as_deref()?.into(),
            }),
            Kind::Notification => Some(match self.concerns(envelope) {
                true => Said::Other(data.clone()),
                false => Said::Nothing,
            }),
            Kind::Response => {
                if envelope.id.is_some_and(|id| id.get() != "null" && id.get() != upstream_id) {
                    return Some(Said::Nothing);
                }
                match (envelope.error, envelope.result) {
                    (Some(error), _) => self.error(error, client_id),
                    (None, Some(result)) => self.tools(data, envelope, result, client_id),
                    (None, None) => None,
                }
            }
        }
    }

    /// A modern client hears of its own request only: progress, if it gave a token, and log
    /// messages of the level that it asked for.
    fn concerns(&self, envelope: &Envelope<'_>) -> bool {
        let params = envelope.params.as_ref();
        match envelope.method() {
            Some(Method::Progress) => params
                .and_then(|params| params.progress_token)
                .is_some_and(|token| Some(token.get()) == self.progress_token.as_deref()),
            Some(Method::LogMessage) => params
                .and_then(|params| LogLevel::parse(&params.level.as_ref()?.value))
                .is_some_and(|level| self.log_level.is_some_and(|least| level >= least)),
            _ => false,
        }
    }

    /// An error answer, in the words of the modern era.
    pub(crate) fn error(&self, error: &RawValue, client_id: &str) -> Option<Said> {
        let method = Method::parse(&self.method);
        let error = RpcError::parse(error).ok()?;
        if error.code == code::LEGACY_URL_ELICITATION_REQUIRED {
            let asks = translate::input_required_of_error(&error);
            return Some(match asks.filter(|_| method.allows_input_required()) {
                Some(result) if self.takes_urls() => Said::Answer(
                    format!(r#"{{"jsonrpc":"2.0","id":{client_id},"result":{result}}}"#).into(),
                    None,
                ),
                Some(_) => {
                    let failure = Failure::MissingCapability { required: URLS };
                    let message = crate::fail::body(&failure, Some(client_id));
                    Said::Answer(message, Some(failure.code()))
                }
                None => rewritten(&error, code::INTERNAL_ERROR, client_id),
            });
        }
        let code = translate::error_code(&error, &method, Towards::Modern);
        Some(rewritten(&error, code, client_id))
    }

    fn takes_urls(&self) -> bool {
        let elicitation =
            Object::parse(&self.capabilities).ok().and_then(|all| all.get("elicitation"));
        let modes = elicitation.and_then(|raw| Object::parse(raw.get()).ok());
        modes.is_some_and(|modes| modes.get("url").is_some())
    }

    /// Tools without what only their own era has.
    fn tools(
        &self,
        data: &Bytes,
        envelope: &Envelope<'_>,
        result: &RawValue,
        client_id: &str,
    ) -> Option<Said> {
        let is_foreign = || memchr::memmem::find(data, b"\"execution\"").is_some();
        if Method::parse(&self.method) != Method::ToolsList || !is_foreign() {
            return None;
        }
        let result = tools(result, Towards::Modern)?;
        let mut splice = Splice::new(data);
        splice.replace(span(data, envelope.result?), result);
        let editor = self.complete(ReplyEditor::new(client_id));
        match editor.whole(&splice.finish()).ok()? {
            sealgate_mcp::reply::Whole::Response { message, .. } => {
                Some(Said::Answer(message, None))
            }
            _ => None,
        }
    }

    /// Whether the client can be asked this at the end of the call instead of in its middle.
    pub(crate) fn may_ask(&self, question: &str) -> bool {
        Method::parse(&self.method).allows_input_required()
            && Asks::of(question).is_some_and(|asks| asks.is_declared(&self.capabilities))
    }

    /// Answers a question that needs the client in the middle of a call: no modern client can be
    /// asked there.
    pub(crate) fn refuse(&self, id: &str, method: &str, backend: &str) -> Refusal {
        asks::refuse(&self.capabilities, id, method, backend)
    }
}

const URLS: &str = r#"{"elicitation":{"url":{}}}"#;

fn rewritten(error: &RpcError<'_>, code: i64, client_id: &str) -> Said {
    let id: Option<&RawValue> = serde_json::from_str(client_id).ok();
    let data = error.data.map(RawValue::get);
    Said::Answer(rpc_error::response(id, code, &error.message, data).into(), Some(code))
}

/// A `tools/list` result with its tools translated; those that cannot be are left out.
pub(crate) fn tools(result: &RawValue, towards: Towards) -> Option<Vec<u8>> {
    let object = Object::parse(result.get()).ok()?;
    let (_, items) = list::items(ListKind::Tools, result).ok()?;
    let kept: Vec<_> =
        items.iter().filter_map(|item| translate::tool(item.raw.get(), towards)).collect();
    let mut splice = Splice::new(object.raw().as_bytes());
    let place = span(object.raw().as_bytes(), object.get(ListKind::Tools.key())?);
    splice.replace(place, format!("[{}]", kept.join(",")).into_bytes());
    Some(splice.finish().to_vec())
}

/// One page of a backend's tools for a client of the other era; `None` where it needs no change.
pub(crate) fn across_eras(
    exchange: &Exchange,
    kind: ListKind,
    result: &RawValue,
) -> Option<Box<RawValue>> {
    // Only a client with a session has something to reopen.
    let callable = match kind == ListKind::Tools && exchange.is_modern() {
        true if may_be_uncallable(result.get().as_bytes()) => callable_tools(result),
        _ => None,
    };
    let callable =
        callable.and_then(|text| RawValue::from_string(String::from_utf8(text).ok()?).ok());
    let result = callable.as_deref().unwrap_or(result);
    let towards = match (exchange.is_modern(), exchange.reopen.is_some()) {
        (true, true) => Towards::Legacy,
        (false, false) => Towards::Modern,
        _ => return callable,
    };
    let foreign = ["\"execution\"", "\"outputSchema\""];
    let is_foreign = foreign
        .iter()
        .any(|key| memchr::memmem::find(result.get().as_bytes(), key.as_bytes()).is_some());
    if kind != ListKind::Tools || !is_foreign {
        return callable;
    }
    RawValue::from_string(String::from_utf8(tools(result, towards)?).ok()?).ok()
}

#[cfg(test)]
mod tests;
