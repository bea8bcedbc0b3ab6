//! Batches, which only 2025-03-26 has: an array of messages → the messages, and answers → one
//! array.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use crate::envelope::Malformed;

/// How many messages one batch may hold.
pub const MAX_MESSAGES: usize = 100;

/// An array that is no batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchFault {
    /// Not JSON.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// No message in it.
    #[error("the batch is empty; send at least one message")]
    Empty,
    /// More than [`MAX_MESSAGES`].
    #[error("the batch has more than {MAX_MESSAGES} messages; send fewer at once")]
    TooMany,
}

/// Splits a batch into its messages, each a slice of `body`, to be read as envelopes of their
/// own.
///
/// # Errors
/// [`BatchFault`] refuses the batch as a whole.
pub fn split(body: &Bytes) -> Result<Vec<Bytes>, BatchFault> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Malformed::NotUtf8 { at: error.valid_up_to() })?;
    let messages: Vec<&RawValue> = serde_json::from_str(text).map_err(Malformed::NotJson)?;
    match messages.len() {
        0 => Err(BatchFault::Empty),
        count if count > MAX_MESSAGES => Err(BatchFault::TooMany),
        _ => Ok(messages.iter().map(|raw| body.slice_ref(raw.get().as_bytes())).collect()),
    }
}

/// Joins the answers to a batch. Notifications have none: without any answer there is no body,
/// and the HTTP status is 202.
pub fn join(answers: &[Bytes]) -> Option<Bytes> {
    let (first, rest) = answers.split_first()?;
    let length = answers.iter().map(|answer| answer.len() + 1).sum::<usize>() + 1;
    let mut out = BytesMut::with_capacity(length);
    out.put_u8(b'[');
    out.put_slice(first);
    for answer in rest {
        out.put_u8(b',');
        out.put_slice(answer);
    }
    out.put_u8(b']');
    Some(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_splits_into_slices_and_joins_again() {
        let body = Bytes::from_static(b" [ {\"id\":1e400} ,{\"a\":[1,2]}, 7 ] ");
        let messages = split(&body).unwrap();
        assert_eq!(messages, ["{\"id\":1e400}", "{\"a\":[1,2]}", "7"]);
        assert_eq!(messages[1].as_ptr(), body[17..].as_ptr());
        assert_eq!(join(&messages).unwrap(), "[{\"id\":1e400},{\"a\":[1,2]},7]");
        assert_eq!(join(&[]), None);
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let of = |text: &str| split(&Bytes::copy_from_slice(text.as_bytes()));
        assert!(matches!(of("[]"), Err(BatchFault::Empty)));
        assert!(matches!(of("{}"), Err(BatchFault::Malformed(_))));
        assert!(matches!(of("[1,]"), Err(BatchFault::Malformed(_))));
        let many = format!("[{}1]", "1,".repeat(MAX_MESSAGES));
        assert!(matches!(of(&many), Err(BatchFault::TooMany)));
    }
}
