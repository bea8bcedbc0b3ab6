//! Depth: valid JSON → whether it nests deeper than a limit.

/// Whether `json`, which must be valid, nests deeper than `limit`.
///
/// Counting the openers, strings included, runs at memory speed and settles nearly every message;
/// only one with more openers than `limit` is walked.
pub(super) fn exceeds(json: &[u8], limit: usize) -> bool {
    openers(json) > limit && walk(json, limit)
}

/// How many `{` and `[` there are. They differ in one bit; counting in bytes, which blocks of 255
/// cannot overflow, lets the compiler compare a whole register at once.
fn openers(json: &[u8]) -> usize {
    let count =
        |block: &[u8]| -> u8 { block.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum() };
    json.chunks(255).map(|block| usize::from(count(block))).sum()
}

fn walk(json: &[u8], limit: usize) -> bool {
    let mut depth = 0usize;
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = after_string(rest),
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// What follows the string whose opening quote was just passed.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let skip = if rest[at] == b'"' { 1 } else { 2 };
        let found_end = skip == 1;
        rest = rest.get(at + skip..).unwrap_or_default();
        if found_end {
            return rest;
        }
    }
    &[]
}
