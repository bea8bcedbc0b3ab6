//! Enters bytes, leaves lower-case hexadecimal.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digest as 64 characters.
pub(super) fn digest_text(digest: &[u8; 32]) -> [u8; 64] {
    let mut text = [0; 64];
    write(digest, &mut text);
    text
}

/// Writes two characters a byte to the start of `out`, which must be long enough.
pub(super) fn write(bytes: &[u8], out: &mut [u8]) {
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}
