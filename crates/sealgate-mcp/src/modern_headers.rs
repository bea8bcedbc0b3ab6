//! Mirrored headers: `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` beside the body that they
//! repeat → a modern request that both agree on, or the refusal in the order that the protocol
//! wants (MCP 2026-07-28, SEP-2243). Header values go in as bytes, so that any HTTP library fits.

mod fault;
mod value;

use std::borrow::Cow;

pub use fault::ModernFault;
pub use value::{ValueFault, decode, encode};

use crate::envelope::{Envelope, Kind, Meta, Text, is_id};
use crate::log_level::LogLevel;
use crate::meta_key;
use crate::method::{Method, Span};
use crate::version::Version;

/// The header that names the version of a request.
pub const VERSION: &str = "mcp-protocol-version";
/// The header that mirrors `method`.
pub const METHOD: &str = "mcp-method";
/// The header that mirrors `params.name`, `params.uri` or `params.taskId`.
pub const NAME: &str = "mcp-name";
/// What headers that mirror arguments begin with.
pub const PARAM_PREFIX: &str = "mcp-param-";

/// A header as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carried<'a> {
    /// Not at all.
    #[default]
    Absent,
    /// Once; the value.
    Once(&'a [u8]),
    /// More than once, so that two readers may read two things.
    Repeated,
}

/// The three headers of every modern request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mirrored<'a> {
    /// [`VERSION`]
    pub version: Carried<'a>,
    /// [`METHOD`]
    pub method: Carried<'a>,
    /// [`NAME`]; looked at only for methods that have a target.
    pub name: Carried<'a>,
}

/// Which requests are served.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The modern versions, as `server/discover` lists them.
    pub versions: &'a [Version],
    /// Whether methods that the protocol does not know pass: to a single backend they may.
    pub unknown_methods: bool,
}

/// A modern request whose headers and body agree.
#[derive(Clone, Copy, Debug)]
pub struct Modern<'r, 'a> {
    /// The method.
    pub method: Method<'r>,
    /// The version.
    pub version: Version,
    /// The metadata, with `protocol_version` and `client_capabilities` there.
    pub meta: &'r Meta<'a>,
    /// The least level of log messages wanted; without one, none are.
    pub log_level: Option<LogLevel>,
    /// The tool, prompt, resource or task that it is about.
    pub target: Option<&'r Text<'a>>,
}

/// Checks a modern request, in the order: metadata (-32602), headers against the body (-32020),
/// version (-32022), method (-32601), target (-32602).
///
/// # Errors
/// [`ModernFault`] with code, HTTP status and data of the answer.
pub fn validate<'r, 'a>(
    envelope: &'r Envelope<'a>,
    headers: &Mirrored<'_>,
    served: &Served<'_>,
) -> Result<Modern<'r, 'a>, ModernFault> {
    let Some(method) = envelope.method().filter(|_| envelope.kind() == Kind::Request) else {
        return Err(ModernFault::NotARequest);
    };
    let (meta, requested, log_level) = metadata(envelope)?;

    agree(headers.version, VERSION, &requested.value, false)?;
    agree(headers.method, METHOD, method.as_str(), false)?;
    let target = envelope.target();
    if let Ok(Some(target)) = &target {
        agree(headers.name, NAME, &target.value, true)?;
    }

    let known = Version::parse(&requested.value);
    let version = known.filter(|known| served.versions.contains(known)).ok_or_else(|| {
        let supported = served.versions.to_vec();
        ModernFault::Version { requested: requested.value.clone().into_owned(), supported }
    })?;
    let is_served = match method.span() {
        Span::Unknown => served.unknown_methods,
        _ => method.is_modern_request(),
    };
    if !is_served {
        return Err(ModernFault::Method(method.as_str().to_owned()));
    }
    Ok(Modern { method, version, meta, log_level, target: target? })
}

/// The metadata, if what must be there is and has the right types.
fn metadata<'r, 'a>(
    envelope: &'r Envelope<'a>,
) -> Result<(&'r Meta<'a>, &'r Text<'a>, Option<LogLevel>), ModernFault> {
    let meta = envelope.meta().ok_or(ModernFault::NoMeta)?;
    let missing = |key: &'static str| match meta.ill_typed.contains(&key) {
        true => ModernFault::MetaType { key },
        false => ModernFault::MetaMissing { key },
    };
    let version = meta.protocol_version.as_ref();
    let version = version.ok_or_else(|| missing(meta_key::PROTOCOL_VERSION))?;
    let is_object = |raw: &serde_json::value::RawValue| raw.get().starts_with('{');
    match meta.client_capabilities {
        None => return Err(missing(meta_key::CLIENT_CAPABILITIES)),
        Some(raw) if !is_object(raw) => {
            return Err(ModernFault::MetaType { key: meta_key::CLIENT_CAPABILITIES });
        }
        Some(_) => {}
    }
    if meta.client_info.is_some_and(|raw| !is_object(raw)) {
        return Err(ModernFault::MetaType { key: meta_key::CLIENT_INFO });
    }
    if meta.progress_token.is_some_and(|raw| !is_id(raw.get())) {
        return Err(ModernFault::MetaType { key: meta_key::PROGRESS_TOKEN });
    }
    let log_level = match &meta.log_level {
        Some(text) => {
            let level = LogLevel::parse(&text.value);
            Some(level.ok_or(ModernFault::MetaType { key: meta_key::LOG_LEVEL })?)
        }
        None if meta.ill_typed.contains(&meta_key::LOG_LEVEL) => {
            return Err(ModernFault::MetaType { key: meta_key::LOG_LEVEL });
        }
        None => None,
    };
    Ok((meta, version, log_level))
}

/// Compares a header with what the body says.
fn agree(
    carried: Carried<'_>,
    header: &'static str,
    expected: &str,
    is_encoded: bool,
) -> Result<(), ModernFault> {
    let value = once(carried, header)?;
    let value = match is_encoded {
        true => decode(value),
        false => value::literal(value).map(Cow::Borrowed),
    };
    let value = value.map_err(|fault| ModernFault::HeaderValue { header: header.into(), fault })?;
    if value == expected { Ok(()) } else { Err(ModernFault::Differs { header: header.into() }) }
}

/// The value of a header that must stand once.
pub(crate) fn once<'h>(carried: Carried<'h>, header: &str) -> Result<&'h [u8], ModernFault> {
    match carried {
        Carried::Once(value) => Ok(value),
        Carried::Absent => Err(ModernFault::HeaderMissing { header: header.into() }),
        Carried::Repeated => Err(ModernFault::HeaderRepeated { header: header.into() }),
    }
}

#[cfg(test)]
mod tests;
