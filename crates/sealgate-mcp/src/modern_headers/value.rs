//! Header values: text ↔ the value of `Mcp-Name` or `Mcp-Param-*`, in Base64 where a header could
//! not carry it as it is (MCP 2026-07-28, SEP-2243).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";
/// The longest value that is decoded, in bytes.
const MAX_VALUE: usize = 8 * 1024;

/// A header value that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// A character outside 0x20 to 0x7E.
    #[error("it has a character outside printable ASCII; encode it as =?base64?…?=")]
    Characters,
    /// Bad Base64: the alphabet, the padding, or bits that are left over.
    #[error("its Base64 is not valid (standard alphabet, padded)")]
    Base64,
    /// The Base64 holds no UTF-8.
    #[error("its Base64 is not UTF-8")]
    Utf8,
    /// Longer than is decoded.
    #[error("it is longer than {MAX_VALUE} bytes")]
    TooLong,
}

/// The header value that carries `text`.
pub fn encode(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !is_marked(text);
    match is_plain {
        true => Cow::Borrowed(text),
        false => Cow::Owned([PREFIX, &STANDARD.encode(text), SUFFIX].concat()),
    }
}

/// The text that a header value carries. Blanks around it do not count (RFC 9110 section 5.5).
///
/// # Errors
/// [`ValueFault`]; nothing is guessed.
pub fn decode(value: &[u8]) -> Result<Cow<'_, str>, ValueFault> {
    let text = literal(value)?;
    if !is_marked(text) {
        return Ok(Cow::Borrowed(text));
    }
    let inner = &text[PREFIX.len()..text.len() - SUFFIX.len()];
    let bytes = STANDARD.decode(inner).map_err(|_| ValueFault::Base64)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| ValueFault::Utf8)
}

/// A value as it stands, without blanks around it.
pub(super) fn literal(value: &[u8]) -> Result<&str, ValueFault> {
    if value.len() > MAX_VALUE {
        return Err(ValueFault::TooLong);
    }
    let text = std::str::from_utf8(value).map_err(|_| ValueFault::Characters)?;
    let text = text.trim_matches([' ', '\t']);
    let is_plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    if is_plain { Ok(text) } else { Err(ValueFault::Characters) }
}

fn is_marked(text: &str) -> bool {
    text.len() >= PREFIX.len() + SUFFIX.len() && text.starts_with(PREFIX) && text.ends_with(SUFFIX)
}
