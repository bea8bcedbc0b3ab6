//! The pass: a body → an [`Envelope`], through one run of a JSON parser: our own reader, and
//! `serde_json` for what that does not take.
//!
//! A fault does not stop the pass, so that an id behind it can still be read and answered to;
//! broken JSON does.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{EchoId, Envelope, MAX_DEPTH, MAX_ID, Malformed, Params, Text, depth, is_id, span_of};
use crate::key::Key;
use crate::reader::{Odd, Reader};

/// An object that is read member by member, in the same pass as what is around it.
pub(super) trait Level<'a> {
    /// What to call it in a refusal.
    const PLACE: &'static str;

    /// Takes the member `key`; must take its value from `map` exactly once.
    fn take<A: MapAccess<'a>>(
        &mut self,
        key: Key<'a>,
        notes: &mut Notes<'a>,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// What the pass found out so far.
pub(super) struct Notes<'a> {
    body: &'a str,
    is_reply: bool,
    id: Option<&'a RawValue>,
    fault: Option<Malformed>,
    /// Exact and look-alike spellings of keys in `params` that decide where a call goes.
    look_alikes: Vec<&'static str>,
}

struct ObjectSeed<'s, 'a, L> {
    level: &'s mut L,
    notes: &'s mut Notes<'a>,
}

#[derive(Default)]
struct Message<'a> {
    has_version: bool,
    id: Option<&'a RawValue>,
    has_null_id: bool,
    method: Option<Cow<'a, str>>,
    params: Option<Box<Params<'a>>>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

/// Reads one message; `is_reply` allows what servers get wrong.
pub(super) fn envelope(body: &[u8], is_reply: bool) -> Result<Envelope<'_>, Malformed> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Malformed::NotUtf8 { at: error.valid_up_to() })?;
    let trimmed = text.trim_ascii_end();
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => {}
        first => {
            serde_json::from_str::<IgnoredAny>(text).map_err(Malformed::NotJson)?;
            return Err(match first {
                Some(b'[') => Malformed::Batch,
                _ => Malformed::NotObject,
            });
        }
    }

    let mut notes = Notes::new(text, is_reply);
    let mut message = Message::default();
    if quickly(text, &mut message, &mut notes).is_err() {
        (message, notes) = (Message::default(), Notes::new(text, is_reply));
        thoroughly(text, &mut message, &mut notes).map_err(Malformed::NotJson)?;
    }
    notes.settle(&message);
    if let Some(fault) = notes.fault {
        return Err(fault.with_id(notes.id));
    }
    let Message { id, method, params, result, error, .. } = message;
    Ok(Envelope { id, method, params, result, error, close_brace: trimmed.len() - 1 })
}

/// The pass over a good message, which nests no deeper than it may.
fn quickly<'a>(text: &'a str, message: &mut Message<'a>, notes: &mut Notes<'a>) -> Result<(), Odd> {
    let mut reader = Reader::new(text);
    ObjectSeed { level: message, notes }.deserialize(&mut reader)?;
    reader.end()
}

/// The pass over any message, which tells what is wrong with it.
fn thoroughly<'a>(
    text: &'a str,
    message: &mut Message<'a>,
    notes: &mut Notes<'a>,
) -> serde_json::Result<()> {
    let mut parser = serde_json::Deserializer::from_str(text);
    ObjectSeed { level: message, notes }.deserialize(&mut parser)?;
    parser.end()?;
    if depth::exceeds(text.as_bytes(), MAX_DEPTH) {
        notes.fault(Malformed::TooDeep { id: None });
    }
    Ok(())
}

impl<'a> Key<'a> {
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Reads the value of this key as an object, within the pass, and returns where its brace
    /// stands. `None` if it is no object; the value is taken all the same.
    pub(super) fn object<L: Level<'a>, A: MapAccess<'a>>(
        &self,
        level: &mut L,
        notes: &mut Notes<'a>,
        map: &mut A,
    ) -> Result<Option<usize>, A::Error> {
        if let Some(start) = self.value_start(notes.body) {
            if notes.body.as_bytes().get(start) != Some(&b'{') {
                map.next_value::<IgnoredAny>()?;
                return Ok(None);
            }
            map.next_value_seed(ObjectSeed { level, notes })?;
            return Ok(Some(start));
        }
        // An escaped key does not tell where it stands: its value is read twice.
        let raw: &'a RawValue = map.next_value()?;
        if !raw.get().starts_with('{') {
            return Ok(None);
        }
        let mut parser = serde_json::Deserializer::from_str(raw.get());
        ObjectSeed { level, notes }.deserialize(&mut parser).map_err(serde::de::Error::custom)?;
        Ok(Some(span_of(notes.body.as_bytes(), raw.get()).start))
    }

    /// Where the value behind this key starts, if the key stands unescaped.
    fn value_start(&self, body: &str) -> Option<usize> {
        let Cow::Borrowed(key) = self.0 else { return None };
        let bytes = body.as_bytes();
        let past_quote = span_of(bytes, key).end + 1;
        let colon = past_quote + blanks(bytes.get(past_quote..)?);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        Some(colon + 1 + blanks(bytes.get(colon + 1..)?))
    }
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

impl<'a> Notes<'a> {
    fn new(body: &'a str, is_reply: bool) -> Self {
        Self { body, is_reply, id: None, fault: None, look_alikes: Vec::new() }
    }

