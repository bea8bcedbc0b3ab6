//! The keyring: seeds → keys → tokens that only a holder of the same seeds can mint or read.
//!
//! A token is base64url (no padding, so fit for headers and URLs) of: format byte, key id (4
//! bytes), nonce (12), ciphertext and tag (16) of AES-256-GCM-SIV (RFC 8452). SIV, because
//! replicas that share a seed draw nonces without asking each other: a collision there reveals
//! that two tokens are equal, and nothing more. Each purpose has a key of its own (HKDF-SHA256,
//! RFC 5869), so a token never passes for one of another purpose.

mod mac;
mod seed_file;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize, Zeroizing};

pub use seed_file::SeedFileFault;

/// The longest token that [`Keyring::open`] looks at, in characters.
pub const MAX_TOKEN: usize = 16 * 1024;

const FORMAT: u8 = 1;
const KEY_ID: usize = 4;
const HEAD: usize = 1 + KEY_ID + NONCE_LEN;
const TAG: usize = 16;

/// What a token is for. Each has its own key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `Mcp-Session-Id` of legacy sessions.
    Session,
    /// Ids of a backend's requests to the client.
    ServerRequestId,
    /// Cursors of merged lists.
    Cursor,
    /// Ids of merged SSE events.
    EventId,
    /// `requestState` of input-required results.
    RequestState,
    /// Ids of tasks.
    TaskId,
    /// Event streams of clients of HTTP+SSE (2024-11-05).
    Tether,
}

/// Keys from one or more seeds: the first seals, all open.
pub struct Keyring {
    entries: Vec<Entry>,
    serial: u64,
}

/// How many keyrings this process has made.
static MADE: AtomicU64 = AtomicU64::new(0);

struct Entry {
    id: [u8; KEY_ID],
    keys: [RandomizedNonceKey; Purpose::ALL.len()],
    mac: aws_lc_rs::hmac::Key,
}

/// A token that does not open, or cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not one of our tokens: not base64url, too short, too long, another format.
    #[error("this is no token of this gateway")]
    Foreign,
    /// Sealed under a key that is not on the ring: rotated away, or another gateway's.
    #[error("the token was sealed under a key that this gateway does not hold (any more)")]
    UnknownKey,
    /// Changed on the way, bound to something else, or sealed for another purpose.
    #[error("the token is not valid here: it was changed, or belongs to someone else")]
    Invalid,
    /// The system's random numbers failed.
    #[error("no token can be sealed: the system gives no random numbers")]
    Unsealable,
}

/// No keyring can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringFault {
    /// There is not one seed.
    #[error("a keyring needs at least one seed of 32 bytes")]
    NoSeed,
    /// The cryptographic library refused.
    #[error("the cryptographic library refused to derive keys or give random numbers")]
    Refused,
}

impl Purpose {
    const ALL: [Self; 7] = [
        Self::Session,
        Self::ServerRequestId,
        Self::Cursor,
        Self::EventId,
        Self::RequestState,
        Self::TaskId,
        Self::Tether,
    ];

    /// The name that goes into the key derivation; must never change.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"sealgate 1 session",
            Self::ServerRequestId => b"sealgate 1 server request id",
            Self::Cursor => b"sealgate 1 cursor",
            Self::EventId => b"sealgate 1 event id",
            Self::RequestState => b"sealgate 1 request state",
            Self::TaskId => b"sealgate 1 task id",
            Self::Tether => b"sealgate 1 tether",
        }
    }
}

impl Keyring {
    /// Derives the keys of `seeds`, each 32 random bytes, and wipes the seeds.
    ///
    /// # Errors
    /// [`KeyringFault`] if there is no seed.
    pub fn from_seeds(mut seeds: Vec<[u8; 32]>) -> Result<Self, KeyringFault> {
        let entries = seeds.iter().map(Entry::derive).collect::<Result<Vec<_>, _>>();
        seeds.zeroize();
        let entries = entries?;
        if entries.is_empty() { Err(KeyringFault::NoSeed) } else { Ok(Self::of(entries)) }
    }

    fn of(entries: Vec<Entry>) -> Self {
        Self { entries, serial: MADE.fetch_add(1, Ordering::Relaxed) }
    }

