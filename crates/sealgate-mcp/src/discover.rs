//! Discovery: the parts of a `server/discover` result ↔ its text, and the answer to a probe → the
//! era of the backend (MCP 2026-07-28).

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::caching::{CacheScope, CachingHints};
use crate::code;
use crate::envelope::Envelope;
use crate::meta_key;
use crate::object::{Object, ObjectFault};
use crate::rpc_error::RpcError;
use crate::version::{self, Version};

/// What a server says about itself; raw JSON stays raw.
#[derive(Clone, Debug)]
pub struct Discovered<'a> {
    /// `supportedVersions`, known or not.
    pub versions: Vec<String>,
    /// `capabilities`; `None` if there are none.
    pub capabilities: Option<&'a RawValue>,
    /// `instructions`
    pub instructions: Option<Cow<'a, str>>,
    /// `_meta["io.modelcontextprotocol/serverInfo"]`
    pub server_info: Option<&'a RawValue>,
    /// `ttlMs` and `cacheScope`; what is absent counts as not to be kept.
    pub hints: CachingHints,
}

/// What a probe (`server/discover` with modern headers) tells of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It speaks the modern era.
    Modern,
    /// It does not: `initialize` is next.
    Legacy,
    /// It wants other credentials; its era does not show.
    Unauthorized,
    /// It is ill; ask again later, and remember nothing.
    Unknown,
}

/// Writes the result of `server/discover`. `capabilities` and `server_info` are raw JSON.
pub fn write(
    versions: &[Version],
    capabilities: &str,
    instructions: Option<&str>,
    server_info: &str,
    hints: CachingHints,
) -> String {
    let versions: Vec<_> = versions.iter().map(|version| version.as_str()).collect();
    let instructions = instructions
        .map(|text| format!(r#""instructions":{},"#, Value::from(text)))
        .unwrap_or_default();
    format!(
        r#"{{"resultType":"complete","supportedVersions":{},"capabilities":{capabilities},{instructions}{},"_meta":{{"{}":{server_info}}}}}"#,
        Value::from(versions),
        hints.members(),
        meta_key::SERVER_INFO,
    )
}

/// Reads the result of `server/discover`.
///
/// # Errors
/// [`ObjectFault`] if it is no object, or `supportedVersions` no list of strings.
pub fn read(result: &RawValue) -> Result<Discovered<'_>, ObjectFault> {
    let object = Object::parse(result.get())?;
    let versions = object.get("supportedVersions").map_or("null", RawValue::get);
    let scope = object.text("cacheScope").and_then(|text| CacheScope::parse(&text.value));
    let server_info = object
        .get("_meta")
        .and_then(|meta| Object::parse(meta.get()).ok()?.get(meta_key::SERVER_INFO));
    Ok(Discovered {
        versions: serde_json::from_str(versions)?,
        capabilities: object.get("capabilities"),
        instructions: object.text("instructions").map(|text| text.value),
        server_info,
        hints: CachingHints {
            ttl_ms: object.number("ttlMs").unwrap_or(0),
            scope: scope.unwrap_or(CacheScope::Private),
        },
    })
}

/// Judges the answer to a probe by its HTTP status and, where there is one, its message.
///
/// A server that names only legacy versions in its refusal (-32022) is a legacy one, though the
/// code is modern: such servers exist, and would else look empty.
pub fn judge(status: u16, reply: Option<&Envelope<'_>>) -> Verdict {
    if matches!(status, 401 | 403) {
        return Verdict::Unauthorized;
    }
    let error = reply.and_then(|reply| reply.error).and_then(|raw| RpcError::parse(raw).ok());
    if let Some(error) = &error
        && code::is_modern(error.code)
    {
        let supported = error.data.and_then(|data| {
            let object = Object::parse(data.get()).ok()?;
            serde_json::from_str::<Vec<String>>(object.get("supported")?.get()).ok()
        });
        let is_legacy = error.code == code::UNSUPPORTED_PROTOCOL_VERSION
            && supported.is_some_and(|supported| !any_modern(&supported));
        return if is_legacy { Verdict::Legacy } else { Verdict::Modern };
    }
    if status >= 500 || status == 408 || status == 429 {
        return Verdict::Unknown;
    }
    let discovered = reply.and_then(|reply| reply.result).and_then(|result| read(result).ok());
    match discovered {
        Some(discovered) if any_modern(&discovered.versions) => Verdict::Modern,
        _ => Verdict::Legacy,
    }
}

fn any_modern(versions: &[String]) -> bool {
    versions.iter().any(|version| version::names_modern(version))
}

#[cfg(test)]
mod tests;
