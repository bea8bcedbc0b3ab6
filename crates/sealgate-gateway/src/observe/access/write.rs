//! Enters: single values. Leaves: their bytes, without `format!`: a line costs less than a
//! microsecond this way, and several with it.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest value, in bytes; what is beyond is cut and marked.
const VALUE_LIMIT: usize = 256;
const CUT: &str = "…";

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// RFC 3339 in UTC with microseconds; the part down to the second is kept for the next line.
#[derive(Default)]
pub(super) struct Clock {
    second: u64,
    prefix: Vec<u8>,
}

// === impl Clock ===

impl Clock {
    pub(super) fn write(&mut self, out: &mut Vec<u8>, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs();
        if second != self.second || self.prefix.is_empty() {
            self.second = second;
            self.prefix.clear();
            date(&mut self.prefix, second);
        }
        out.extend_from_slice(&self.prefix);
        out.push(b'.');
        padded(out, u64::from(since.subsec_micros()), 6);
        out.push(b'Z');
    }
}

/// `YYYY-MM-DDTHH:MM:SS`, by the civil-from-days method (proleptic Gregorian calendar).
fn date(out: &mut Vec<u8>, seconds: u64) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, so that the leap day ends a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    padded(out, year, 4);
    out.push(b'-');
    padded(out, month, 2);
    out.push(b'-');
    padded(out, day, 2);
    out.push(b'T');
    padded(out, rest / 3_600, 2);
    out.push(b':');
    padded(out, rest / 60 % 60, 2);
    out.push(b':');
    padded(out, rest % 60, 2);
}

/// At least `width` digits.
fn padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while value > 0 || digits.len() - start < width {
        start -= 1;
        digits[start] = DIGITS[(value % 10) as usize];
        value /= 10;
    }
    out.extend_from_slice(&digits[start..]);
}

pub(super) fn number(out: &mut Vec<u8>, value: u64) {
    padded(out, value, 1);
}

pub(super) fn hex(out: &mut Vec<u8>, value: u32) {
    for shift in (0..8).rev() {
        out.push(DIGITS[(value >> (shift * 4) & 15) as usize]);
    }
}

pub(super) fn address(out: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            for (index, octet) in address.ip().octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                number(out, u64::from(octet));
            }
            out.push(b':');
            number(out, u64::from(address.port()));
        }
        // Writing to a `Vec` does not fail.
        SocketAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// A bare word, or a quoted string where the value would not read back as one word.
pub(super) fn text_value(out: &mut Vec<u8>, text: &str) {
    let bare = !text.is_empty()
        && text.len() <= VALUE_LIMIT
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\'));
    if bare {
        out.extend_from_slice(text.as_bytes());
    } else {
        json_string(out, text);
    }
}

/// A JSON string (RFC 8259 section 7). Control characters, DEL and the C1 range are escaped, so
/// that no value can steer a terminal or forge a line.
pub(super) fn json_string(out: &mut Vec<u8>, text: &str) {
    let kept = &text[..text.floor_char_boundary(VALUE_LIMIT)];
    out.push(b'"');
    let mut rest = kept;
    while let Some(at) = rest.bytes().position(|byte| CARE[usize::from(byte)]) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let mut characters = rest[at..].chars();
        if let Some(character) = characters.next() {
            escape(out, character);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    if kept.len() < text.len() {
        out.extend_from_slice(CUT.as_bytes());
    }
    out.push(b'"');
}

/// Whether a byte may begin a character that is escaped. C2 begins U+0080 to U+00BF, E2 the line
/// separators.
const CARE: [bool; 256] = {
    let mut care = [false; 256];
    let mut byte = 0;
    while byte < care.len() {
        care[byte] = byte < 0x20 || matches!(byte as u8, b'"' | b'\\' | 0x7f | 0xc2 | 0xe2);
        byte += 1;
    }
    care
};

fn escape(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202a}'..='\u{202e}' => {
            out.extend_from_slice(b"\\u");
            for shift in (0..4).rev() {
                out.push(DIGITS[(u32::from(character) >> (shift * 4) & 15) as usize]);
            }
        }
        other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
