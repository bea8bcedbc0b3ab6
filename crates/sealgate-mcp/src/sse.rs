//! Server-sent events: chunks of a stream → [`Event`]s, and messages → the text of events (WHATWG
//! HTML, server-sent events). An event's data that stands on one line of one chunk is not copied.
//! Large events can be taken in pieces, so that they need not be held.

mod pieces;
mod write;

use std::collections::VecDeque;

use bytes::Bytes;

pub use write::{KEEP_ALIVE, PieceWriter, write_event, write_priming};

/// One event. Unlike browsers, this reader also hands out events without data: the priming events
/// of MCP 2025-11-25 carry an id, and `retry`, and nothing to parse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The type; none means `message`.
    pub event: Option<Bytes>,
    /// The data lines, joined by line feeds. Often empty: look before parsing.
    pub data: Bytes,
    /// The id, to resume behind this event. Ids with a NUL are none.
    pub id: Option<Bytes>,
    /// How long to wait before connecting again, in milliseconds.
    pub retry: Option<u64>,
}

/// A stream that is not taken further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseFault {
    /// One event, or one line, is larger than the limit.
    #[error("an event of the stream is larger than {0} bytes")]
    TooLarge(usize),
}

/// What [`Decoder::next_part`] hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// An event that is all there.
    Event(Event),
    /// The next bytes of the data of an event that is too large to be held.
    Data(Bytes),
    /// The end of such an event: all of it but its data.
    End(Event),
}

/// Reads a stream: push chunks, take events.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// An event that needs more than this held while the next chunk is awaited goes out in pieces.
    hold: usize,
    stage: Stage,
    pieces: VecDeque<Bytes>,
    chunk: Bytes,
    /// Start of a line whose end has not come yet.
    partial: Vec<u8>,
    /// The last byte was a CR: a LF right behind it belongs to it.
    after_return: bool,
    is_first_line: bool,
    is_broken: bool,
    /// The event so far, and whether it has any field.
    event: Event,
    has_fields: bool,
    has_data: bool,
    /// The data so far, once it has more than one line.
    lines: Vec<u8>,
}

/// How the event so far goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Once it is all there.
    Whole,
    /// In pieces; a new line begins.
    Pieces,
    /// In pieces; in the middle of a data line whose start went out.
    InLine,
    /// In pieces; all of it has come, and what is left of them goes out before its end.
    Ending,
}

impl Event {
    /// The id as text; `None` also if it is not UTF-8.
    pub fn id_text(&self) -> Option<&str> {
        std::str::from_utf8(self.id.as_ref()?).ok()
    }

    /// Whether this is a message, by its type: what MCP sends.
    pub fn is_message(&self) -> bool {
        self.event.as_ref().is_none_or(|event| event.is_empty() || event == "message")
    }
}

