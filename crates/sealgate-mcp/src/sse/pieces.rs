//! Events in pieces: the data of an event that is too large to be held goes out as it comes.

use bytes::Bytes;

use super::{Decoder, Stage};

/// Lines of an event in pieces are handed out together up to this size, in bytes.
const GATHER: usize = 16 * 1024;

impl Decoder {
    /// Hands out an event in pieces once more than `hold` bytes of it would have to be kept until
    /// the next chunk. Such events have no limit.
    #[must_use]
    pub fn in_pieces(mut self, hold: usize) -> Self {
        self.hold = hold;
        self
    }

    /// Whether an event has begun and not ended: a stream that ends here breaks off.
    pub fn is_within_event(&self) -> bool {
        self.has_fields || self.stage != Stage::Whole || !self.partial.is_empty()
    }

    /// The next piece that is ready.
    pub(super) fn piece(&mut self) -> Option<Bytes> {
        if let Some(piece) = self.pieces.pop_front() {
            return Some(piece);
        }
        if self.stage != Stage::InLine || self.chunk.is_empty() {
            return None;
        }
        let Some(end) = memchr::memchr2(b'\r', b'\n', &self.chunk) else {
            return Some(std::mem::take(&mut self.chunk));
        };
        self.stage = Stage::Pieces;
        let piece = self.chunk.split_to(end);
        self.after_return = self.chunk[0] == b'\r';
        let _ = self.chunk.split_to(1);
        if piece.is_empty() { self.pieces.pop_front() } else { Some(piece) }
    }

    /// A whole data line of an event whose start went out. Short lines go out together.
    pub(super) fn data_piece(&mut self, value: Bytes) {
        if value.len() < GATHER {
            if self.lines.is_empty() {
                self.lines.reserve(2 * GATHER);
            }
            self.lines.push(b'\n');
            self.lines.extend_from_slice(&value);
            if self.lines.len() < GATHER {
                return;
            }
            self.let_go();
        } else {
            self.lines.push(b'\n');
            self.let_go();
            self.pieces.push_back(value);
        }
    }

    /// Hands out the lines that were gathered.
    pub(super) fn let_go(&mut self) {
        if !self.lines.is_empty() {
            self.pieces.push_back(std::mem::take(&mut self.lines).into());
        }
    }

    /// Lets go of what is held, if it is too much, when the chunk is used up.
    pub(super) fn hand_out(&mut self) {
        let held = self.partial.len() + self.event.data.len() + self.lines.len();
        if self.stage == Stage::Whole && held <= self.hold {
            return;
        }
        if self.has_data && self.stage == Stage::Whole {
            self.stage = Stage::Pieces;
            let held = std::mem::take(&mut self.event.data);
            if self.lines.is_empty() && !held.is_empty() {
                self.pieces.push_back(held);
            }
        }
        if self.stage != Stage::Whole {
            self.let_go();
        }
        let mark = if self.is_first_line { "\u{feff}".as_bytes() } else { b"" };
        let mark = if self.partial.starts_with(mark) { mark.len() } else { 0 };
        // One byte more than the colon: it may be the space that is dropped.
        if self.partial.len() <= mark + 5 || !self.partial[mark..].starts_with(b"data:") {
            return;
        }
        let space = usize::from(self.partial[mark + 5] == b' ');
        let value = Bytes::from(std::mem::take(&mut self.partial)).slice(mark + 5 + space..);
        if std::mem::replace(&mut self.has_data, true) {
            self.pieces.push_back(Bytes::from_static(b"\n"));
        }
        self.pieces.extend((!value.is_empty()).then_some(value));
        (self.has_fields, self.is_first_line, self.stage) = (true, false, Stage::InLine);
    }
}
