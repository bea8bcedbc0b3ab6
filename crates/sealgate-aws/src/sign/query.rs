//! Enters a raw query, leaves its canonical form: decoded, encoded again, sorted.
//!
//! Verifiers read three characters in different ways when they stand raw in a query. This is what
//! Sealgate takes them for, and why sending [`canonical_query`] instead of the raw text makes all
//! of them agree:
//!
//! | raw | botocore signs | smithy signs | AWS reads | canonical |
//! |---|---|---|---|---|
//! | `+` | `+` | `%2B` | a space, as in a form | `%20` |
//! | `:` | `:` | `%3A` | `:` | `%3A` |
//! | `/` | `/` | `%2F` | `/` | `%2F` |
//! | `%3a` | `%3a` | `%3A` | `:` | `%3A` |
//! | `&&` | an empty pair | nothing | nothing | nothing |
//!
//! A canonical query is a fixed point of all three, so what is signed is what is read.

use std::borrow::Cow;

use super::path::{UNRESERVED, escape};

/// The query in the form that every SigV4 verifier reads alike; send this rather than the raw
/// text. Borrowed when `raw` (without its `?`) is canonical already.
pub fn canonical_query(raw: &str) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(raw.len() + 16);
    append(&mut out, raw, &[]);
    if out == raw.as_bytes() {
        return Cow::Borrowed(raw);
    }
    // Only ASCII was written.
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Appends the canonical form of `raw` together with `added` pairs (whose text is not yet
/// encoded).
pub(super) fn append(out: &mut Vec<u8>, raw: &str, added: &[(&str, &str)]) {
    let pieces = raw.split('&').filter(|piece| !piece.is_empty());
    if added.is_empty() && !raw.contains('&') {
        pieces.for_each(|piece| write_pair(out, piece));
        return;
    }
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = pieces
        .map(|piece| {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            (encoded(key), encoded(value))
        })
        .collect();
    for (key, value) in added {
        pairs.push((percent_encoded(key).into_bytes(), percent_encoded(value).into_bytes()));
    }
    pairs.sort();
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(key);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// Plain text with everything but the unreserved characters (RFC 3986, 2.3) as escapes, so that it
/// can stand in a query or a form.
pub fn percent_encoded(plain: &str) -> String {
    let mut out = Vec::with_capacity(plain.len() + 8);
    plain.bytes().for_each(|byte| write_byte(&mut out, byte));
    // Only ASCII was written.
    String::from_utf8_lossy(&out).into_owned()
}

fn write_pair(out: &mut Vec<u8>, piece: &str) {
    let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
    write_text(out, key);
    out.push(b'=');
    write_text(out, value);
}

fn encoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    write_text(&mut out, text);
    out
}

/// Decodes and encodes in one step; a `%` that starts no escape stands for itself.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        if UNRESERVED[usize::from(bytes[at])] {
            at += 1;
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        let (byte, width) = match bytes[at] {
            b'+' => (b' ', 1),
            b'%' => match bytes.get(at + 1..at + 3).and_then(nibbles) {
                Some(byte) => (byte, 3),
                None => (b'%', 1),
            },
            byte => (byte, 1),
        };
        write_byte(out, byte);
        at += width;
        start = at;
    }
    out.extend_from_slice(&bytes[start..]);
}

fn write_byte(out: &mut Vec<u8>, byte: u8) {
    if UNRESERVED[usize::from(byte)] { out.push(byte) } else { escape(out, byte) }
}

fn nibbles(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)
}