impl Decoder {
    /// Reads events of up to `limit` bytes each.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            hold: usize::MAX,
            stage: Stage::Whole,
            pieces: VecDeque::new(),
            chunk: Bytes::new(),
            partial: Vec::new(),
            after_return: false,
            is_first_line: true,
            is_broken: false,
            event: Event::default(),
            has_fields: false,
            has_data: false,
            lines: Vec::new(),
        }
    }

    /// Takes the next chunk. Take all events out before: what is left of the chunk before is
    /// copied to the new one.
    pub fn push(&mut self, chunk: Bytes) {
        self.chunk = match self.chunk.is_empty() {
            true => chunk,
            false => [std::mem::take(&mut self.chunk), chunk].concat().into(),
        };
    }

    /// The next event that is complete. An event that the stream breaks off in never is. Of a
    /// decoder [`Decoder::in_pieces`], take parts instead.
    #[expect(clippy::should_implement_trait, reason = "more may come after None")]
    pub fn next(&mut self) -> Option<Result<Event, SseFault>> {
        loop {
            match self.next_part()? {
                Ok(Part::Event(event)) => return Some(Ok(event)),
                Ok(Part::Data(_) | Part::End(_)) => {}
                Err(fault) => return Some(Err(fault)),
            }
        }
    }

    /// The next event that is complete, or the next piece of one that is too large to be held.
    pub fn next_part(&mut self) -> Option<Result<Part, SseFault>> {
        while !self.is_broken {
            if let Some(piece) = self.piece() {
                return Some(Ok(Part::Data(piece)));
            }
            if self.stage == Stage::Ending {
                (self.has_fields, self.has_data, self.stage) = (false, false, Stage::Whole);
                return Some(Ok(Part::End(std::mem::take(&mut self.event))));
            }
            let Some(line) = self.line() else {
                self.hand_out();
                return self.pieces.pop_front().map(|piece| Ok(Part::Data(piece)));
            };
            let part = if line.is_empty() { self.dispatch() } else { self.field(&line) };
            let held = self.lines.len() + self.event.data.len() + self.partial.len();
            if part.is_err() || held > self.limit {
                break;
            }
            if let Ok(Some(part)) = part {
                return Some(Ok(part));
            }
        }
        self.break_off()
    }

    /// Ends the stream with a fault, once.
    fn break_off(&mut self) -> Option<Result<Part, SseFault>> {
        let fault = SseFault::TooLarge(self.limit);
        self.pieces.clear();
        (self.chunk, self.partial, self.lines) = (Bytes::new(), Vec::new(), Vec::new());
        (!std::mem::replace(&mut self.is_broken, true)).then_some(Err(fault))
    }

    /// The next whole line, without its end; keeps the start of one that is not whole. A line
    /// above the limit is cut to just above it, for [`Decoder::next`] to see.
    fn line(&mut self) -> Option<Bytes> {
        if self.stage == Stage::InLine {
            return None;
        }
        if self.after_return && !self.chunk.is_empty() {
            self.after_return = false;
            if self.chunk[0] == b'\n' {
                let _ = self.chunk.split_to(1);
            }
        }
        let Some(end) = memchr::memchr2(b'\r', b'\n', &self.chunk) else {
            let rest = std::mem::take(&mut self.chunk);
            self.partial.extend_from_slice(&rest);
            if self.partial.len() > self.limit + "data: ".len() {
                return Some(Bytes::from(std::mem::take(&mut self.partial)));
            }
            return None;
        };
        let mut line = self.chunk.split_to(end);
        self.after_return = self.chunk[0] == b'\r';
        let _ = self.chunk.split_to(1);
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(&line);
            line = std::mem::take(&mut self.partial).into();
        }
        if std::mem::take(&mut self.is_first_line) && line.starts_with("\u{feff}".as_bytes()) {
            let _ = line.split_to("\u{feff}".len());
        }
        Some(line)
    }

    /// Takes one line that is not blank.
    fn field(&mut self, line: &Bytes) -> Result<Option<Part>, SseFault> {
        if line.len() > self.limit + "data: ".len() {
            return Err(SseFault::TooLarge(self.limit));
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let mut start = (colon + 1).min(line.len());
        if line.get(start) == Some(&b' ') {
            start += 1;
        }
        let value = line.slice(start..);
        match &line[..colon] {
            b"data" if self.stage == Stage::Whole => self.data(value),
            b"data" => self.data_piece(value),
            b"event" => self.event.event = Some(value),
            b"id" if memchr::memchr(0, &value).is_none() => self.event.id = Some(value),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                let retry = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                self.event.retry = retry.or(self.event.retry);
            }
            // Comments, and fields that nobody knows.
            _ => return Ok(None),
        }
        self.has_fields = true;
        Ok(None)
    }

    fn data(&mut self, value: Bytes) {
        if !std::mem::replace(&mut self.has_data, true) {
            self.event.data = value;
            return;
        }
        if self.lines.is_empty() {
            self.lines.extend_from_slice(&std::mem::take(&mut self.event.data));
        }
        self.lines.push(b'\n');
        self.lines.extend_from_slice(&value);
    }

    fn dispatch(&mut self) -> Result<Option<Part>, SseFault> {
        if self.stage != Stage::Whole {
            self.let_go();
            self.stage = Stage::Ending;
            return Ok(None);
        }
        let mut event = std::mem::take(&mut self.event);
        let has_fields = std::mem::take(&mut self.has_fields);
        self.has_data = false;
        if !self.lines.is_empty() {
            event.data = std::mem::take(&mut self.lines).into();
        }
        if event.data.len() > self.limit {
            return Err(SseFault::TooLarge(self.limit));
        }
        Ok(has_fields.then_some(Part::Event(event)))
    }
}

#[cfg(test)]
mod tests;
