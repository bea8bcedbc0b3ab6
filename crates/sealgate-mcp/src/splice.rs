//! Splices: a body and edits by position → the edited body. What no edit names keeps its bytes.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

/// Edits of one body, collected in any order.
#[derive(Debug)]
pub struct Splice<'a> {
    body: &'a [u8],
    edits: Vec<Edit<'a>>,
}

#[derive(Debug)]
struct Edit<'a> {
    range: Range<usize>,
    text: Cow<'a, [u8]>,
}

impl<'a> Splice<'a> {
    /// Starts without edits.
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, edits: Vec::new() }
    }

    /// Puts `text` in the place of `range`, which must lie in the body and must not overlap the
    /// range of another edit.
    pub fn replace(&mut self, range: Range<usize>, text: impl Into<Cow<'a, [u8]>>) {
        debug_assert!(range.start <= range.end && range.end <= self.body.len());
        self.edits.push(Edit { range, text: text.into() });
    }

    /// Puts `text` before the byte at `place`. Several at one place stand in the order of the
    /// calls.
    pub fn insert(&mut self, place: usize, text: impl Into<Cow<'a, [u8]>>) {
        self.replace(place..place, text);
    }

    /// Cuts `range` out.
    pub fn remove(&mut self, range: Range<usize>) {
        self.replace(range, &b""[..]);
    }

    /// Inserts `members` (`"key":value`, comma-separated) as the first of the object whose brace
    /// stands at `open_brace`; `is_empty` tells whether it has none yet, so that the comma is
    /// right. Use it at most once an object.
    pub fn insert_members(&mut self, open_brace: usize, is_empty: bool, members: &[u8]) {
        let mut text = members.to_vec();
        if !is_empty {
            text.push(b',');
        }
        self.insert(open_brace + 1, text);
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The edited body. An edit that overlaps one before it, or leaves the body, is a bug of the
    /// caller: debug builds stop there, release builds leave that edit out.
    pub fn finish(mut self) -> Bytes {
        // Stable: several insertions at one place keep their order, and stand before a
        // replacement that starts there.
        self.edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let added: usize = self.edits.iter().map(|edit| edit.text.len()).sum();
        let mut edited = Vec::with_capacity(self.body.len() + added);
        let mut from = 0;
        for edit in &self.edits {
            let kept = self.body.get(from..edit.range.start);
            debug_assert!(kept.is_some(), "overlapping edits");
            let Some(kept) = kept else { continue };
            edited.extend_from_slice(kept);
            edited.extend_from_slice(&edit.text);
            from = edit.range.end.min(self.body.len());
        }
        edited.extend_from_slice(self.body.get(from..).unwrap_or_default());
        Bytes::from(edited)
    }
}

#[cfg(test)]
mod tests;
