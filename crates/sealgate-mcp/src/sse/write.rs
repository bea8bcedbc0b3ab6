//! Writing events: a message → the text of one server-sent event.

/// A comment that keeps idle connections open; readers skip it.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// Appends `data` as one event, of the default type `message`. Line ends in `data`, which in JSON
/// stand only between tokens, become the ends of data lines. `id` must have no line end and no
/// NUL; one that has is left out.
pub fn write_event(out: &mut Vec<u8>, id: Option<&str>, data: &[u8]) {
    out.reserve(data.len() + id.map_or(0, str::len) + 16);
    write_id(out, id);
    let mut rest = data;
    out.extend_from_slice(b"data: ");
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(b"\ndata: ");
        let is_pair = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(is_pair)..];
    }
    out.extend_from_slice(rest);
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

fn write_id(out: &mut Vec<u8>, id: Option<&str>) {
    if let Some(id) = id.filter(|id| !id.contains(['\r', '\n', '\0'])) {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
}
