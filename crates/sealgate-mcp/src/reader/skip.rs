//! Skipping: a place in JSON text → the place behind the value that stands there, checked by the
//! grammar of RFC 8259.

use super::{Odd, Reader};
use crate::envelope::MAX_DEPTH;

/// How much of a string is looked at a word at a time: keys are shorter than this, and a search
/// costs more than it spares there.
const FEW: usize = 16;
const WORD: usize = size_of::<u64>();

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
    for at in (0..FEW).step_by(WORD) {
        let rest = text.get(at..)?;
        let Some(word) = rest.first_chunk() else {
            let end = rest.iter().position(|byte| ends(*byte))?;
            return (rest[end] >= 0x20).then_some(at + end);
        };
        if let Some(end) = first_end(u64::from_le_bytes(*word)) {
            return (rest[end] >= 0x20).then_some(at + end);
        }
    }
    let rest = text.get(FEW..)?;
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    // Without an early end, so that it is compared a register at a time.
    let has_control = rest[..end].iter().fold(false, |found, byte| found | (*byte < 0x20));
    (!has_control).then_some(FEW + end)
}

/// Whether a byte ends a run of plain characters: a quote, a backslash or a control character.
fn ends(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\')
}

/// The first byte of a little-endian word that [`ends`] a run. A byte with its high bit set does
/// not, and one below a bound is the first to borrow when the bound is taken from each: what is
/// marked above the first mark may be wrong, the first is right.
fn first_end(word: u64) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let marks = (below(word, 0x20) | is(b'"') | is(b'\\')) & (ONES << 7);
    (marks != 0).then(|| marks.trailing_zeros() as usize / WORD)
}
