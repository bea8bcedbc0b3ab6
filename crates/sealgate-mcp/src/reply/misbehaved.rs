//! What a backend can get wrong in a message: named, for the log, the metric and the answer.

use crate::envelope::{MAX_DEPTH, MAX_ID, Malformed};

/// A message of a backend that cannot be relayed.
#[derive(Debug, thiserror::Error)]
pub enum Misbehaved {
    /// Not the text of a JSON object.
    #[error("the backend's answer is not a JSON object (byte {at})")]
    NotJson {
        /// Where that showed, counted from the start of the message.
        at: u64,
    },
    /// An array of messages.
    #[error("the backend answered with a batch, which this protocol version does not have")]
    Batch,
    /// A key of the top level stands twice.
    #[error("the backend's answer has `{0}` twice")]
    Duplicate(&'static str),
    /// `jsonrpc` is not "2.0".
    #[error("the backend's answer has a `jsonrpc` other than \"2.0\"")]
    BadVersion,
    /// `jsonrpc` is missing.
    #[error("the backend's answer has no `jsonrpc`")]
    NoVersion,
    /// Neither response nor request nor notification.
    #[error("the backend's answer has no `result`, `error` or `method`")]
    NotAMessage,
    /// A response and a request at once.
    #[error("the backend's answer has a `method` or `params` beside a `result` or `error`")]
    Mixed,
    /// Both a result and an error.
    #[error("the backend's answer has both `result` and `error`")]
    ResultAndError,
    /// The id is no string and no integer, or too long.
    #[error("the backend's answer has an `id` that is no string or integer of {MAX_ID} bytes")]
    BadId,
    /// A result without an id, or a message with a null one.
    #[error("the backend's answer lacks its `id`")]
    NoId,
    /// The id of another request.
    #[error("the backend's answer belongs to another request (its `id` is not the one sent)")]
    OtherId,
    /// Members were to be added to a result that is no object.
    #[error("the backend's `result` is not an object")]
    ResultNotObject,
    /// Arrays and objects nest too deep.
    #[error("the backend's answer nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// What the message is did not show soon enough.
    #[error("the backend's answer does not show what it is within {} bytes", super::LOOK_AHEAD)]
    Undecided,
    /// A request or notification is larger than what is held.
    #[error("the backend's message is larger than {0} bytes")]
    TooLarge(usize),
    /// The message ended too soon.
    #[error("the backend's answer breaks off")]
    Incomplete,
    /// Something other than blanks follows the message.
    #[error("the backend's answer has something behind its end")]
    Trailing,
    /// The message was refused before.
    #[error("the backend's answer was refused before")]
    Broken,
    /// Read whole, the message is no envelope.
    #[error("the backend's answer is not a good message: {0}")]
    Malformed(#[from] Malformed),
}
