//! The scanner: chunks of one JSON object → marks where the members of its top level begin and
//! end. It keeps a few bytes between chunks, whatever their size.

use super::Misbehaved;
use crate::envelope::{MAX_DEPTH, MAX_ID, is_id};

/// The longest key that is kept to be compared: every letter of `jsonrpc` escaped takes 42 bytes,
/// and what is inserted into results has shorter names than this.
const MAX_KEY: usize = 256;
/// The place is put in by [`Scanner::step`].
const NOT_JSON: Misbehaved = Misbehaved::NotJson { at: 0 };

/// A member of the top level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Member {
    JsonRpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    Unknown,
}

/// A place in the message; the scanner stands right at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The first byte of a value.
    Value(Member),
    /// Just behind a value.
    End(Member),
    /// The closing brace of the message.
    Close,
}

#[derive(Debug, Default)]
pub(super) struct Scanner {
    place: Place,
    member: Option<Member>,
    /// A bit for each member that was seen.
    seen: u8,
    consumed: u64,
    /// Brackets open inside the value.
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    /// The raw text of the key or small value that is being read.
    text: Vec<u8>,
    id: Option<Box<[u8]>>,
    result: ResultKeys,
    /// Within the result's own level: the next string is a key.
    awaits_key: bool,
    is_key: bool,
}

/// What is known of the result when it ends.
#[derive(Debug, Default)]
pub(super) struct ResultKeys {
    /// The keys of interest, and whether each was found.
    wanted: Vec<(Box<str>, bool)>,
    pub(super) is_empty: bool,
    is_object: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    FirstKey,
    NextKey,
    Key,
    Colon,
    Value,
    Scalar,
    Nested,
    AfterValue,
    /// On the closing brace, which was marked but not passed.
    Close,
    Done,
}

impl ResultKeys {
    pub(super) fn has(&self, key: &str) -> bool {
        self.wanted.iter().any(|(wanted, is_found)| *is_found && **wanted == *key)
    }
}

impl Scanner {
    /// Looks out for `key` in the result.
    pub(super) fn look_for(&mut self, key: &str) {
        self.result.wanted.push((key.into(), false));
    }

    /// Whether `member` was seen.
    pub(super) fn has(&self, member: Member) -> bool {
        self.seen & (1 << member as u8) != 0
    }

