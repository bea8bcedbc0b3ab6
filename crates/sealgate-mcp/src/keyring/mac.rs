//! Authentication without secrecy: bytes that a peer may read and must not forge → a short tag.

use aws_lc_rs::hmac;

use super::{Keyring, Purpose, TokenError};

impl Keyring {
    /// How long a tag of [`Keyring::mac`] is, in bytes: 96 bits, as in RFC 4868's truncations.
    pub const MAC_LENGTH: usize = 12;

    /// A tag over `plain` for `purpose`, bound to `bind`. The same input gives the same tag, so
    /// that what carries it can be named again.
    pub fn mac(&self, purpose: Purpose, bind: &[u8], plain: &[u8]) -> [u8; Self::MAC_LENGTH] {
        let mut tag = [0; Self::MAC_LENGTH];
        if let Some(entry) = self.entries.first() {
            tag.copy_from_slice(
                &digest(&entry.mac, purpose, bind, plain).as_ref()[..Self::MAC_LENGTH],
            );
        }
        tag
    }

    /// Checks a tag, in constant time, against every key on the ring.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if no key made it for this purpose and binding.
    pub fn verify_mac(
        &self,
        purpose: Purpose,
        bind: &[u8],
        plain: &[u8],
        tag: &[u8],
    ) -> Result<(), TokenError> {
        let made = |key: &hmac::Key| {
            let whole = digest(key, purpose, bind, plain);
            aws_lc_rs::constant_time::verify_slices_are_equal(
                &whole.as_ref()[..Self::MAC_LENGTH],
                tag,
            )
            .is_ok()
        };
        let found = self.entries.iter().any(|entry| made(&entry.mac));
        if found { Ok(()) } else { Err(TokenError::Invalid) }
    }
}

/// Lengths go in first, so that no two inputs look alike once joined.
fn digest(key: &hmac::Key, purpose: Purpose, bind: &[u8], plain: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(purpose.label());
    context.update(&(bind.len() as u64).to_be_bytes());
    context.update(bind);
    context.update(plain);
    context.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_holds_for_its_purpose_binding_and_text_only() {
        let keyring = Keyring::generate().unwrap();
        let tag = keyring.mac(Purpose::ServerRequestId, b"a", b"text");
        assert_eq!(tag, keyring.mac(Purpose::ServerRequestId, b"a", b"text"));
        let verify =
            |purpose, bind: &[u8], text: &[u8]| keyring.verify_mac(purpose, bind, text, &tag);
        assert!(verify(Purpose::ServerRequestId, b"a", b"text").is_ok());
        assert!(verify(Purpose::Cursor, b"a", b"text").is_err());
        assert!(verify(Purpose::ServerRequestId, b"b", b"text").is_err());
        assert!(verify(Purpose::ServerRequestId, b"at", b"ext").is_err());
        assert!(keyring.verify_mac(Purpose::ServerRequestId, b"a", b"text", &[]).is_err());
    }
}
