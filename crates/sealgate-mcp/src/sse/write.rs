//! Writing events: a message → the text of one server-sent event.

use bytes::Bytes;

/// A comment that keeps idle connections open; readers skip it.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// What a line of data begins with.
const FIELD: &[u8] = b"data: ";

/// Appends `data` as one event, of the default type `message`. Line ends in `data`, which in JSON
/// stand only between tokens, become the ends of data lines. `id` must have no line end and no
/// NUL; one that has is left out.
pub fn write_event(out: &mut Vec<u8>, id: Option<&str>, data: &[u8]) {
    out.reserve(data.len() + id.map_or(0, str::len) + 16);
    write_id(out, id);
    out.extend_from_slice(FIELD);
    write_lines(out, data);
    out.extend_from_slice(b"\n\n");
}

/// Appends a priming event (MCP 2025-11-25): an id to resume from before there is any message,
/// and after how many milliseconds to connect again.
pub fn write_priming(out: &mut Vec<u8>, id: &str, retry: Option<u64>) {
    write_id(out, Some(id));
    if let Some(retry) = retry {
        out.extend_from_slice(format!("retry: {retry}\n").as_bytes());
    }
    out.extend_from_slice(b"data: \n\n");
}

/// Writes one event whose data comes in pieces. The id goes last, where a reader takes it as well.
#[derive(Debug, Default)]
pub struct PieceWriter {
    has_begun: bool,
    after_return: bool,
}

impl PieceWriter {
    /// The text for the next bytes of the data.
    pub fn piece(&mut self, data: Bytes) -> Bytes {
        let Some(&last) = data.last() else { return data };
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        let after_return = self.after_return;
        self.after_return = last == b'\r';
        if has_begun && memchr::memchr2(b'\r', b'\n', &data).is_none() {
            return data;
        }
        // All at once: a vector that grows leaves one of each smaller size behind.
        let ends = memchr::memchr2_iter(b'\r', b'\n', &data).count();
        let mut out = Vec::with_capacity(data.len() + (ends + 1) * FIELD.len());
        if !has_begun {
            out.extend_from_slice(FIELD);
        }
        // The second half of a line end whose first half ended the piece before.
        let skipped = usize::from(after_return && data[0] == b'\n');
        write_lines(&mut out, &data[skipped..]);
        out.into()
    }

    /// The text that ends the event.
    pub fn end(self, id: Option<&str>) -> Vec<u8> {
        let mut out = b"\n".to_vec();
        write_id(&mut out, id);
        out.push(b'\n');
        out
    }

    /// The text that ends an event whose data broke off: it gets a type that no reader of MCP
    /// knows, so that its half of a message is passed over.
    pub const fn abandon() -> &'static [u8] {
        b"\nevent: broken-off\n\n"
    }
}

/// Data whose line ends become the ends of data lines.
fn write_lines(out: &mut Vec<u8>, data: &[u8]) {
    let mut rest = data;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..end]);
        out.push(b'\n');
        out.extend_from_slice(FIELD);
        let is_pair = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(is_pair)..];
    }
    out.extend_from_slice(rest);
}

fn write_id(out: &mut Vec<u8>, id: Option<&str>) {
    if let Some(id) = id.filter(|id| !id.contains(['\r', '\n', '\0'])) {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
}
