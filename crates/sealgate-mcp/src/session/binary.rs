//! The plain bytes inside a session token: a [`SessionToken`] ↔ a compact binary form.
//!
//! Format byte, route (8), principal (16), expiry (varint), version, log level, the client's three
//! texts (varint length each), count of backends, and for each: hash (4), era and kind of session
//! id in one byte, offers (2), session id. Numbers are little-endian; lengths are LEB128.

use super::phrases;
use super::{BackendSession, ClientFacts, SessionToken};
use crate::capability::Offers;
use crate::era::Era;
use crate::log_level::LogLevel;
use crate::version::Version;

const FORMAT: u8 = 1;

/// How a backend's session id is written: most are UUIDs, which fit 16 bytes.
const NO_ID: u8 = 0;
const UUID: u8 = 1;
const HEX: u8 = 2;
const TEXT: u8 = 3;

pub(super) fn encode(session: &SessionToken) -> Vec<u8> {
    let capabilities = phrases::shorten(&session.client.capabilities);
    let mut out = Vec::with_capacity(64 + capabilities.len() + 24 * session.backends.len());
    out.push(FORMAT);
    out.extend_from_slice(&session.route.to_le_bytes());
    out.extend_from_slice(&session.principal);
    put_number(&mut out, session.expires_at);
    out.push(session.version.number());
    out.push(session.log_level.map_or(0, |level| level as u8));
    put_bytes(&mut out, &capabilities);
    put_bytes(&mut out, session.client.name.as_bytes());
    put_bytes(&mut out, session.client.version.as_bytes());
    put_number(&mut out, session.backends.len() as u64);
    for backend in &session.backends {
        put_backend(&mut out, backend);
    }
    out
}

/// Reads what [`encode`] wrote; `None` for anything else.
pub(super) fn decode(plain: &[u8]) -> Option<SessionToken> {
    let mut rest = plain;
    let rest = &mut rest;
    if take_byte(rest)? != FORMAT {
        return None;
    }
    let route = u64::from_le_bytes(take_array(rest)?);
    let principal = take_array(rest)?;
    let expires_at = take_number(rest)?;
    let version = Version::from_number(take_byte(rest)?)?;
    let log_level = match take_byte(rest)? {
        0 => None,
        number => Some(LogLevel::from_number(number)?),
    };
    let capabilities = phrases::restore(take_bytes(rest)?)?.into();
    let name = take_text(rest)?;
    let client = ClientFacts { capabilities, name, version: take_text(rest)? };
    let count = usize::try_from(take_number(rest)?).ok()?;
    // Each takes 7 bytes at least, so a forged count cannot reserve much.
    let mut backends = Vec::with_capacity(count.min(rest.len() / 7));
    for _ in 0..count {
        backends.push(take_backend(rest)?);
    }
    let session =
        SessionToken { route, principal, expires_at, version, log_level, client, backends };
    rest.is_empty().then_some(session)
}

fn put_backend(out: &mut Vec<u8>, session: &BackendSession) {
    out.extend_from_slice(&session.backend.to_le_bytes());
    let kind_at = out.len();
    out.push(0);
    out.extend_from_slice(&session.offers.bits().to_le_bytes());
    let kind = match session.session_id.as_deref() {
        None => NO_ID,
        Some(id) => match pack(id) {
            Some((kind, packed)) => {
                out.extend_from_slice(&packed);
                kind
            }
            None => {
                put_bytes(out, id.as_bytes());
                TEXT
            }
        },
    };
    out[kind_at] = session.era.number() << 2 | kind;
}

fn take_backend(rest: &mut &[u8]) -> Option<BackendSession> {
    let backend = u32::from_le_bytes(take_array(rest)?);
    let shape = take_byte(rest)?;
    let era = Era::from_number(shape >> 2)?;
    let offers = Offers::from_bits(u16::from_le_bytes(take_array(rest)?));
    let session_id = match shape & 0b11 {
        NO_ID => None,
        TEXT => Some(take_text(rest)?),
        kind => Some(unpack(kind, &take_array(rest)?)),
    };
    Some(BackendSession { backend, session_id, era, offers })
}

/// Packs a UUID, or 32 hex digits, in lower case: what packs must unpack to the very same text.
fn pack(id: &str) -> Option<(u8, [u8; 16])> {
    let kind = match id.len() {
        36 => UUID,
        32 => HEX,
        _ => return None,
    };
    let mut packed = [0; 16];
    let mut digits = 0;
    for (at, byte) in id.bytes().enumerate() {
        if kind == UUID && matches!(at, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        packed[digits / 2] |= digit << (4 * (1 - digits % 2));
        digits += 1;
    }
    Some((kind, packed))
}

fn unpack(kind: u8, packed: &[u8; 16]) -> Box<str> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut id = String::with_capacity(36);
    for (at, byte) in packed.iter().enumerate() {
        if kind == UUID && matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.push(char::from(DIGITS[usize::from(byte >> 4)]));
        id.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    id.into()
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*array)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

fn take_text(rest: &mut &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(take_bytes(rest)?).ok().map(Box::from)
}
