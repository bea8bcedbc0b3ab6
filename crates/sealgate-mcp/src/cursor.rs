//! Cursors of merged lists: where each backend's list stands ↔ one opaque token.

use crate::keyring::{Keyring, Purpose, TokenError};

/// How many backends one cursor may name.
pub const MAX_POSITIONS: usize = 1024;

/// Where a merged list goes on. Backends whose list is through are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which state of the configuration it was made under: another may have other backends.
    pub generation: u64,
    /// How many pages of one backend there were before it.
    pub pages: u32,
    /// In the order of the route.
    pub positions: Vec<Position>,
}

/// Where one backend's list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which backend: a hash of its name.
    pub backend: u32,
    /// Its own cursor, which may be the empty string; `None` before its first page.
    pub cursor: Option<Box<str>>,
}

impl Cursor {
    /// Seals it; `bind` is what it holds for: method, route, principal.
    ///
    /// # Errors
    /// [`TokenError::Unsealable`] without random numbers.
    pub fn seal(&self, keyring: &Keyring, bind: &[u8]) -> Result<String, TokenError> {
        let mut plain = self.generation.to_le_bytes().to_vec();
        plain.extend_from_slice(&self.pages.to_le_bytes());
        for position in &self.positions {
            plain.extend_from_slice(&position.backend.to_le_bytes());
            // 0 is none; a length is one more than it is.
            let length = position.cursor.as_deref().map_or(0, |cursor| cursor.len() + 1);
            plain.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
            plain.extend_from_slice(position.cursor.as_deref().unwrap_or_default().as_bytes());
        }
        keyring.seal(Purpose::Cursor, bind, &plain)
    }

    /// Opens what [`Cursor::seal`] sealed for the same `bind`.
    ///
    /// # Errors
    /// [`TokenError`]: the answer is -32602.
    pub fn open(keyring: &Keyring, bind: &[u8], token: &str) -> Result<Self, TokenError> {
        let plain = keyring.open(Purpose::Cursor, bind, token)?;
        decode(&plain).ok_or(TokenError::Invalid)
    }
}

fn decode(plain: &[u8]) -> Option<Cursor> {
    let (generation, rest) = plain.split_first_chunk()?;
    let (pages, mut rest) = rest.split_first_chunk()?;
    let mut positions = Vec::new();
    while !rest.is_empty() {
        let (backend, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (cursor, after) = after.split_at_checked(length.saturating_sub(1))?;
        rest = after;
        let cursor = match length {
            0 => None,
            _ => Some(std::str::from_utf8(cursor).ok()?.into()),
        };
        positions.push(Position { backend: u32::from_le_bytes(*backend), cursor });
        if positions.len() > MAX_POSITIONS {
            return None;
        }
    }
    let (generation, pages) = (u64::from_le_bytes(*generation), u32::from_le_bytes(*pages));
    Some(Cursor { generation, pages, positions })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_cursor_reads_back_for_its_binding_only(
            generation: u64,
            pages: u32,
            cursors in prop::collection::vec((any::<u32>(), prop::option::of(any::<String>())), 0..5),
        ) {
            let keyring = Keyring::from_seeds(vec![[1; 32]]).unwrap();
            let positions = cursors
                .into_iter()
                .map(|(backend, cursor)| Position { backend, cursor: cursor.map(Into::into) })
                .collect();
            let cursor = Cursor { generation, pages, positions };
            let token = cursor.seal(&keyring, b"tools/list route").unwrap();
            prop_assert_eq!(Cursor::open(&keyring, b"tools/list route", &token), Ok(cursor));
            let other = Cursor::open(&keyring, b"prompts/list route", &token);
            prop_assert_eq!(other, Err(TokenError::Invalid));
        }

        #[test]
        fn no_bytes_make_decoding_panic(plain in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&plain);
        }
    }
}
