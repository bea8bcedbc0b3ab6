//! Enters a description, leaves a number that changes whenever a file behind it does.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use super::{IdentitySpec, Source};

/// A login writes a file or two; a folder of thousands is somebody else's.
const MOST_FILES: usize = 64;

/// The files behind an identity.
pub(super) struct Watched {
    files: Vec<PathBuf>,
    /// A folder of files that come and go: the cache of single sign-on.
    folder: Option<PathBuf>,
}

impl Watched {
    /// What `spec` reads; nothing for sources that read no files.
    pub(super) fn of(spec: &IdentitySpec) -> Self {
        let from_environment = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let home = from_environment("HOME").or_else(|| from_environment("USERPROFILE"));
        let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
        match &spec.source {
            Source::DefaultChain | Source::Profile(_) => {
                let (config, credentials) = match &spec.profile_files {
                    Some(files) => (files.config.clone(), files.credentials.clone()),
                    None => (
                        from_environment("AWS_CONFIG_FILE").or_else(|| below_home(".aws/config")),
                        from_environment("AWS_SHARED_CREDENTIALS_FILE")
                            .or_else(|| below_home(".aws/credentials")),
                    ),
                };
                let token = from_environment("AWS_WEB_IDENTITY_TOKEN_FILE");
                Self {
                    files: [config, credentials, token].into_iter().flatten().collect(),
                    folder: below_home(".aws/sso/cache"),
                }
            }
            Source::WebIdentity { token_file, .. } => {
                Self { files: vec![token_file.clone()], folder: None }
            }
            Source::CredentialsText { .. } | Source::Oidc { .. } | Source::Static(_) => {
                Self { files: Vec::new(), folder: None }
            }
        }
    }

    /// Whether there is anything to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folder.is_none()
    }

    /// A few `stat` calls: cheap enough for twice a second, and sound over network and Kubernetes
    /// volumes, where change notices get lost.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.files.iter().for_each(|file| hash_file(file, &mut hasher));
        let entries = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
        let mut names: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .take(MOST_FILES)
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        names.sort();
        names.iter().for_each(|file| hash_file(file, &mut hasher));
        hasher.finish()
    }
}

fn hash_file(file: &Path, hasher: &mut DefaultHasher) {
    file.hash(hasher);
    let Ok(metadata) = std::fs::metadata(file) else { return };
    metadata.len().hash(hasher);
    metadata.modified().ok().hash(hasher);
    #[cfg(unix)]
    std::os::unix::fs::MetadataExt::ino(&metadata).hash(hasher);
}
