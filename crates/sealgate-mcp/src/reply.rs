//! The reply editor: one message of a backend, in chunks of any size → the same message for the
//! client, while it streams: the id replaced wherever it stands (some servers write it behind the
//! result), members added to the result, every other byte as it came.
//!
//! What the message is shows with its first telling key: `result` or `error` make it a response,
//! which streams on; `method` or `params` make it the server's own request or notification, which
//! is handed out whole. Until then chunks wait, [`LOOK_AHEAD`] bytes at most.
//!
//! The structure of the top level is checked strictly. Inside values only strings and brackets are
//! followed: for valid JSON that is exact, and invalid JSON stays invalid on the way, so that no
//! reader behind can see another message than the one that was edited.

mod misbehaved;
mod scan;
mod whole;

use std::collections::VecDeque;

use bytes::Bytes;

pub use misbehaved::Misbehaved;
use scan::{Mark, Member, Scanner};
pub use whole::Whole;

/// How much may come before the key that tells what a message is, in bytes.
pub const LOOK_AHEAD: usize = 16 * 1024;
/// The largest request or notification of a server that is held by default, in bytes.
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;
/// Up to this size, what one chunk becomes is copied together: one write costs less than three.
const GATHER: usize = 16 * 1024;

/// What a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An answer; it streams.
    Response {
        /// Whether it carries `error` instead of `result`.
        is_error: bool,
    },
    /// The server asks the client; see [`ReplyEditor::take_message`].
    Request,
    /// The server tells the client; see [`ReplyEditor::take_message`].
    Notification,
}

/// Edits one message: push chunks, take what is ready, finish.
#[derive(Debug)]
pub struct ReplyEditor {
    edits: Edits,
    scanner: Scanner,
    stage: Stage,
    /// The message as it came, until it is known to be a response.
    raw: Vec<Bytes>,
    ready: VecDeque<Bytes>,
    message: Option<Bytes>,
    received: u64,
    sent: u64,
    error: Vec<u8>,
    is_in_id: bool,
    is_in_error: bool,
    has_error: bool,
}

#[derive(Clone, Debug)]
struct Edits {
    id: Bytes,
    expected_id: Option<Box<[u8]>>,
    /// Key and `"key":value` of members to add to the result.
    insertions: Vec<(Box<str>, Box<str>)>,
    error_limit: usize,
    message_limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Undecided,
    Response,
    Message,
    Broken,
}

impl ReplyEditor {
    /// Edits a response to carry `id`, the raw JSON of the client's id.
    pub fn new(id: &str) -> Self {
        let edits = Edits {
            id: Bytes::copy_from_slice(id.as_bytes()),
            expected_id: None,
            insertions: Vec::new(),
            error_limit: 0,
            message_limit: MAX_MESSAGE,
        };
        Self {
            edits,
            scanner: Scanner::default(),
            stage: Stage::Undecided,
            raw: Vec::new(),
            ready: VecDeque::new(),
            message: None,
            received: 0,
            sent: 0,
            error: Vec::new(),
            is_in_id: false,
            is_in_error: false,
            has_error: false,
        }
    }

    /// Refuses a response whose id is another than `id`, byte by byte: it answers someone else.
    /// An error may still lack its id, or have a null one.
    #[must_use]
    pub fn expecting(mut self, id: &str) -> Self {
        self.edits.expected_id = Some(id.as_bytes().into());
        self
    }

    /// Adds `"key":value` to a result that has no such key. It goes to the end of the result,
    /// because only there it is known that the backend did not send the key itself.
    #[must_use]
    pub fn inserting(mut self, key: &str, value: &str) -> Self {
        let member = format!("{}:{value}", serde_json::Value::from(key));
        self.edits.insertions.push((key.into(), member.into()));
        self.scanner.look_for(key);
        self
    }

    /// Keeps a copy of the first `limit` bytes of `error`; see [`ReplyEditor::error_head`].
    #[must_use]
    pub fn copying_error(mut self, limit: usize) -> Self {
        self.edits.error_limit = limit;
        self
    }

