//! Event ids of merged streams: the last event id of each backend ↔ one id that fits an SSE line
//! and the `Last-Event-ID` header: `0.abc,2.x-1`. On the stream that answers one request they also
//! name that request, upstream and as the client knows it (`0.abc;17;1`): whichever replica the
//! client resumes at can then give the answer the client's id.
//!
//! They are neither sealed nor stamped, on purpose. They come with every event, and what is in
//! them the client may know and change: its backends' own event ids, which as their direct client
//! it would see and could send as it likes. They lead nowhere without the session token, which is
//! sealed, and a backend is asked only within the session that the token names. The number is the
//! backend's place in that token, so that it tells nothing of the configuration.

use std::fmt::Write;

use crate::envelope::is_id;

/// The longest id that is read or written, in bytes; it comes back in a header.
pub const MAX_LENGTH: usize = 4096;
/// How many backends one id may name.
const MAX_BACKENDS: usize = 256;

/// The last event of each backend on one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEvents {
    /// By backend: the id, escaped for a line. Empty texts are none.
    escaped: Vec<Option<Box<str>>>,
    request: Option<Request>,
}

/// The request that a stream answers: its ids, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Under which the backend knows it.
    pub upstream: Box<str>,
    /// Under which the client knows it.
    pub client: Box<str>,
}

impl LastEvents {
    /// For the stream that answers this request.
    pub fn answering(upstream: &str, client: &str) -> Self {
        let request = Request { upstream: upstream.into(), client: client.into() };
        Self { escaped: Vec::new(), request: Some(request) }
    }

    /// The request that the stream answers; `None` on the stream of what is said unasked.
    pub fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }

    /// The places of the backends that have a last event.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.escaped.iter().enumerate().filter(|(_, id)| id.is_some()).map(|(place, _)| place)
    }

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
        if let (Some(request), false) = (&self.request, text.is_empty()) {
            let _ = write!(text, ";{};{}", escape(&request.upstream), escape(&request.client));
        }
        (!text.is_empty() && text.len() <= MAX_LENGTH).then_some(text)
    }

    /// Reads what a client sends back; `None` if it is none of ours.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let mut last = Self::default();
        let (text, request) = text.split_once(';').map_or((text, None), |(a, b)| (a, Some(b)));
        if let Some(request) = request {
            let (upstream, client) = request.split_once(';')?;
            let (upstream, client) = (unescape(upstream)?, unescape(client)?);
            if !is_request_id(&upstream) || !is_request_id(&client) {
                return None;
            }
            last = Self::answering(&upstream, &client);
        }
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

/// Whether a text that came from outside may stand as an id in a message.
fn is_request_id(text: &str) -> bool {
    let is_json = |text| serde_json::from_str::<&serde_json::value::RawValue>(text);
    is_json(text).is_ok_and(|raw| raw.get() == text && is_id(text))
}

/// Everything outside visible ASCII becomes `%XX`, and so do `%`, the comma and the semicolon.
fn escape(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'%' | b',' | b';') => out.push(char::from(byte)),
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
