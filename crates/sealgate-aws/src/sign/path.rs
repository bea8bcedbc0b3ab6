//! Enters a raw path, leaves its canonical form.

use std::borrow::Cow;

use super::PathRules;

/// What needs no escape in a canonical path or query: the unreserved characters of RFC 3986.
pub(super) const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let at = byte as u8;
        table[byte] = at.is_ascii_alphanumeric() || matches!(at, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// Appends the canonical form of `path`, which begins with a slash.
pub(super) fn append(out: &mut Vec<u8>, path: &str, rules: PathRules) {
    let path = if rules.normalise { normalised(path) } else { Cow::Borrowed(path) };
    if rules.double_encode {
        append_escaped(out, path.as_bytes(), |byte| UNRESERVED[usize::from(byte)] || byte == b'/');
    } else {
        // Encoded once already; only what no request target can carry is left to encode.
        append_escaped(out, path.as_bytes(), |byte| byte.is_ascii_graphic());
    }
}

/// Appends `bytes`, what is plain in whole runs and the rest as escapes.
fn append_escaped(out: &mut Vec<u8>, bytes: &[u8], plain: impl Fn(u8) -> bool) {
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !plain(byte) {
            out.extend_from_slice(&bytes[start..at]);
            escape(out, byte);
            start = at + 1;
        }
    }
    out.extend_from_slice(&bytes[start..]);
}

/// Appends `%XX`, upper case as the canonical form wants it.
pub(super) fn escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// The path without `.`, `..` and empty segments; a trailing slash stays, or appears where a dot
/// segment ended the path.
fn normalised(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut open = true;
    for segment in path.split('/') {
        open = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut result = String::with_capacity(path.len());
    for segment in &kept {
        result.push('/');
        result.push_str(segment);
    }
    if open || result.is_empty() {
        result.push('/');
    }
    Cow::Owned(result)
}
