//! Skipping: a place in JSON text → the place behind the value that stands there, checked by the
//! grammar of RFC 8259.

use super::{Odd, Reader};
use crate::envelope::MAX_DEPTH;

/// How many bytes of a string are looked at one by one: keys are shorter than this, and a search
/// costs more than it spares there.
const FEW: usize = 16;

/// Whether a byte ends a run of plain characters: a quote, a backslash or a control character.
const ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < ends.len() {
        ends[byte] = byte < 0x20 || matches!(byte as u8, b'"' | b'\\');
        byte += 1;
    }
    ends
};

impl Reader<'_> {
    /// Passes the value that begins here.
    pub(super) fn skip(&mut self) -> Result<(), Odd> {
        let base = self.depth;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    self.open(true)?;
                    self.blanks();
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                    self.at += 1;
                    self.close();
                }
                Some(b'[') => {
                    self.at += 1;
                    self.open(false)?;
                    self.blanks();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                    self.at += 1;
                    self.close();
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'n') => self.literal("null")?,
                _ => return Err(Odd),
            }
            if self.up_to_next(base)? {
                return Ok(());
            }
        }
    }

    /// From behind a value to the next one inside of the brackets above `base`; whether there is
    /// none.
    fn up_to_next(&mut self, base: usize) -> Result<bool, Odd> {
        while self.depth > base {
            self.blanks();
            let byte = self.peek();
            self.at += 1;
            match (byte, self.objects & 1 == 1) {
                (Some(b','), true) => {
                    self.blanks();
                    self.key()?;
                    return Ok(false);
                }
                (Some(b','), false) => {
                    self.blanks();
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close(),
                _ => return Err(Odd),
            }
        }
        Ok(true)
    }

    /// Passes a key, up to its value.
    fn key(&mut self) -> Result<(), Odd> {
        self.take(b'"')?;
        self.string()?;
        self.blanks();
        self.take(b':')?;
        self.blanks();
        Ok(())
    }

    /// Passes the rest of a string whose first quote was passed; whether there are escapes in it.
    pub(super) fn string(&mut self) -> Result<bool, Odd> {
        let bytes = self.text.as_bytes();
        let mut is_escaped = false;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let end = run(rest).ok_or(Odd)?;
            self.at += end + 1;
            if rest[end] == b'"' {
                return Ok(is_escaped);
            }
            is_escaped = true;
            self.at += match rest.get(end + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 1,
                Some(b'u') => {
                    let digits = rest.get(end + 2..end + 6).ok_or(Odd)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return Err(Odd);
                    }
                    5
                }
                _ => return Err(Odd),
            };
        }
    }

    fn number(&mut self) -> Result<(), Odd> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Odd> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Odd) }
    }

    fn literal(&mut self, word: &str) -> Result<(), Odd> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += word.len();
        if rest.starts_with(word.as_bytes()) { Ok(()) } else { Err(Odd) }
    }

    /// Goes into brackets.
    pub(super) fn open(&mut self, is_object: bool) -> Result<(), Odd> {
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        if self.depth > MAX_DEPTH { Err(Odd) } else { Ok(()) }
    }

    /// Goes out of them.
    pub(super) fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn take(&mut self, byte: u8) -> Result<(), Odd> {
        let found = self.peek();
        self.at += 1;
        if found == Some(byte) { Ok(()) } else { Err(Odd) }
    }

    pub(super) fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }
}

/// Where the quote or backslash stands that ends a run of plain characters; `None` if there is
/// none, or a control character before it, which JSON wants escaped.
fn run(text: &[u8]) -> Option<usize> {
    let few = &text[..text.len().min(FEW)];
    if let Some(at) = few.iter().position(|byte| ENDS[usize::from(*byte)]) {
        return (text[at] >= 0x20).then_some(at);
    }
    let rest = text.get(FEW..)?;
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    // Without an early end, so that it is compared a register at a time.
    let has_control = rest[..end].iter().fold(false, |found, byte| found | (*byte < 0x20));
    (!has_control).then_some(FEW + end)
}