    pub(super) fn duplicate(&mut self, place: &'static str, key: &'static str) {
        self.fault(Malformed::Duplicate { place, key, id: None });
    }

    pub(super) fn not_object(&mut self, key: &'static str) {
        self.fault(Malformed::NotObjectMember { key, id: None });
    }

    /// Notes a key of `params` that some parsers would take for one that routes.
    pub(super) fn look_alike_param(&mut self, key: &str) {
        if let Some(known) = look_alike(key, &["name", "uri", "taskId", "_meta", "arguments"]) {
            self.look_alikes.push(known);
        }
    }

    /// Keeps the first fault only: it is the one to explain.
    fn fault(&mut self, fault: Malformed) {
        self.fault.get_or_insert(fault);
    }

    fn wrong(&mut self, reason: &'static str) {
        let id: EchoId = None;
        self.fault(Malformed::NotJsonRpc { reason, id });
    }

    /// Checks what only the whole message tells.
    fn settle(&mut self, message: &Message<'a>) {
        if !message.has_version {
            self.wrong("`jsonrpc` is missing; it must be \"2.0\"");
        }
        let Message { method, params, result, error, .. } = message;
        if method.is_some() && (result.is_some() || error.is_some()) {
            self.wrong("it has a method and a result or error; it can be only one of them");
        } else if result.is_some() && error.is_some() {
            self.wrong("it has both `result` and `error`");
        } else if method.is_none() && result.is_none() && error.is_none() {
            self.wrong("it has no `method`, `result` or `error`");
        }
        if message.has_null_id && !(self.is_reply && error.is_some()) {
            self.fault(Malformed::BadId);
        }
        let needs_id = method.is_none() && !(self.is_reply && error.is_some());
        if needs_id && message.id.is_none() {
            self.wrong("a response needs the `id` of its request");
        }
        if let Some(params) = params {
            let alike = self.look_alikes.iter().copied().find(|key| match *key {
                "name" => params.name.is_some(),
                "uri" => params.uri.is_some(),
                "taskId" => params.task_id.is_some(),
                "_meta" => params.meta.is_some(),
                _ => params.arguments.is_some(),
            });
            if let Some(key) = alike {
                self.fault(Malformed::Lookalike { place: Params::PLACE, key, id: None });
            }
        }
    }
}

/// The known key that `key` is to parsers that ignore case; those of Go also fold the long s and
/// the Kelvin sign.
fn look_alike(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    // The longest known key has 9 letters, and none of the folded ones takes more than 3 bytes.
    if key.len() > 27 {
        return None;
    }
    known
        .iter()
        .copied()
        .find(|known| key != *known && key.chars().map(fold).eq(known.chars().map(fold)))
}

impl<'a, L: Level<'a>> DeserializeSeed<'a> for ObjectSeed<'_, 'a, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'a, L: Level<'a>> Visitor<'a> for ObjectSeed<'_, 'a, L> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key()? {
            self.level.take(key, self.notes, &mut map)?;
        }
        Ok(())
    }
}

impl<'a> Level<'a> for Message<'a> {
    const PLACE: &'static str = "the message";

    fn take<A: MapAccess<'a>>(
        &mut self,
        key: Key<'a>,
        notes: &mut Notes<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key.text() {
            "jsonrpc" => {
                let raw: &RawValue = map.next_value()?;
                if self.has_version {
                    notes.duplicate(Self::PLACE, "jsonrpc");
                }
                self.has_version = true;
                if Text::of(raw).is_none_or(|text| text.value != "2.0") {
                    notes.wrong("`jsonrpc` must be \"2.0\"");
                }
            }
            "id" => {
                let raw: &RawValue = map.next_value()?;
                if self.id.is_some() || self.has_null_id {
                    notes.duplicate(Self::PLACE, "id");
                    notes.id = None;
                } else if raw.get() == "null" {
                    // Of a server's error it is kept: whoever relays it replaces it there.
                    self.id = notes.is_reply.then_some(raw);
                    self.has_null_id = true;
                } else if is_id(raw.get()) && raw.get().len() <= MAX_ID {
                    self.id = Some(raw);
                    notes.id = Some(raw);
                } else {
                    self.has_null_id = true;
                    notes.fault(Malformed::BadId);
                }
            }
            "method" => {
                let raw: &RawValue = map.next_value()?;
                if self.method.is_some() {
                    notes.duplicate(Self::PLACE, "method");
                }
                match Text::of(raw) {
                    Some(text) => self.method = Some(text.value),
                    None => notes.wrong("`method` must be a string"),
                }
            }
            "params" => {
                if self.params.is_some() {
                    notes.duplicate(Self::PLACE, "params");
                }
                let empty = Params { is_empty: true, ..Params::default() };
                let params = &mut **self.params.insert(Box::new(empty));
                match key.object(params, notes, map)? {
                    Some(open_brace) => params.open_brace = open_brace,
                    None => notes.not_object("params"),
                }
            }
            "result" => {
                if self.result.replace(map.next_value()?).is_some() {
                    notes.duplicate(Self::PLACE, "result");
                }
            }
            "error" => {
                if self.error.replace(map.next_value()?).is_some() {
                    notes.duplicate(Self::PLACE, "error");
                }
            }
            other => {
                let known = ["jsonrpc", "id", "method", "params", "result", "error"];
                if let Some(key) = look_alike(other, &known) {
                    notes.fault(Malformed::Lookalike { place: Self::PLACE, key, id: None });
                }
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
