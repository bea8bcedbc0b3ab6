//! The text of one source: offsets in, lines and columns and masked excerpts out.

use std::cell::RefCell;
use std::ops::Range;

use crate::gather::Content;

/// One source's text as it stood in the file, with what must never be shown marked.
pub(crate) struct SourceText {
    /// As people named it.
    pub(crate) name: String,
    text: Content,
    lines: Vec<usize>,
    masks: RefCell<Vec<Range<usize>>>,
}

/// A line (or the middle of a long one) that can be shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

// === impl SourceText ===

impl SourceText {
    /// Bytes shown on either side of a place in a long line.
    const WINDOW: usize = 160;

    pub(crate) fn new(name: String, text: Content) -> Self {
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(i, _)| i + 1))
            .collect();
        Self { name, text, lines, masks: RefCell::default() }
    }

    /// Never show these bytes.
    pub(crate) fn mask(&self, span: Range<usize>) {
        self.masks.borrow_mut().push(span);
    }

    /// Hides user name, password and query of a URL or path at `span`.
    pub(crate) fn mask_url(&self, span: &Range<usize>) {
        let (start, end) = (self.boundary(span.start), self.boundary(span.end));
        let text = &self.text[start..end.max(start)];
        if let Some(at) = text.find('@') {
            let from = text[..at].find("://").map_or(0, |scheme| scheme + 3);
            self.mask(start + from..start + at);
        }
        if let Some(query) = text.find('?') {
            self.mask(start + query + 1..end);
        }
    }

    /// Hides what follows the first `:` on the line of `offset`, for lines that could not be
    /// understood and so may hold a secret.
    pub(crate) fn mask_values_around(&self, offset: usize) {
        let (line, _) = self.position(offset);
        let start = self.lines[line - 1];
        let end = self.lines.get(line).map_or(self.text.len(), |next| next - 1);
        let shown = self.text[start..end].find(':').map_or(0, |colon| colon + 1);
        self.mask(start + shown..end);
    }

    /// Line and column, both from 1; columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let start = self.lines[line - 1];
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// The line on which `span` starts, masked, and where in it the span lies.
    pub(crate) fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let start = self.boundary(span.start);
        let (line, _) = self.position(start);
        let first = self.lines[line - 1];
        let last = self.lines.get(line).map_or(self.text.len(), |next| next - 1);
        let from = self.boundary(first.max(start.saturating_sub(Self::WINDOW)));
        let to = self.boundary(last.min(start + Self::WINDOW)).max(start);
        let end = self.boundary(span.end).clamp(start, to.max(start));
        let masks = self.masks.borrow();
        let near: Vec<_> = masks.iter().filter(|mask| mask.start < to && mask.end > from).collect();
        let hidden = |offset| near.iter().any(|mask| mask.contains(&offset));
        let mut text = String::with_capacity(to - from);
        for (offset, character) in self.text[from..to].char_indices() {
            if hidden(from + offset) && !character.is_whitespace() {
                // Same length in bytes, so that the span still points at the same place.
                text.extend(std::iter::repeat_n('*', character.len_utf8()));
            } else {
                text.push(character);
            }
        }
        text.truncate(text.trim_end().len().max(end - from));
        Excerpt { text, span: start - from..end - from }
    }

    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }
}

#[cfg(test)]
mod tests;
