//! Enters: the id of a backend's request to the client. Leaves: the id under which the client
//! sees it, which tells whose it is when the answer comes, on this replica or another; and back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealgate_mcp::keyring::{Keyring, Purpose};

/// Whose request it was, and its id there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Tag of the backend.
    pub(crate) backend: u32,
    /// The backend's own id, as JSON.
    pub(crate) id: String,
}

/// The client's id for a backend's request, as JSON. Bound to the session, so that no client can
/// answer another's question; the same each time, so that a cancellation can name it.
pub(crate) fn seal(keyring: &Keyring, session: u64, backend: u32, id: &str) -> String {
    let mut plain = backend.to_be_bytes().to_vec();
    plain.extend_from_slice(id.as_bytes());
    let tag = keyring.mac(Purpose::ServerRequestId, &session.to_be_bytes(), &plain);
    let text = URL_SAFE_NO_PAD.encode([tag.as_slice(), plain.as_slice()].concat());
    format!("\"{text}\"")
}

/// What [`seal`] made, for the same session.
pub(crate) fn open(keyring: &Keyring, session: u64, id: &str) -> Option<Asked> {
    let text = id.strip_prefix('"')?.strip_suffix('"')?;
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (tag, plain) = bytes.split_at_checked(Keyring::MAC_LENGTH)?;
    keyring.verify_mac(Purpose::ServerRequestId, &session.to_be_bytes(), plain, tag).ok()?;
    let (backend, id) = plain.split_at_checked(4)?;
    let backend = u32::from_be_bytes(backend.try_into().ok()?);
    Some(Asked { backend, id: String::from_utf8(id.to_vec()).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_in_its_own_session_only() {
        let keyring = Keyring::generate().unwrap();
        for id in ["7", "\"a\\\"b\"", "-123456789012345678901234567890"] {
            let sealed = seal(&keyring, 1, 99, id);
            assert_eq!(open(&keyring, 1, &sealed), Some(Asked { backend: 99, id: id.into() }));
            assert_eq!(open(&keyring, 2, &sealed), None);
            assert_eq!(sealed, seal(&keyring, 1, 99, id));
        }
    }

    #[test]
    fn a_forged_id_opens_nothing() {
        let keyring = Keyring::generate().unwrap();
        for id in ["1", "\"\"", "\"AAAA\"", "null", "\"%%%\""] {
            assert_eq!(open(&keyring, 1, id), None);
        }
    }
}