    /// Tells keyrings of one process apart; no two have the same.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Reads a seed file: one seed of 32 bytes a line, as hex or base64; blank lines and lines
    /// that start with `#` are skipped. The first seals, all open: to rotate, put a new one on
    /// top, and remove the old one when the tokens under it have expired.
    ///
    /// # Errors
    /// [`SeedFileFault`] names the line, never what stands in it.
    pub fn parse_file(text: &str) -> Result<Self, SeedFileFault> {
        seed_file::parse(text)
    }

    /// Makes a keyring of one random seed: its tokens die with the process.
    ///
    /// # Errors
    /// [`KeyringFault::Refused`] if the system gives no random numbers.
    pub fn generate() -> Result<Self, KeyringFault> {
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *seed).map_err(|_| KeyringFault::Refused)?;
        Self::from_seeds(vec![*seed])
    }

    /// Seals `plain` for `purpose`. `bind` is not in the token, but must be the same at opening:
    /// the route and principal, or the session, that the token belongs to.
    ///
    /// # Errors
    /// [`TokenError::Unsealable`] if the system gives no random numbers.
    pub fn seal(&self, purpose: Purpose, bind: &[u8], plain: &[u8]) -> Result<String, TokenError> {
        let entry = self.entries.first().ok_or(TokenError::Unsealable)?;
        let mut token = Vec::with_capacity(HEAD + plain.len() + TAG);
        token.push(FORMAT);
        token.extend_from_slice(&entry.id);
        token.extend_from_slice(&[0; NONCE_LEN]);
        token.extend_from_slice(plain);
        let (head, body) = token.split_at_mut(HEAD);
        let (nonce, tag) = entry
            .key(purpose)
            .seal_in_place_separate_tag(Aad::from(bind), body)
            .map_err(|_| TokenError::Unsealable)?;
        head[1 + KEY_ID..].copy_from_slice(nonce.as_ref());
        token.extend_from_slice(tag.as_ref());
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// Opens a token that [`Keyring::seal`] made for the same purpose and binding.
    ///
    /// # Errors
    /// [`TokenError`] if it is not such a token.
    pub fn open(&self, purpose: Purpose, bind: &[u8], token: &str) -> Result<Vec<u8>, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Foreign);
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError::Foreign)?;
        if bytes.len() < HEAD + TAG || bytes[0] != FORMAT {
            return Err(TokenError::Foreign);
        }
        let (head, body) = bytes.split_at_mut(HEAD);
        let (id, nonce) = head[1..].split_at(KEY_ID);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| TokenError::Foreign)?;
        let entry =
            self.entries.iter().find(|entry| entry.id == id).ok_or(TokenError::UnknownKey)?;
        let plain = entry
            .key(purpose)
            .open_in_place(nonce, Aad::from(bind), body)
            .map_err(|_| TokenError::Invalid)?
            .len();
        bytes.truncate(HEAD + plain);
        bytes.drain(..HEAD);
        Ok(bytes)
    }
}

impl Entry {
    fn derive(seed: &[u8; 32]) -> Result<Self, KeyringFault> {
        let root = Salt::new(HKDF_SHA256, b"sealgate keyring").extract(seed);
        let mut id = [0; KEY_ID];
        expand(&root, b"sealgate 1 key id", &mut id)?;
        let mut keys = Vec::with_capacity(Purpose::ALL.len());
        for purpose in Purpose::ALL {
            let mut key = Zeroizing::new([0; 32]);
            expand(&root, purpose.label(), &mut *key)?;
            let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, &*key);
            keys.push(key.map_err(|_| KeyringFault::Refused)?);
        }
        let keys = keys.try_into().map_err(|_| KeyringFault::Refused)?;
        let mut mac = Zeroizing::new([0; 32]);
        expand(&root, b"sealgate 1 mac", &mut *mac)?;
        let mac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &*mac);
        Ok(Self { id, keys, mac })
    }

    fn key(&self, purpose: Purpose) -> &RandomizedNonceKey {
        // The variants count from 0 in the order of ALL.
        &self.keys[purpose as usize]
    }
}

/// Shows key ids only: they are public, they stand in every token.
impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.entries.iter().map(|entry| entry.id)).finish()
    }
}

fn expand(root: &Prk, label: &[u8], out: &mut [u8]) -> Result<(), KeyringFault> {
    struct Length(usize);

    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }

    root.expand(&[label], Length(out.len()))
        .and_then(|material| material.fill(out))
        .map_err(|_| KeyringFault::Refused)
}

#[cfg(test)]
mod tests;
