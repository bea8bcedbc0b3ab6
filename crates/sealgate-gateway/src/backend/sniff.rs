//! Enters: a response to a request, declared as JSON or as an event stream. Leaves: which of the two
//! it is, by its first bytes: some servers declare one and send the other.

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;

use super::Opened;
use super::answer::essence;
use crate::fail::BackendError;
use crate::upstream::Body;

/// How many blanks are passed over before the first telling byte.
const BLANKS: usize = 1024;
/// Some servers begin a body with a byte order mark, which is no part of JSON (RFC 8259
/// section 8.1).
const MARK: &[u8] = "\u{feff}".as_bytes();
/// What the first line of an event stream may begin with.
const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];

/// Content codings that the body is free of by now.
const CODINGS: [&str; 5] = ["gzip", "x-gzip", "br", "identity", ""];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Json,
    Events,
    Nothing,
}

/// Waits for the first bytes of the body.
pub(super) async fn open(response: Response<Body>) -> Result<Opened, BackendError> {
    let declared = declared(&response)?;
    if let Some(coding) = response.headers().get(CONTENT_ENCODING)
        && !CODINGS.iter().any(|known| coding.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
    {
        let coding = String::from_utf8_lossy(coding.as_bytes()).chars().take(100).collect();
        return Err(BackendError::ContentCoding(coding));
    }
    let (head, mut body) = response.into_parts();
    let mut start = Bytes::new();
    let at = loop {
        if let Some(at) = telling(&start) {
            break Some(at);
        }
        match body.frame().await {
            Some(frame) => {
                let data = frame?.into_data().unwrap_or_default();
                start = if start.is_empty() { data } else { [start, data].concat().into() };
            }
            None => break None,
        }
    };
    let text = &start[at.unwrap_or(start.len())..];
    let is_json = text.starts_with(b"{") || text.starts_with(b"[");
    let is_events = !text.is_empty()
        && FIELDS.iter().any(|field| text.starts_with(field) || field.starts_with(text));
    match declared {
        Declared::Json if text.is_empty() => {
            Err(BackendError::NotJsonRpc("the body is empty".to_owned()))
        }
        Declared::Nothing if !is_json && !is_events => {
            Err(BackendError::ContentType(String::new()))
        }
        Declared::Events if is_json => Ok(json(head, body, &start, at)),
        Declared::Json | Declared::Nothing if !is_events => Ok(json(head, body, &start, at)),
        _ => Ok(Opened::Events(Response::from_parts(head, body.unread(start)))),
    }
}

fn json(head: http::response::Parts, body: Body, start: &Bytes, at: Option<usize>) -> Opened {
    let rest = start.slice(at.unwrap_or(0)..);
    Opened::Json(Response::from_parts(head, body.unread(rest)))
}

fn declared(response: &Response<Body>) -> Result<Declared, BackendError> {
    let essence = essence(response.headers());
    match essence {
        _ if essence.eq_ignore_ascii_case("application/json") => Ok(Declared::Json),
        _ if essence.eq_ignore_ascii_case("text/event-stream") => Ok(Declared::Events),
        _ if !response.headers().contains_key(CONTENT_TYPE) => Ok(Declared::Nothing),
        _ => Err(BackendError::ContentType(essence.chars().take(100).collect())),
    }
}

/// Where the first byte stands that is neither mark nor blank.
fn telling(start: &[u8]) -> Option<usize> {
    if start.len() < MARK.len() && MARK.starts_with(start) {
        return None;
    }
    let mark = if start.starts_with(MARK) { MARK.len() } else { 0 };
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let blanks = start[mark..].iter().take_while(|byte| is_blank(byte)).count();
    (mark + blanks < start.len() || blanks > BLANKS).then_some((mark + blanks).min(start.len()))
}
