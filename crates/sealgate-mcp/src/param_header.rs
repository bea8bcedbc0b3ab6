//! Parameter headers: a tool's input schema → which arguments `Mcp-Param-*` headers mirror; the
//! headers of a call, and the check of those that came (MCP 2026-07-28, `x-mcp-header`).

mod schema;

use std::borrow::Cow;

use serde_json::value::RawValue;

pub use schema::{SchemaFault, read};

use crate::envelope::Text;
use crate::modern_headers::{Carried, ModernFault, PARAM_PREFIX, decode, encode, once};
use crate::object::Object;

/// An argument that a header mirrors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamHeader {
    /// The header's name, in lower case: `mcp-param-…`.
    pub header: String,
    /// The keys from `arguments` to the value.
    pub path: Vec<String>,
    /// The type that the schema gives it.
    pub kind: ParamKind,
}

/// The types that a header can mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// `string`
    Text,
    /// `integer`
    Integer,
    /// `boolean`
    Flag,
}

/// The headers of a call: name and value of each argument that is there and not null. Values that
/// no header can carry (arrays, objects) are left to the backend to refuse.
pub fn write(headers: &[ParamHeader], arguments: Option<&RawValue>) -> Vec<(String, String)> {
    let values = headers.iter().filter_map(|header| {
        let raw = value_at(arguments?.get(), &header.path)?;
        let value = match Text::of(raw) {
            Some(text) => encode(&text.value).into_owned(),
            None if raw.get().starts_with(['{', '[', '"']) => return None,
            None => integer(raw.get()).map_or_else(|| raw.get().to_owned(), |n| n.to_string()),
        };
        Some((header.header.clone(), value))
    });
    values.collect()
}

/// Checks the headers of a call against its arguments. `carried` finds a header by its name in
/// lower case. A header beside an argument that is absent or null is not looked at; those that
/// the schema does not name are nobody's business here and travel on.
///
/// # Errors
/// [`ModernFault`]: the answer is -32020 with HTTP 400.
pub fn check<'h>(
    headers: &[ParamHeader],
    arguments: Option<&RawValue>,
    mut carried: impl FnMut(&str) -> Carried<'h>,
) -> Result<(), ModernFault> {
    for header in headers {
        let raw = arguments.and_then(|arguments| value_at(arguments.get(), &header.path));
        let Some(raw) = raw else { continue };
        let name = &header.header;
        let value = decode(once(carried(name), name)?)
            .map_err(|fault| ModernFault::HeaderValue { header: name.as_str().into(), fault })?;
        let agrees = match (Text::of(raw), header.kind) {
            (Some(text), _) => text.value == value,
            (None, ParamKind::Integer) => match (integer(raw.get()), integer(&value)) {
                (Some(body), Some(header)) => body == header,
                _ => raw.get() == value,
            },
            (None, _) => raw.get() == value,
        };
        if !agrees {
            return Err(ModernFault::Differs { header: name.as_str().into() });
        }
    }
    Ok(())
}

/// The value behind `path`, if it is there and not null.
fn value_at<'a>(object: &'a str, path: &[String]) -> Option<&'a RawValue> {
    let (first, rest) = path.split_first()?;
    let value = Object::parse(object).ok()?.get(first)?;
    match rest {
        [] => (value.get() != "null").then_some(value),
        rest => value_at(value.get(), rest),
    }
}

/// A JSON number that is whole, however it is written: `42`, `42.0`, `4.2e1`.
fn integer(text: &str) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if unsigned.is_empty() || !is_number(unsigned) || !is_number(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let digits: Cow<'_, str> = match fraction {
        "" => whole.into(),
        fraction => [whole, fraction].concat().into(),
    };
    let number: i128 = digits.parse().ok()?;
    match u32::try_from(shift) {
        Ok(shift) => number.checked_mul(10i128.checked_pow(shift)?),
        Err(_) => {
            let divisor = 10i128.checked_pow(shift.unsigned_abs())?;
            (number % divisor == 0).then_some(number / divisor)
        }
    }
}

impl ParamHeader {
    /// The name of the header for an annotation `x-mcp-header: name`.
    fn name(annotation: &str) -> String {
        [PARAM_PREFIX, &annotation.to_ascii_lowercase()].concat()
    }
}

#[cfg(test)]
mod tests;
