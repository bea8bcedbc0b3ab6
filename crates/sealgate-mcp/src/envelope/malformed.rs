//! Refusals: what is wrong with a body → a named variant, the code of its answer, and the id to
//! answer to where it could be read.

use serde_json::value::RawValue;

use crate::code;

/// The id of a refused request, for the answer; `None` where it could not be read.
pub type EchoId = Option<Box<RawValue>>;

/// A body that is not one MCP message.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not UTF-8, which JSON must be (RFC 8259).
    #[error("the body is not UTF-8 (first bad byte at {at}); JSON must be")]
    NotUtf8 {
        /// The offset of the first bad byte.
        at: usize,
    },
    /// Not JSON, or JSON with something behind it.
    #[error("the body is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// An array of messages.
    #[error("the body is a batch (an array); send one message a request")]
    Batch,
    /// JSON, but no object.
    #[error("the body is not a JSON object; a JSON-RPC message is one")]
    NotObject,
    /// An object, but no JSON-RPC 2.0 message.
    #[error("the body is not a JSON-RPC message: {reason}")]
    NotJsonRpc {
        /// What is missing or wrong.
        reason: &'static str,
        /// The id, where it was read.
        id: EchoId,
    },
    /// The id is null, a fraction, an object and the like.
    #[error("`id` must be a string or an integer of at most {} bytes", super::MAX_ID)]
    BadId,
    /// A key stands twice, so that two readers may read two things.
    #[error("`{key}` stands twice in {place}; send it once")]
    Duplicate {
        /// The level: the message, `params`, `params._meta`, …
        place: &'static str,
        /// The key.
        key: &'static str,
        /// The id, where it was read.
        id: EchoId,
    },
    /// A key differs from a known one only by case, which some parsers do not tell apart.
    #[error("a key in {place} differs from `{key}` only by case, which some parsers take for it")]
    Lookalike {
        /// The level: the message or `params`.
        place: &'static str,
        /// The key that it looks like.
        key: &'static str,
        /// The id, where it was read.
        id: EchoId,
    },
    /// `params`, `_meta` or `ref` is there, but no object.
    #[error("`{key}` must be an object")]
    NotObjectMember {
        /// The key.
        key: &'static str,
        /// The id, where it was read.
        id: EchoId,
    },
    /// Arrays and objects nest too deep.
    #[error("the body nests deeper than {} levels", super::MAX_DEPTH)]
    TooDeep {
        /// The id, where it was read.
        id: EchoId,
    },
}

impl Malformed {
    /// The JSON-RPC code of the answer.
    pub fn code(&self) -> i64 {
        match self {
            Self::NotUtf8 { .. } | Self::NotJson(_) => code::PARSE_ERROR,
            Self::NotObjectMember { .. } => code::INVALID_PARAMS,
            _ => code::INVALID_REQUEST,
        }
    }

    /// The id to answer to, where it could be read.
    pub fn id(&self) -> Option<&RawValue> {
        match self {
            Self::NotUtf8 { .. }
            | Self::NotJson(_)
            | Self::Batch
            | Self::NotObject
            | Self::BadId => None,
            Self::NotJsonRpc { id, .. }
            | Self::Duplicate { id, .. }
            | Self::Lookalike { id, .. }
            | Self::NotObjectMember { id, .. }
            | Self::TooDeep { id } => id.as_deref(),
        }
    }

    pub(super) fn with_id(mut self, echo: Option<&RawValue>) -> Self {
        match &mut self {
            Self::NotJsonRpc { id, .. }
            | Self::Duplicate { id, .. }
            | Self::Lookalike { id, .. }
            | Self::NotObjectMember { id, .. }
            | Self::TooDeep { id } => *id = echo.map(ToOwned::to_owned),
            _ => {}
        }
        self
    }
}
