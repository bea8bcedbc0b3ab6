//! Enters: a body in a content coding (RFC 9110 section 8.4.1). Leaves: the body itself, a bounded
//! step at a time.
//!
//! The gateway asks for no coding: messages are small, and compressing them costs both sides more
//! time than it saves. But a server, or a proxy before it, may compress unasked.

use std::io::Write;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::Bytes;
use flate2::write::GzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// How much of the coded bytes is taken at a time: gzip makes at most a thousand times as much.
const STEP: usize = 256;
/// How much brotli gives at a time.
const OUTPUT: usize = 16 * 1024;
/// A body may grow to this, whatever it was; beyond, [`RATIO`] counts.
const ALWAYS: u64 = 64 * 1024 * 1024;
/// How many times its size a larger body may grow to: what is above was made to do harm.
const RATIO: u64 = 100;

/// A coding and where it stands.
pub(super) struct Coding {
    decoder: Decoder,
    input: Bytes,
    taken: u64,
    given: u64,
    is_done: bool,
}

enum Decoder {
    Gzip(Box<GzDecoder<Vec<u8>>>),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
}

impl Coding {
    /// The coding of a body, if it has one that is known.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
        let is = |name: &str| coding.eq_ignore_ascii_case(name);
        let decoder = if is("gzip") || is("x-gzip") {
            Decoder::Gzip(Box::new(GzDecoder::new(Vec::new())))
        } else if is("br") {
            // The strict state has windows of at most 16 MiB, as RFC 7932 says.
            let alloc = StandardAlloc::default;
            Decoder::Brotli(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
        } else {
            return None;
        };
        Some(Self { decoder, input: Bytes::new(), taken: 0, given: 0, is_done: false })
    }

    /// Takes the next coded bytes. Everything that came of those before must be out.
    pub(super) fn push(&mut self, data: Bytes) {
        self.input = data;
    }

    /// What comes next of the body; `None` when more coded bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            let step = self.input.len().min(STEP);
            let (used, data) = match &mut self.decoder {
                _ if self.is_done => return Ok(None),
                Decoder::Gzip(decoder) => {
                    if step == 0 {
                        return Ok(None);
                    }
                    let used = decoder.write(&self.input[..step]).map_err(|e| e.to_string())?;
                    decoder.flush().map_err(|error| error.to_string())?;
                    // What stands behind the end is no part of the body.
                    self.is_done = used == 0;
                    (used, std::mem::take(decoder.get_mut()))
                }
                Decoder::Brotli(state) => {
                    let mut output = vec![0; OUTPUT];
                    let (mut left, mut used) = (self.input.len(), 0);
                    let (mut room, mut made, mut total) = (OUTPUT, 0, 0);
                    let result = BrotliDecompressStream(
                        &mut left,
                        &mut used,
                        &self.input,
                        &mut room,
                        &mut made,
                        &mut output,
                        &mut total,
                        state,
                    );
                    match result {
                        BrotliResult::ResultFailure => return Err("not brotli".to_owned()),
                        BrotliResult::ResultSuccess => self.is_done = true,
                        BrotliResult::NeedsMoreInput if made == 0 => {
                            self.take(used, 0)?;
                            return Ok(None);
                        }
                        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
                    }
                    output.truncate(made);
                    (used, output)
                }
            };
            self.take(used, data.len())?;
            if !data.is_empty() {
                return Ok(Some(data.into()));
            }
        }
    }

    /// The coded bytes are over.
    pub(super) fn finish(&mut self) -> Result<Option<Bytes>, String> {
        match &mut self.decoder {
            Decoder::Gzip(decoder) if self.taken > 0 => {
                decoder.try_finish().map_err(|error| error.to_string())?;
                self.is_done = true;
                let rest = std::mem::take(decoder.get_mut());
                Ok((!rest.is_empty()).then(|| rest.into()))
            }
            Decoder::Brotli(_) if self.taken > 0 && !self.is_done => {
                Err("the brotli stream breaks off".to_owned())
            }
            _ => Ok(None),
        }
    }

    fn take(&mut self, used: usize, made: usize) -> Result<(), String> {
        let _ = self.input.split_to(used);
        self.taken += used as u64;
        self.given += made as u64;
        if self.given > ALWAYS && self.given / RATIO > self.taken {
            return Err(format!("it grows to more than {RATIO} times its size"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