    /// The raw id, `null` included, once it was read.
    pub(super) fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }

    /// The keys of the result, if it is an object.
    pub(super) fn result(&self) -> Option<&ResultKeys> {
        self.result.is_object.then_some(&self.result)
    }

    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    pub(super) fn finish(&self) -> Result<(), Misbehaved> {
        if self.is_done() { Ok(()) } else { Err(Misbehaved::Incomplete) }
    }

    /// Goes on from `at`, to the next mark or the end of the chunk.
    pub(super) fn step(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
    ) -> Result<Option<Mark>, Misbehaved> {
        let from = *at;
        let mark = self.advance(chunk, at);
        self.consumed += (*at - from) as u64;
        match mark {
            Err(Misbehaved::NotJson { .. }) => Err(Misbehaved::NotJson { at: self.consumed }),
            mark => mark,
        }
    }

    fn advance(&mut self, chunk: &[u8], at: &mut usize) -> Result<Option<Mark>, Misbehaved> {
        while let Some(byte) = chunk.get(*at).copied() {
            let is_blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            match self.place {
                Place::Key => {
                    if self.string(chunk, at) {
                        self.name_member()?;
                    }
                }
                Place::Nested => {
                    if self.nested(chunk, at)? {
                        return self.end_value();
                    }
                }
                Place::Scalar => match byte {
                    b',' | b'}' | b' ' | b'\t' | b'\n' | b'\r' => return self.end_value(),
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'+' | b'.' | b'E' => {
                        self.note(&chunk[*at..=*at]);
                        *at += 1;
                    }
                    _ => return Err(NOT_JSON),
                },
                Place::Close => {
                    self.place = Place::Done;
                    *at += 1;
                }
                _ if is_blank => *at += 1,
                Place::Start => match byte {
                    b'{' => {
                        self.place = Place::FirstKey;
                        *at += 1;
                    }
                    b'[' => return Err(Misbehaved::Batch),
                    _ => return Err(NOT_JSON),
                },
                Place::FirstKey | Place::NextKey if byte == b'"' => {
                    self.text.clear();
                    self.place = Place::Key;
                    *at += 1;
                }
                Place::FirstKey if byte == b'}' => return Ok(Some(self.close())),
                Place::Colon if byte == b':' => {
                    self.place = Place::Value;
                    *at += 1;
                }
                Place::Value => return self.begin_value(byte).map(Some),
                Place::AfterValue if byte == b',' => {
                    self.place = Place::NextKey;
                    *at += 1;
                }
                Place::AfterValue if byte == b'}' => return Ok(Some(self.close())),
                Place::Done => return Err(Misbehaved::Trailing),
                Place::FirstKey | Place::NextKey | Place::Colon | Place::AfterValue => {
                    return Err(NOT_JSON);
                }
            }
        }
        Ok(None)
    }

    fn close(&mut self) -> Mark {
        self.place = Place::Close;
        Mark::Close
    }

    /// Marks the value's first byte, which only the next step passes. A string counts as nested
    /// in nothing.
    fn begin_value(&mut self, byte: u8) -> Result<Mark, Misbehaved> {
        let member = self.member.unwrap_or(Member::Unknown);
        self.text.clear();
        (self.depth, self.is_string, self.is_escaped) = (0, false, false);
        self.place = match byte {
            b'{' | b'[' if member == Member::Id => return Err(Misbehaved::BadId),
            b'{' | b'[' | b'"' => Place::Nested,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Place::Scalar,
            _ => return Err(NOT_JSON),
        };
        if member == Member::Result {
            self.result.is_object = byte == b'{';
            self.result.is_empty = true;
            self.awaits_key = false;
        }
        Ok(Mark::Value(member))
    }

    fn end_value(&mut self) -> Result<Option<Mark>, Misbehaved> {
        let member = self.member.unwrap_or(Member::Unknown);
        self.place = Place::AfterValue;
        match member {
            Member::JsonRpc if decoded(&self.text).as_deref() != Some("2.0") => {
                return Err(Misbehaved::BadVersion);
            }
            Member::Id => {
                let is_good = self.text.len() <= MAX_ID
                    && std::str::from_utf8(&self.text).is_ok_and(|id| id == "null" || is_id(id));
                if !is_good {
                    return Err(Misbehaved::BadId);
                }
                self.id = Some(self.text.as_slice().into());
            }
            _ => {}
        }
        Ok(Some(Mark::End(member)))
    }

    /// Knows the member by its key, which was just read.
    fn name_member(&mut self) -> Result<(), Misbehaved> {
        self.text.insert(0, b'"');
        let (member, name) = match decoded(&self.text).as_deref() {
            Some("jsonrpc") => (Member::JsonRpc, "jsonrpc"),
            Some("id") => (Member::Id, "id"),
            Some("method") => (Member::Method, "method"),
            Some("params") => (Member::Params, "params"),
            Some("result") => (Member::Result, "result"),
            Some("error") => (Member::Error, "error"),
            _ => (Member::Unknown, ""),
        };
        if member != Member::Unknown && self.has(member) {
            return Err(Misbehaved::Duplicate(name));
        }
        self.seen |= 1 << member as u8;
        if self.has(Member::Result) && self.has(Member::Error) {
            return Err(Misbehaved::ResultAndError);
        }
        self.member = Some(member);
        self.place = Place::Colon;
        Ok(())
    }

    /// Goes to the end of a string, whose opening quote was passed; whether it ended.
    fn string(&mut self, chunk: &[u8], at: &mut usize) -> bool {
        let start = *at;
        if self.is_escaped {
            self.is_escaped = false;
            *at += 1;
        }
        let ended = loop {
            let rest = chunk.get(*at..).unwrap_or_default();
            match memchr::memchr2(b'"', b'\\', rest) {
                Some(found) if rest[found] == b'"' => {
                    *at += found + 1;
                    break true;
                }
                Some(found) if found + 1 < rest.len() => *at += found + 2,
                Some(_) => {
                    self.is_escaped = true;
                    *at = chunk.len();
                    break false;
                }
                None => {
                    *at = chunk.len();
                    break false;
                }
            }
        };
        self.note(&chunk[start..*at]);
        ended
    }

    /// Goes to the end of an array, an object or a string value; whether it ended.
    fn nested(&mut self, chunk: &[u8], at: &mut usize) -> Result<bool, Misbehaved> {
        while let Some(byte) = chunk.get(*at).copied() {
            if self.is_string {
                if self.string(chunk, at) {
                    self.is_string = false;
                    self.end_key();
                    if self.depth == 0 {
                        return Ok(true);
                    }
                }
                continue;
            }
            *at += 1;
            match byte {
                b'"' => {
                    self.is_string = true;
                    if self.depth == 0 {
                        self.note(b"\"");
                    } else if self.depth == 1 && self.awaits_key {
                        (self.awaits_key, self.is_key) = (false, true);
                        self.text.clear();
                        self.text.push(b'"');
                    }
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth >= MAX_DEPTH {
                        return Err(Misbehaved::TooDeep);
                    }
                    self.awaits_key = self.depth == 1 && self.follows_keys() && byte == b'{';
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(true);
                    }
                }
                b',' if self.depth == 1 => {
                    self.awaits_key = self.follows_keys() && self.result.is_object;
                }
                _ => {}
            }
        }
        Ok(false)
    }

    fn follows_keys(&self) -> bool {
        self.member == Some(Member::Result) && !self.result.wanted.is_empty()
    }

    /// Keeps a key of the result, if one was just read.
    fn end_key(&mut self) {
        if std::mem::take(&mut self.is_key) {
            self.result.is_empty = false;
            if let Some(read) = decoded(&self.text) {
                for (_, is_found) in self.result.wanted.iter_mut().filter(|(key, _)| **key == *read)
                {
                    *is_found = true;
                }
            }
        }
    }

    /// Keeps the raw text of keys, the id and `jsonrpc`; of everything else nothing.
    fn note(&mut self, bytes: &[u8]) {
        let limit = match (self.place, self.member) {
            (Place::Key, _) => MAX_KEY,
            (_, Some(Member::Id | Member::JsonRpc)) => MAX_ID + 1,
            _ if self.is_key => MAX_KEY,
            _ => return,
        };
        let room = limit.saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// A raw string, quotes included, unescaped; `None` if it is none, or was too long to be kept.
fn decoded(raw: &[u8]) -> Option<String> {
    serde_json::from_slice(raw).ok()
}
