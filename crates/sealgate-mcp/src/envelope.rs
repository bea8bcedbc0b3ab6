//! The envelope: the body of one message → its head, borrowed, after one pass over the bytes.
//!
//! What two readers could read differently is refused, because a gateway that checks one reading
//! and a backend that acts on another is an authorization bypass: duplicates of the keys read here
//! (at the top, in `params`, in `_meta`), spellings of them that differ only by case, trailing
//! bytes, ids that are neither text nor integer.

mod depth;
mod malformed;
mod params;
mod read;

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

pub use malformed::{EchoId, Malformed};
pub use params::{Meta, Params, Reference};

use crate::method::{Method, Target};

/// How deep arrays and objects may nest, all counted. Above it, some peer's parser gives up or
/// overflows; 128 is what the common ones (serde_json among them) allow by default.
pub const MAX_DEPTH: usize = 128;
/// The longest id that is taken, in bytes of its raw text: it is echoed and kept per request.
pub const MAX_ID: usize = 1024;

/// The three shapes of a JSON-RPC message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A method and an id: wants an answer.
    Request,
    /// A method without an id.
    Notification,
    /// A result or an error.
    Response,
}

/// The head of one message. Everything borrows from the body; what is not named here is not
/// looked at and stays in the body as it came.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// The id as it stands in the body: a string, or an integer of any size. Of a server's error
    /// it may also be `null`.
    pub id: Option<&'a RawValue>,
    /// The method, unescaped.
    pub method: Option<Cow<'a, str>>,
    /// The head of the parameters; boxed, because it is large and an envelope is passed on often.
    pub params: Option<Box<Params<'a>>>,
    /// The result, of a response.
    pub result: Option<&'a RawValue>,
    /// The error, of a response.
    pub error: Option<&'a RawValue>,
    /// Where the message's closing brace stands: the place to append a member, after a comma.
    pub close_brace: usize,
}

/// A string in the body: unescaped, and as it stands there (quotes included).
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// What it says.
    pub value: Cow<'a, str>,
    /// What stands in the body: the part to splice.
    pub raw: &'a RawValue,
}

/// The parameter that a method is about is not there as it should be: `-32602`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// The key is missing.
    #[error("`params.{}` is missing; send it as a string", .0.key())]
    Missing(Target),
    /// The value is no string.
    #[error("`params.{}` must be a string", .0.key())]
    NotText(Target),
}

/// Where `part` stands in `body`. `part` must have been read from this very `body`; a part of
/// another buffer yields an empty range at the end, so that an edit there spoils the message
/// instead of passing for a good one.
pub fn span(body: &[u8], part: &RawValue) -> Range<usize> {
    span_of(body, part.get())
}

pub(crate) fn span_of(body: &[u8], part: &str) -> Range<usize> {
    // Addresses are compared, never dereferenced.
    let start = (part.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
    match start.checked_add(part.len()) {
        Some(end) if end <= body.len() => start..end,
        _ => {
            debug_assert!(false, "a part of another buffer");
            body.len()..body.len()
        }
    }
}

impl<'a> Envelope<'a> {
    /// Reads a message from a client, or a request or notification from a server.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong and, where it could be read, whose id to answer.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        read::envelope(body, false)
    }

    /// Reads a message from a server, whose errors may lack an id or have a null one: common
    /// servers send such, and their text should reach the caller.
    ///
    /// # Errors
    /// As [`Envelope::parse`].
    pub fn parse_reply(body: &'a [u8]) -> Result<Self, Malformed> {
        read::envelope(body, true)
    }

    /// Which of the three shapes this is.
    pub fn kind(&self) -> Kind {
        match (&self.method, self.id) {
            (Some(_), Some(_)) => Kind::Request,
            (Some(_), None) => Kind::Notification,
            (None, _) => Kind::Response,
        }
    }

    /// The method, by name. A response has none.
    pub fn method(&self) -> Option<Method<'_>> {
        self.method.as_deref().map(Method::parse)
    }

    /// The parameter that the method is about: a tool's or prompt's name, a resource's URI, a
    /// task's id. `None` for methods about nothing in particular.
    ///
    /// # Errors
    /// [`TargetFault`] if the method is about something that is missing or no string.
    pub fn target(&self) -> Result<Option<&Text<'a>>, TargetFault> {
        let Some(target) = self.method().and_then(|method| method.target()) else {
            return Ok(None);
        };
        let Some(params) = &self.params else { return Err(TargetFault::Missing(target)) };
        let text = match target {
            Target::Name => &params.name,
            Target::Uri => &params.uri,
            Target::TaskId => &params.task_id,
        };
        match text {
            Some(text) => Ok(Some(text)),
            None if params.ill_typed.contains(&target.key()) => Err(TargetFault::NotText(target)),
            None => Err(TargetFault::Missing(target)),
        }
    }

    /// `params._meta`, if there is one.
    pub fn meta(&self) -> Option<&Meta<'a>> {
        self.params.as_ref().and_then(|params| params.meta.as_ref())
    }
}

impl<'a> Text<'a> {
    /// Reads a raw value as a string; `None` if it is something else, or cannot be unescaped
    /// (half a surrogate pair).
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
        let value = if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            Cow::Borrowed(inner)
        } else {
            Cow::Owned(serde_json::from_str(raw.get()).ok()?)
        };
        Some(Self { value, raw })
    }
}

/// Whether `raw` may be an id: a string, or an integer of any size, written as JSON has it.
pub(crate) fn is_id(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    raw.starts_with('"')
        || digits == "0"
        || (digits.starts_with(|first| matches!(first, '1'..='9'))
            && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
