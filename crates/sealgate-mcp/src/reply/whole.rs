//! The whole message at once: what the editor does in chunks, for a message that is all there, in
//! one typed pass and one allocation. It checks more: the message is a good envelope, JSON to the
//! last byte.

use bytes::Bytes;

use super::{Misbehaved, ReplyEditor};
use crate::envelope::{Envelope, Kind, span};
use crate::object::Object;
use crate::splice::Splice;

/// A message of a backend, edited if it is a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// For the client, with its id.
    Response {
        /// The edited message.
        message: Bytes,
        /// Whether it carries `error` instead of `result`.
        is_error: bool,
    },
    /// The server asks the client: as it came.
    Request(Bytes),
    /// The server tells the client: as it came.
    Notification(Bytes),
}

impl ReplyEditor {
    /// Edits a message that is all there; the editor is for nothing else then.
    ///
    /// # Errors
    /// [`Misbehaved`] if it is no good message, or answers another request.
    pub fn whole(self, message: &Bytes) -> Result<Whole, Misbehaved> {
        let envelope = Envelope::parse_reply(message)?;
        match envelope.kind() {
            Kind::Request => return Ok(Whole::Request(message.clone())),
            Kind::Notification => return Ok(Whole::Notification(message.clone())),
            Kind::Response => {}
        }

        let mut splice = Splice::new(message);
        match envelope.id {
            Some(id) => {
                if self.is_other(id.get().as_bytes()) {
                    return Err(Misbehaved::OtherId);
                }
                splice.replace(span(message, id), &*self.edits.id);
            }
            None => {
                let id = [b",\"id\":", &*self.edits.id].concat();
                splice.insert(envelope.close_brace, id);
            }
        }
        if let Some(raw) = envelope.result
            && !self.edits.insertions.is_empty()
        {
            let result = Object::parse(raw.get()).map_err(|_| Misbehaved::ResultNotObject)?;
            let mut text = String::new();
            for (key, member) in &self.edits.insertions {
                if result.get(key).is_none() {
                    let is_first = text.is_empty() && result.members().is_empty();
                    text.push_str(if is_first { "" } else { "," });
                    text.push_str(member);
                }
            }
            splice.insert(span(message, raw).end - 1, text.into_bytes());
        }
        Ok(Whole::Response { message: splice.finish(), is_error: envelope.error.is_some() })
    }
}
