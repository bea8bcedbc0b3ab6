//! Enters: a legacy client's request for a modern backend. Leaves: the request as that backend
//! wants it, also with the client's answers to what it asked; and its answer in legacy words.

use std::borrow::Cow;

use bytes::Bytes;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::input_required;
use sealgate_mcp::method::Method;
use sealgate_mcp::param_header;
use sealgate_mcp::rpc_error::RpcError;
use sealgate_mcp::splice::Splice;
use sealgate_mcp::translate::{self, Towards};
use serde_json::value::RawValue;

use super::{Exchange, Speaker, callable_tools, may_be_uncallable, schemas, to_legacy};
use crate::fail::BackendError;
use crate::gateway::Gateway;
use crate::seal::Mirror;

/// A legacy request that says of itself what modern ones say.
pub(crate) struct ToModern {
    /// With metadata, under the client's id.
    message: Bytes,
    method: Box<str>,
    /// The tool, prompt or resource, as the backend calls it.
    target: Option<Box<str>>,
}

impl ToModern {
    /// From a request that names things as the backend does.
    pub(crate) fn new(request: &Bytes, speaker: &Speaker) -> Result<Self, BackendError> {
        // Cannot fail: the request was read before.
        let envelope = Envelope::parse(request)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        let target = envelope.target().ok().flatten().map(|target| target.value.as_ref().into());
        Ok(Self {
            message: translate::add_request_meta(request, &envelope, &speaker.meta()),
            method: envelope.method.as_deref().unwrap_or_default().into(),
            target,
        })
    }

    /// The method.
    pub(crate) fn method(&self) -> Method<'_> {
        Method::parse(&self.method)
    }

    /// The way to send it: with the headers that repeat it. Those of arguments come from the
    /// tool's schema, which is read from the backend where it is not known.
    pub(crate) async fn mirrored(&self, gateway: &Gateway, exchange: &Exchange) -> Exchange {
        let mirror = Mirror::new(&self.method, self.target.as_deref());
        let tool = self.target.as_deref().filter(|_| self.method() == Method::ToolsCall);
        let Some(tool) = tool else { return exchange.clone().mirrored(mirror) };
        let headers = schemas::of_modern(gateway, exchange, tool).await;
        let headers = headers.filter(|headers| !headers.is_empty());
        let parameters = headers.map(|headers| {
            let envelope = Envelope::parse(&self.message).ok();
            let params = envelope.as_ref().and_then(|envelope| envelope.params.as_ref());
            param_header::write(&headers, params.and_then(|params| params.arguments))
        });
        exchange.clone().mirrored(mirror.with(&parameters.unwrap_or_default()))
    }

    /// The request under a new id, with answers (raw JSON by key) and the backend's state (raw)
    /// of the round before.
    pub(crate) fn body(
        &self,
        id: &str,
        answers: &[(&str, &str)],
        state: Option<&str>,
    ) -> Result<Bytes, BackendError> {
        let envelope = Envelope::parse(&self.message)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        input_required::retry(&self.message, &envelope, id, answers, state)
            .ok_or_else(|| BackendError::NotJsonRpc("the request has no parameters".to_owned()))
    }

    /// The backend's answer for the client; `None` if it is not one.
    pub(crate) fn answer(&self, message: &Bytes, client_id: &str) -> Option<Bytes> {
        let envelope = Envelope::parse_reply(message).ok()?;
        let id: &RawValue = serde_json::from_str(client_id).ok()?;
        if let Some(error) = envelope.error {
            let error = RpcError::parse(error).ok()?;
            let code = translate::error_code(&error, &self.method(), Towards::Legacy);
            let data = error.data.map(RawValue::get);
            let text = sealgate_mcp::rpc_error::response(Some(id), code, &error.message, data);
            return Some(text.into());
        }
        let result = self.result(envelope.result?);
        let mut splice = Splice::new(message);
        splice.replace(span(message, envelope.result?), result.into_owned().into_bytes());
        splice.replace(span(message, envelope.id?), client_id.as_bytes());
        Some(splice.finish())
    }

    /// A result without what only modern clients know.
    fn result<'r>(&self, result: &'r RawValue) -> Cow<'r, str> {
        let is_new = |key: &str| matches!(key, "resultType" | "ttlMs" | "cacheScope");
        let text = match self.method() {
            Method::ToolsList => {
                callable(result, |result| to_legacy::tools(result, Towards::Legacy))
                    .and_then(|text| String::from_utf8(text).ok())
                    .map_or_else(|| result.get().into(), Cow::Owned)
            }
            Method::ToolsCall => Cow::Owned(translate::call_result_for_legacy(result.get())),
            _ => Cow::Borrowed(result.get()),
        };
        Cow::Owned(translate::without(&text, is_new))
    }
}

/// Translates the tools that can be called.
fn callable<T>(result: &RawValue, translate: impl FnOnce(&RawValue) -> Option<T>) -> Option<T> {
    let kept = may_be_uncallable(result.get().as_bytes()).then(|| callable_tools(result)).flatten();
    let kept = kept.and_then(|text| RawValue::from_string(String::from_utf8(text).ok()?).ok());
    translate(kept.as_deref().unwrap_or(result))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> ToModern {
        let speaker = Speaker {
            capabilities: r#"{"roots":{"listChanged":true},"elicitation":{}}"#.into(),
            info: Some(r#"{"name":"c","version":"1"}"#.into()),
            log_level: None,
            binding: None,
        };
        ToModern::new(&Bytes::copy_from_slice(text.as_bytes()), &speaker).unwrap()
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"t","arguments":{"n":12345678901234567890123},"_meta":{"progressToken":1}}}"#;

    #[test]
    fn a_legacy_request_says_of_itself_what_its_session_knows() {
        let body = request(CALL).body("9", &[], None).unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains("12345678901234567890123"));
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let meta = &value["params"]["_meta"];
        assert_eq!(value["id"], 9);
        assert_eq!(meta["progressToken"], 1);
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(
            meta["io.modelcontextprotocol/clientCapabilities"],
            serde_json::json!({ "roots": {}, "elicitation": {} })
        );
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "c");
    }

    #[test]
    fn a_retry_carries_answers_and_state_to_the_byte() {
        let body =
            request(CALL).body("9", &[("k", r#"{"action":"accept"}"#)], Some(r#""s\u0074""#));
        let body = body.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains(r#""inputResponses":{"k":{"action":"accept"}}"#));
        assert!(text.contains(r#""requestState":"s\u0074""#));
    }

    #[test]
    fn an_answer_loses_what_only_the_modern_era_has() {
        let answer = request(CALL).answer(
            &Bytes::from_static(br#"{"result":{"resultType":"complete","content":[],"structuredContent":[1]},"jsonrpc":"2.0","id":9}"#),
            "\"x\"",
        );
        assert_eq!(answer.unwrap(), r#"{"result":{"content":[]},"jsonrpc":"2.0","id":"x"}"#);
    }

    #[test]
    fn a_missing_resource_is_reported_as_the_legacy_era_does() {
        let read =
            request(r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:b"}}"#);
        let error = br#"{"jsonrpc":"2.0","id":9,"error":{"code":-32602,"message":"no","data":{"uri":"a:b"}}}"#;
        let answer = read.answer(&Bytes::from_static(error), "1").unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["error"]["code"], -32002);
    }
}