    /// Holds requests and notifications of up to `limit` bytes instead of [`MAX_MESSAGE`].
    #[must_use]
    pub fn holding(mut self, limit: usize) -> Self {
        self.edits.message_limit = limit;
        self
    }

    /// Takes the next chunk of the message.
    ///
    /// # Errors
    /// [`Misbehaved`] if it cannot be part of one good message. What was taken out before cannot
    /// be taken back: cut the connection to the client rather than end it in good order.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Misbehaved> {
        let edited = self.edit(&chunk);
        if edited.is_err() {
            self.stage = Stage::Broken;
            self.ready.clear();
            self.raw.clear();
        }
        edited
    }

    /// The next part of the response for the client, if one is ready.
    #[expect(clippy::should_implement_trait, reason = "more may come after None")]
    pub fn next(&mut self) -> Option<Bytes> {
        if self.stage != Stage::Response {
            return None;
        }
        let part = self.ready.pop_front()?;
        self.sent += part.len() as u64;
        Some(part)
    }

    /// Says that the message is over: nothing more comes.
    ///
    /// # Errors
    /// [`Misbehaved`] if it is not complete.
    pub fn finish(&mut self) -> Result<Seen, Misbehaved> {
        self.scanner.finish()?;
        self.seen().ok_or(Misbehaved::Incomplete)
    }

    /// What the message is, as soon as that shows. A request shows only at its end, because its
    /// id may come last.
    pub fn seen(&self) -> Option<Seen> {
        match self.stage {
            Stage::Response => Some(Seen::Response { is_error: self.has_error }),
            Stage::Message if self.scanner.is_done() => {
                Some(if self.scanner.has(Member::Id) { Seen::Request } else { Seen::Notification })
            }
            _ => None,
        }
    }

    /// The server's request or notification, whole and as it came, once it is complete. It has
    /// been checked as a message, but not as an envelope: parse it before acting on it.
    pub fn take_message(&mut self) -> Option<Bytes> {
        self.message.take()
    }

    /// The first bytes of `error`, as asked for by [`ReplyEditor::copying_error`].
    pub fn error_head(&self) -> &[u8] {
        &self.error
    }

    /// How many bytes came in.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many bytes of the response were taken out.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    fn edit(&mut self, chunk: &Bytes) -> Result<(), Misbehaved> {
        if self.stage == Stage::Broken {
            return Err(Misbehaved::Broken);
        }
        let before = self.received;
        self.received += chunk.len() as u64;
        if self.stage != Stage::Response && !chunk.is_empty() {
            self.raw.push(chunk.clone());
        }
        let mut parts = Parts { chunk, from: 0, ready: Vec::new() };
        let mut error_from = 0;
        let mut at = 0;
        while let Some(mark) = self.scanner.step(chunk, &mut at)? {
            match mark {
                Mark::Value(Member::Result | Member::Error) => {
                    if mark == Mark::Value(Member::Error) {
                        (self.has_error, self.is_in_error, error_from) = (true, true, at);
                    }
                    self.decide(Stage::Response, before + at as u64)?;
                }
                Mark::Value(Member::Method | Member::Params) => {
                    self.decide(Stage::Message, before + at as u64)?;
                }
                Mark::Value(Member::Id) => {
                    parts.until(at);
                    parts.ready.push(self.edits.id.clone());
                    self.is_in_id = true;
                }
                Mark::End(Member::Id) => {
                    parts.from = at;
                    self.is_in_id = false;
                }
                Mark::End(Member::Error) => {
                    self.copy_error(&chunk[error_from..at]);
                    self.is_in_error = false;
                }
                Mark::End(Member::Result) => self.complete_result(&mut parts, at)?,
                Mark::Close => self.complete(&mut parts, at)?,
                Mark::Value(_) | Mark::End(_) => {}
            }
        }
        if self.is_in_error {
            self.copy_error(&chunk[error_from..]);
        }
        if !self.is_in_id {
            parts.until(chunk.len());
        }
        self.keep(parts.ready)
    }

    /// Keeps what a chunk became, for [`ReplyEditor::next`] or until it is clear what it is.
    fn keep(&mut self, parts: Vec<Bytes>) -> Result<(), Misbehaved> {
        let held = self.received;
        match self.stage {
            Stage::Undecided if held > LOOK_AHEAD as u64 => return Err(Misbehaved::Undecided),
            Stage::Message if held > self.edits.message_limit as u64 => {
                return Err(Misbehaved::TooLarge(self.edits.message_limit));
            }
            Stage::Message => {
                self.ready.clear();
                if self.scanner.is_done() {
                    let message =
                        self.raw.drain(..).reduce(|all, next| [all, next].concat().into());
                    self.message = self.message.take().or(message);
                }
            }
            Stage::Response => {
                self.raw.clear();
                self.ready.extend(gather(parts));
            }
            Stage::Undecided | Stage::Broken => self.ready.extend(parts),
        }
        Ok(())
    }

    fn decide(&mut self, stage: Stage, at: u64) -> Result<(), Misbehaved> {
        if self.stage != Stage::Undecided {
            return if self.stage == stage { Ok(()) } else { Err(Misbehaved::Mixed) };
        }
        if at > LOOK_AHEAD as u64 {
            return Err(Misbehaved::Undecided);
        }
        // An id behind the result shows only at the end.
        if stage == Stage::Response && self.scanner.id().is_some_and(|id| self.is_other(id)) {
            return Err(Misbehaved::OtherId);
        }
        self.stage = stage;
        Ok(())
    }

    fn is_other(&self, id: &[u8]) -> bool {
        id != b"null" && self.edits.expected_id.as_deref().is_some_and(|expected| expected != id)
    }

    fn copy_error(&mut self, bytes: &[u8]) {
        let room = self.edits.error_limit - self.error.len();
        self.error.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Adds the members that the result lacks, before its brace, which is the byte before `at`.
    fn complete_result(&self, parts: &mut Parts<'_>, at: usize) -> Result<(), Misbehaved> {
        if self.edits.insertions.is_empty() {
            return Ok(());
        }
        let result = self.scanner.result().ok_or(Misbehaved::ResultNotObject)?;
        let mut text = String::new();
        for (key, member) in &self.edits.insertions {
            if !result.has(key) {
                let comma = if text.is_empty() && result.is_empty { "" } else { "," };
                text.push_str(comma);
                text.push_str(member);
            }
        }
        if !text.is_empty() {
            parts.until(at - 1);
            parts.ready.push(text.into());
        }
        Ok(())
    }

    /// Checks the message as a whole, at its closing brace, and adds the id that an error lacks.
    fn complete(&self, parts: &mut Parts<'_>, at: usize) -> Result<(), Misbehaved> {
        if !self.scanner.has(Member::JsonRpc) {
            return Err(Misbehaved::NoVersion);
        }
        let id = self.scanner.id();
        match self.stage {
            Stage::Undecided => return Err(Misbehaved::NotAMessage),
            Stage::Message if !self.scanner.has(Member::Method) => {
                return Err(Misbehaved::NotAMessage);
            }
            Stage::Message if id == Some(b"null") => return Err(Misbehaved::NoId),
            Stage::Response => match id {
                None if self.has_error => {
                    parts.until(at);
                    parts.ready.push(Bytes::from_static(b",\"id\":"));
                    parts.ready.push(self.edits.id.clone());
                }
                Some(b"null") if self.has_error => {}
                None | Some(b"null") => return Err(Misbehaved::NoId),
                Some(id) if self.is_other(id) => return Err(Misbehaved::OtherId),
                Some(_) => {}
            },
            Stage::Message | Stage::Broken => {}
        }
        Ok(())
    }
}

/// What one chunk becomes.
struct Parts<'c> {
    chunk: &'c Bytes,
    /// From where on the chunk was not taken yet.
    from: usize,
    ready: Vec<Bytes>,
}

impl Parts<'_> {
    fn until(&mut self, at: usize) {
        if at > self.from {
            self.ready.push(self.chunk.slice(self.from..at));
            self.from = at;
        }
    }
}

fn gather(parts: Vec<Bytes>) -> Vec<Bytes> {
    let length: usize = parts.iter().map(Bytes::len).sum();
    if parts.len() > 1 && length <= GATHER { vec![parts.concat().into()] } else { parts }
}

#[cfg(test)]
mod tests;
