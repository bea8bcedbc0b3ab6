//! Enters a request and its signed headers, leaves the canonical request and its signature.

use std::sync::OnceLock;

use aws_lc_rs::{digest, hmac};

use super::asymmetric::AsymmetricKey;
use super::date::Timestamp;
use super::headers::{Signed, append_value};
use super::key::DayKey;
use super::{PathRules, Payload, SignError, SignRequest, hex, path, query};

/// Room for the longest signature: a DER-encoded P-256 pair has up to 72 bytes.
pub(super) const SIGNATURE_CAPACITY: usize = 144;

const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";

/// The canonical request of one signature.
pub(super) struct Canonical {
    text: Vec<u8>,
    /// Where the canonical request ends and the string to sign begins.
    length: usize,
    signed_headers: std::ops::Range<usize>,
}

/// A request target and the two lines that stand for it, worked out once: most who sign ask one
/// target over and over.
pub(super) struct KnownTarget {
    target: Box<str>,
    lines: Box<[u8]>,
}

/// What the payload is called in the canonical request.
pub(super) struct PayloadText {
    text: [u8; 64],
    length: usize,
}

impl Canonical {
    pub(super) fn new(
        request: &SignRequest<'_>,
        rules: PathRules,
        signed: &Signed<'_>,
        payload: &[u8],
        known: &OnceLock<KnownTarget>,
    ) -> Result<Self, SignError> {
        let target = request.path_and_query;
        if known.get().is_none() && target.starts_with('/') {
            // Two threads may both have worked it out; either will do.
            let _ = known.set(KnownTarget::new(target, rules));
        }
        let known = known.get().filter(|known| *known.target == *target);
        Self::build(request, rules, signed, payload, &[], known)
    }

    /// The same with further query pairs, as a presigned URL carries them.
    pub(super) fn with_query(
        request: &SignRequest<'_>,
        rules: PathRules,
        signed: &Signed<'_>,
        payload: &[u8],
        added: &[(&str, &str)],
    ) -> Result<Self, SignError> {
        Self::build(request, rules, signed, payload, added, None)
    }

    fn build(
        request: &SignRequest<'_>,
        rules: PathRules,
        signed: &Signed<'_>,
        payload: &[u8],
        added: &[(&str, &str)],
        known: Option<&KnownTarget>,
    ) -> Result<Self, SignError> {
        let target = request.path_and_query;
        if !target.starts_with('/') {
            return Err(SignError::Target);
        }
        let headers = signed.sorted();
        let size: usize =
            headers.iter().map(|(name, value)| 2 * name.len() + value.len() + 3).sum();
        // Room for the string to sign as well, and for a path full of escapes of escapes.
        let mut text = Vec::with_capacity(size + 2 * target.len() + 320);

        text.extend_from_slice(request.method.as_str().as_bytes());
        text.push(b'\n');
        match known {
            Some(known) => text.extend_from_slice(&known.lines),
            None => append_target(&mut text, target, rules, added),
        }

        let mut previous = "";
        for (name, value) in headers.iter() {
            if *name == previous {
                text.push(b',');
            } else {
                if !previous.is_empty() {
                    text.push(b'\n');
                }
                text.extend_from_slice(name.as_bytes());
                text.push(b':');
            }
            append_value(&mut text, value);
            previous = name;
        }
        text.extend_from_slice(b"\n\n");

        let start = text.len();
        previous = "";
        for (name, _) in headers.iter() {
            if *name == previous {
                continue;
            }
            if !previous.is_empty() {
                text.push(b';');
            }
            text.extend_from_slice(name.as_bytes());
            previous = name;
        }
        let signed_headers = start..text.len();
        text.push(b'\n');
        text.extend_from_slice(payload);
        Ok(Self { length: text.len(), text, signed_headers })
    }

    /// `content-type;host;x-amz-date`.
    pub(super) fn signed_headers(&self) -> &[u8] {
        &self.text[self.signed_headers.clone()]
    }

    /// The canonical request itself.
    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.length]
    }

    /// The string to sign, built behind the canonical request in the same allocation.
    pub(super) fn string_to_sign(&mut self, time: &Timestamp, day: &DayKey) -> &[u8] {
        let digest = sha256(self.text());
        self.text.truncate(self.length);
        self.text.extend_from_slice(day.algorithm.as_bytes());
        self.text.push(b'\n');
        self.text.extend_from_slice(time.as_bytes());
        self.text.push(b'\n');
        self.text.extend_from_slice(&day.scope);
        self.text.push(b'\n');
        self.text.extend_from_slice(&hex::digest_text(&digest));
        &self.text[self.length..]
    }

    /// The signature in hexadecimal, written to `out`.
    pub(super) fn sign<'out>(
        &mut self,
        time: &Timestamp,
        day: &DayKey,
        asymmetric: Option<&AsymmetricKey>,
        out: &'out mut [u8; SIGNATURE_CAPACITY],
    ) -> Result<&'out [u8], SignError> {
        let to_sign = self.string_to_sign(time, day);
        let length = match asymmetric {
            None => {
                let tag = hmac::sign(&day.key, to_sign);
                hex::write(tag.as_ref(), out);
                2 * tag.as_ref().len()
            }
            Some(key) => {
                let signature = key.sign(to_sign)?;
                hex::write(signature.as_ref(), out);
                2 * signature.as_ref().len()
            }
        };
        Ok(&out[..length])
    }
}

impl KnownTarget {
    fn new(target: &str, rules: PathRules) -> Self {
        let mut lines = Vec::with_capacity(2 * target.len());
        append_target(&mut lines, target, rules, &[]);
        Self { target: target.into(), lines: lines.into() }
    }
}

/// The lines of the path and of the query.
fn append_target(text: &mut Vec<u8>, target: &str, rules: PathRules, added: &[(&str, &str)]) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    path::append(text, path, rules);
    text.push(b'\n');
    query::append(text, query, added);
    text.push(b'\n');
}

impl std::ops::Deref for PayloadText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

/// The digest in hexadecimal, or `UNSIGNED-PAYLOAD`.
pub(super) fn payload_text(payload: Payload<'_>) -> PayloadText {
    let text = match payload {
        Payload::Bytes(bytes) => hex::digest_text(&sha256(bytes)),
        Payload::Digest(digest) => hex::digest_text(&digest),
        Payload::Unsigned => {
            let mut text = [0; 64];
            text[..UNSIGNED.len()].copy_from_slice(UNSIGNED);
            return PayloadText { text, length: UNSIGNED.len() };
        }
    };
    PayloadText { text, length: 64 }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
