//! Translation between the eras: small edits of one message each, all by splicing, so that what
//! they do not name keeps its bytes (MCP 2026-07-28 beside the versions before).

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::code;
use crate::envelope::{Envelope, span};
use crate::input_required;
use crate::log_level::LogLevel;
use crate::meta_key;
use crate::method::Method;
use crate::object::Object;
use crate::rpc_error::RpcError;
use crate::splice::Splice;
use crate::version::{self, Version};

/// What a legacy session knows and every modern request says.
#[derive(Clone, Copy, Debug)]
pub struct RequestMeta<'a> {
    /// The client's capabilities, raw.
    pub capabilities: &'a str,
    /// The client's name and version, raw; an Implementation object.
    pub client_info: Option<&'a str>,
    /// The level of the session's `logging/setLevel`.
    pub log_level: Option<LogLevel>,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// To a peer of 2025-11-25 or before.
    Legacy,
    /// To a peer of 2026-07-28 or after.
    Modern,
}

impl RequestMeta<'_> {
    /// The members, without braces.
    fn members(&self) -> String {
        let mut members = format!(
            r#""{}":"{}","{}":{}"#,
            meta_key::PROTOCOL_VERSION,
            version::LATEST,
            meta_key::CLIENT_CAPABILITIES,
            client_capabilities(self.capabilities),
        );
        if let Some(info) = self.client_info {
            members.push_str(&format!(r#","{}":{info}"#, meta_key::CLIENT_INFO));
        }
        if let Some(level) = self.log_level {
            members.push_str(&format!(r#","{}":"{}""#, meta_key::LOG_LEVEL, level.as_str()));
        }
        members
    }
}

/// Adds the metadata of a modern request to a legacy one. Protocol keys that are there already
/// are replaced; all others, the progress token among them, stay.
pub fn add_request_meta(body: &[u8], envelope: &Envelope<'_>, meta: &RequestMeta<'_>) -> Bytes {
    let mut splice = Splice::new(body);
    let members = meta.members();
    match (&envelope.params, envelope.meta()) {
        (_, Some(there)) => {
            let kept = cut_members(&mut splice, body, there.open_brace, is_request_key);
            splice.insert_members(there.open_brace, kept == 0, members.as_bytes());
        }
        (Some(params), None) => {
            let meta = format!(r#""_meta":{{{members}}}"#);
            splice.insert_members(params.open_brace, params.is_empty, meta.as_bytes());
        }
        (None, None) => {
            let params = format!(r#","params":{{"_meta":{{{members}}}}}"#);
            splice.insert(envelope.close_brace, params.into_bytes());
        }
    }
    splice.finish()
}

/// Takes the metadata of the protocol out of a modern request; keys of others, the progress token
/// and trace context among them, stay. A retry's answers and state go too: no legacy server reads
/// them.
pub fn strip_request_meta(body: &[u8], envelope: &Envelope<'_>) -> Bytes {
    let mut splice = Splice::new(body);
    if let Some(params) = &envelope.params {
        cut_members(&mut splice, body, params.open_brace, |key| {
            matches!(key, "inputResponses" | "requestState")
        });
    }
    if let Some(meta) = envelope.meta() {
        cut_members(&mut splice, body, meta.open_brace, is_request_key);
    }
    splice.finish()
}

/// A notification of a listen stream without the stamp that ties it to the stream, for a client
/// that knows no such streams. A `_meta` that is empty then stays.
pub fn without_subscription(body: &[u8], envelope: &Envelope<'_>) -> Bytes {
    let mut splice = Splice::new(body);
    if let Some(meta) = envelope.meta() {
        cut_members(&mut splice, body, meta.open_brace, |key| key == meta_key::SUBSCRIPTION_ID);
    }
    splice.finish()
}

/// The client's capabilities as a modern request declares them: without `roots.listChanged`,
/// whose notification is gone, and without the core tasks, which are not those of the extension.
pub fn client_capabilities(capabilities: &str) -> String {
    let Ok(object) = Object::parse(capabilities) else { return "{}".to_owned() };
    let members = object.members().iter().filter(|member| member.key != "tasks").map(|member| {
        let value = match &*member.key {
            "roots" => without(member.value.get(), |key| key == "listChanged"),
            _ => member.value.get().to_owned(),
        };
        format!("{}:{value}", Value::from(&*member.key))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The server's capabilities for a peer across the eras: without core tasks (legacy only) and
/// without the tasks extension (modern only), which do not translate.
pub fn server_capabilities(capabilities: &str) -> String {
    let Ok(object) = Object::parse(capabilities) else { return "{}".to_owned() };
    let members = object.members().iter().filter(|member| member.key != "tasks").map(|member| {
        let value = match &*member.key {
            "extensions" => without(member.value.get(), |key| key == TASKS_EXTENSION),
            _ => member.value.get().to_owned(),
        };
        format!("{}:{value}", Value::from(&*member.key))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The id of the tasks extension (SEP-2663).
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// The code of an error on its way: a resource that does not exist is -32002 to legacy peers and
/// -32602 to modern ones. `data` tells such an error from other bad parameters.
pub fn error_code(error: &RpcError<'_>, method: &Method<'_>, towards: Towards) -> i64 {
    let names_uri = || {
        let data = error.data.and_then(|data| Object::parse(data.get()).ok());
        data.is_some_and(|data| data.text("uri").is_some())
    };
    match (error.code, towards) {
        (code::LEGACY_RESOURCE_NOT_FOUND, Towards::Modern) => code::INVALID_PARAMS,
        (code::INVALID_PARAMS, Towards::Legacy)
            if *method == Method::ResourcesRead && names_uri() =>
        {
            code::LEGACY_RESOURCE_NOT_FOUND
        }
        (code, _) => code,
    }
}

/// Puts `code` in the place of a response's error code. `None` if it has no error with a code.
pub fn replace_error_code(body: &[u8], envelope: &Envelope<'_>, code: i64) -> Option<Bytes> {
    let object = Object::parse(envelope.error?.get()).ok()?;
    let mut splice = Splice::new(body);
    splice.replace(span(body, object.get("code")?), code.to_string().into_bytes());
    Some(splice.finish())
}

/// The result that says to a modern client what -32042 says to one of 2025-11-25: visit these
/// URLs, then send the same call again. `None` if the error lists none.
pub fn input_required_of_error(error: &RpcError<'_>) -> Option<String> {
    if error.code != code::LEGACY_URL_ELICITATION_REQUIRED {
        return None;
    }
    let data = Object::parse(error.data?.get()).ok()?;
    let listed: Vec<&RawValue> = serde_json::from_str(data.get("elicitations")?.get()).ok()?;
    let mut questions = Vec::new();
    for raw in listed.iter().take(input_required::MAX_REQUESTS) {
        let elicitation = Object::parse(raw.get()).ok()?;
        let url = elicitation.get("url")?.get();
        let message = elicitation.get("message").map_or("\"\"", RawValue::get);
        let params = format!(r#"{{"mode":"url","message":{message},"url":{url}}}"#);
        questions.push((format!("u{}", questions.len()), params));
    }
    let questions: Vec<_> = questions
        .iter()
        .map(|(key, params)| (key.as_str(), Method::ElicitationCreate, params.as_str()))
        .collect();
    (!questions.is_empty()).then(|| input_required::write(&questions, None))
}

/// The parameters of `elicitation/create` for a client of `version`, from those of a server of
/// any: `mode` only where it exists, `elicitationId` where a URL needs one (`new_id` then gives
/// it) and nowhere else. `None` if that version cannot be asked so.
pub fn elicitation(
    params: &str,
    version: Version,
    new_id: impl FnOnce() -> String,
) -> Option<String> {
    if !version.has_elicitation() {
        return None;
    }
    let object = Object::parse(params).ok()?;
    let is_url = object.text("mode").is_some_and(|mode| mode.value == "url");
    if !version.has_elicitation_mode() {
        return (!is_url).then(|| without(params, |key| key == "mode"));
    }
    if version.is_modern() {
        return Some(without(params, |key| key == "elicitationId"));
    }
    if is_url && object.get("elicitationId").is_none() {
        let mut splice = Splice::new(object.raw().as_bytes());
        let member = format!(r#""elicitationId":{}"#, Value::from(new_id()));
        splice.insert_members(0, object.members().is_empty(), member.as_bytes());
        return String::from_utf8(splice.finish().to_vec()).ok();
    }
    Some(object.raw().to_owned())
}

/// A raw object without the members whose key `drop` names. What is no object stays.
pub fn without(object: &str, drop: impl FnMut(&str) -> bool) -> String {
    let Ok(parsed) = Object::parse(object) else { return object.to_owned() };
    let mut text = parsed.raw().to_owned();
    for cut in parsed.cuts(drop).into_iter().rev() {
        text.replace_range(cut, "");
    }
    text
}

/// A raw tool for a peer across the eras: without `execution`, whose tasks do not translate, and
/// for legacy peers without an output schema that is no object's. `None` if the tool runs as a
/// task only: it must be left out.
pub fn tool(raw: &str, towards: Towards) -> Option<String> {
    let object = Object::parse(raw).ok()?;
    let execution = object.get("execution").and_then(|raw| Object::parse(raw.get()).ok());
    let support = execution.and_then(|execution| execution.text("taskSupport"));
    if support.is_some_and(|support| support.value == "required") {
        return None;
    }
    let is_foreign_schema = towards == Towards::Legacy
        && object.get("outputSchema").is_some_and(|schema| {
            let schema = Object::parse(schema.get()).ok();
            schema.and_then(|schema| schema.text("type")).is_none_or(|kind| kind.value != "object")
        });
    Some(without(raw, |key| key == "execution" || (key == "outputSchema" && is_foreign_schema)))
}

/// A raw `tools/call` result for a legacy client: without structured content that is no object.
pub fn call_result_for_legacy(result: &str) -> String {
    let is_foreign = Object::parse(result).is_ok_and(|result| {
        result.get("structuredContent").is_some_and(|content| !content.get().starts_with('{'))
    });
    if is_foreign { without(result, |key| key == "structuredContent") } else { result.to_owned() }
}

/// The keys that a modern request carries and a legacy one does not.
fn is_request_key(key: &str) -> bool {
    matches!(
        key,
        meta_key::PROTOCOL_VERSION
            | meta_key::CLIENT_INFO
            | meta_key::CLIENT_CAPABILITIES
            | meta_key::LOG_LEVEL
    )
}

/// Cuts members out of the object whose brace stands at `open_brace`; how many stay.
fn cut_members(
    splice: &mut Splice<'_>,
    body: &[u8],
    open_brace: usize,
    mut drop: impl FnMut(&str) -> bool,
) -> usize {
    let text = body.get(open_brace..).and_then(|rest| std::str::from_utf8(rest).ok());
    let raw = text.and_then(|text| {
        serde_json::Deserializer::from_str(text).into_iter::<&RawValue>().next()?.ok()
    });
    let Some(object) = raw.and_then(|raw| Object::parse(raw.get()).ok()) else { return 1 };
    for cut in object.cuts(&mut drop) {
        splice.remove(open_brace + cut.start..open_brace + cut.end);
    }
    object.members().iter().filter(|member| !drop(&member.key)).count()
}

#[cfg(test)]
mod tests;
