//! Event ids of merged streams: the last event id of each backend ↔ one id that fits an SSE line
//! and the `Last-Event-ID` header: `0.abc,2.x-1`.
//!
//! They are neither sealed nor stamped, on purpose. They come with every event, and what is in
//! them the client may know and change: its backends' own event ids, which as their direct client
//! it would see and could send as it likes. They lead nowhere without the session token, which is
//! sealed, and a backend is asked only within the session that the token names. The number is the
//! backend's place in that token, so that it tells nothing of the configuration.

use std::fmt::Write;

/// The longest id that is read or written, in bytes; it comes back in a header.
pub const MAX_LENGTH: usize = 4096;
/// How many backends one id may name.
const MAX_BACKENDS: usize = 256;

/// The last event of each backend on one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEvents {
    /// By backend: the id, escaped for a line. Empty texts are none.
    escaped: Vec<Option<Box<str>>>,
}

impl LastEvents {
    /// Notes the id of an event of the backend at `place` in the session token.
    pub fn note(&mut self, place: usize, id: &str) {
        if place < MAX_BACKENDS {
            if self.escaped.len() <= place {
                self.escaped.resize(place + 1, None);
            }
            self.escaped[place] = Some(escape(id).into());
        }
    }

    /// The id for the client; `None` if there is nothing to resume, or it would be longer than
    /// [`MAX_LENGTH`]: the stream then cannot be resumed from here, as if the backend had sent no
    /// id.
    pub fn write(&self) -> Option<String> {
        let mut text = String::new();
        for (place, escaped) in self.escaped.iter().enumerate() {
            if let Some(escaped) = escaped {
                let comma = if text.is_empty() { "" } else { "," };
                // Writing to a String cannot fail.
                let _ = write!(text, "{comma}{place}.{escaped}");
            }
        }
        (!text.is_empty() && text.len() <= MAX_LENGTH).then_some(text)
    }

    /// Reads what a client sends back; `None` if it is none of ours.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let mut last = Self::default();
        for entry in text.split(',') {
            let (place, escaped) = entry.split_once('.')?;
            let is_number = place.bytes().all(|byte| byte.is_ascii_digit());
            let place: usize = place.parse().ok().filter(|place| *place < MAX_BACKENDS)?;
            unescape(escaped)?;
            if !is_number || last.escaped.len() > place {
                return None;
            }
            last.escaped.resize(place + 1, None);
            last.escaped[place] = Some(escaped.into());
        }
        Some(last)
    }

    /// The last event id of the backend at `place`, as that backend wrote it.
    pub fn of(&self, place: usize) -> Option<String> {
        unescape(self.escaped.get(place)?.as_deref()?)
    }
}

/// Everything outside visible ASCII becomes `%XX`, and so do `%` and the comma.
fn escape(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'%' && byte != b',' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let pair = digit()? * 16 + digit()?;
                bytes.push(u8::try_from(pair).ok()?);
            }
            b'!'..=b'~' => bytes.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
