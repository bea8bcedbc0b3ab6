//! The seed file: text of one seed a line → a [`Keyring`].

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{Keyring, KeyringFault};

/// A seed file that does not make a keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedFileFault {
    /// A line is no seed.
    #[error(
        "line {line} is not 32 bytes in hex or base64; make a seed with `openssl rand -hex 32`"
    )]
    NoSeed {
        /// The line, from 1.
        line: usize,
    },
    /// The file has no seed, or no keys can be derived.
    #[error("the seed file makes no keyring: {0}")]
    NoKeyring(#[from] KeyringFault),
}

pub(super) fn parse(text: &str) -> Result<Keyring, SeedFileFault> {
    let mut seeds = Zeroizing::new(Vec::new());
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            seeds.push(seed(line).ok_or(SeedFileFault::NoSeed { line: at + 1 })?);
        }
    }
    Ok(Keyring::from_seeds(seeds.to_vec())?)
}

fn seed(line: &str) -> Option<[u8; 32]> {
    // 32 bytes take 64 digits in hex and at most 44 characters in base64: no line is both.
    if line.len() == 64 {
        let mut seed = [0; 32];
        for (byte, pair) in seed.iter_mut().zip(line.as_bytes().chunks(2)) {
            *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        return Some(seed);
    }
    let alphabet =
        if line.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = Zeroizing::new(GeneralPurpose::new(alphabet, config).decode(line).ok()?);
    bytes.as_slice().try_into().ok()
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
