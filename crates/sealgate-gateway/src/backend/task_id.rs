//! Enters: the id of a backend's task. Leaves: the id under which clients of a route with several
//! backends know it, which tells whose it is, on any replica; and back. No table is kept.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealgate_mcp::keyring::{Keyring, Purpose};

/// To whom ids are bound: another caller's open nothing.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) keyring: Arc<Keyring>,
    /// Of the principal.
    pub(crate) digest: [u8; 16],
}

impl PartialEq for Binding {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Binding {}

impl fmt::Debug for Binding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Binding").finish_non_exhaustive()
    }
}

/// Whose task it is, and its id there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// Tag of the backend.
    pub(crate) backend: u32,
    /// The backend's own id.
    pub(crate) id: String,
}

impl Binding {
    /// The client's id for a task; the same each time, so that notifications can name it.
    pub(crate) fn seal(&self, route: u64, task: &Task) -> String {
        let plain = [&task.backend.to_be_bytes()[..], task.id.as_bytes()].concat();
        let tag = self.keyring.mac(Purpose::TaskId, &self.bind(route), &plain);
        URL_SAFE_NO_PAD.encode([&tag[..], &plain].concat())
    }

    /// What [`Binding::seal`] made, for the same caller on the same route.
    pub(crate) fn open(&self, route: u64, text: &str) -> Option<Task> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tag, plain) = bytes.split_at_checked(Keyring::MAC_LENGTH)?;
        self.keyring.verify_mac(Purpose::TaskId, &self.bind(route), plain, tag).ok()?;
        let (backend, id) = plain.split_at_checked(4)?;
        let backend = u32::from_be_bytes(backend.try_into().ok()?);
        Some(Task { backend, id: String::from_utf8(id.to_vec()).ok()? })
    }

    fn bind(&self, route: u64) -> Vec<u8> {
        [&route.to_be_bytes()[..], &self.digest].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_for_its_own_caller_and_route_only() {
        let keyring = Arc::new(Keyring::generate().unwrap());
        let binding = Binding { keyring: Arc::clone(&keyring), digest: [1; 16] };
        let other = Binding { keyring, digest: [2; 16] };
        for id in ["7", "\u{1f600}\"", ""] {
            let task = Task { backend: 99, id: id.to_owned() };
            let sealed = binding.seal(1, &task);
            assert_eq!(binding.seal(1, &task), sealed);
            assert_eq!(binding.open(1, &sealed), Some(task));
            assert_eq!(binding.open(2, &sealed), None);
            assert_eq!(other.open(1, &sealed), None);
            assert_eq!(binding.open(1, &sealed[1..]), None);
        }
        assert_eq!(binding.open(1, "786af5b2-1e5f-4c2f-9a75-5d1d5e1c9b7e"), None);
    }
}
