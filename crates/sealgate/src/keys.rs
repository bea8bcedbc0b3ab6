//! Enters: `--session-key-file`, and every later version of it. Leaves: the keyring of session
//! tokens. A version that cannot be used changes nothing: the keys of the last good one stay.

use std::path::{Path, PathBuf};

use sealgate_gateway::Gateway;
use sealgate_mcp::keyring::{Keyring, KeyringFault, SeedFileFault};
use zeroize::Zeroizing;

use crate::status::State;

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

/// Where the keys come from, and what was last read there.
pub(crate) struct Keys {
    path: PathBuf,
    last: Zeroizing<String>,
}

/// The keys in the file, or new ones that only this process has and that never change.
pub(crate) fn keyring(file: Option<&Path>) -> Result<(Keyring, Option<Keys>), KeyError> {
    let Some(path) = file else {
        tracing::info!(
            "no --session-key-file: sessions end with this process and no replica shares them"
        );
        return Ok((Keyring::generate()?, None));
    };
    let (keyring, text) = read(path)?;
    Ok((keyring, Some(Keys { path: path.to_owned(), last: text })))
}

fn read(path: &Path) -> Result<(Keyring, Zeroizing<String>), KeyError> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| KeyError::Read { path: shown(), source })?;
    let keyring =
        Keyring::parse_file(&text).map_err(|source| KeyError::Parse { path: shown(), source })?;
    Ok((keyring, text))
}

// === impl Keys ===

impl Keys {
    /// The file to follow.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again, and puts its keys into force if it says something new.
    pub(crate) fn reload(&mut self, gateway: &Gateway, state: &State) {
        match read(&self.path) {
            Ok((keyring, text)) => {
                state.keys_are(None);
                if *text != *self.last {
                    // The ids are public: they stand in every token.
                    tracing::info!(keys = ?keyring, "session keys reloaded; the first one seals");
                    gateway.rotate(keyring);
                    self.last = text;
                }
            }
            Err(error) => {
                let problem = format!("{error}; the last good session keys stay in force");
                if state.keys_are(Some(problem.clone())) {
                    tracing::error!("{problem}");
                }
            }
        }
    }
}
