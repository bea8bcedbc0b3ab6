//! Enters: `--session-key-file`. Leaves: the keyring of session tokens.

use std::path::Path;

use sealgate_mcp::keyring::{Keyring, KeyringFault, SeedFileFault};

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("no session key can be made: {0}")]
    Generate(#[from] KeyringFault),
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: {source}")]
    Parse { path: String, source: SeedFileFault },
}

/// The keys in the file, or new ones that only this process has.
pub(crate) fn keyring(file: Option<&Path>) -> Result<Keyring, KeyError> {
    let Some(path) = file else {
        tracing::info!(
            "no --session-key-file: sessions end with this process and no replica shares them"
        );
        return Ok(Keyring::generate()?);
    };
    let shown = || path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| KeyError::Read { path: shown(), source })?;
    Keyring::parse_file(&text).map_err(|source| KeyError::Parse { path: shown(), source })
}
