//! Enters: the paths of the sources. Leaves: which directories to watch for which names in them,
//! so that a file that is replaced, a symlink that moves and a path that comes back are all seen.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// How many symlinks one path may lead through, as in the kernel.
const MOST_LINKS: usize = 40;

/// What matters in the directories that are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    directories: BTreeMap<PathBuf, Names>,
}

/// What matters in one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    /// Everything that may be a source, or lead to one.
    sources: bool,
    names: BTreeSet<OsString>,
}

// === impl Interest ===

impl Interest {
    /// What tells of a change at or, for directories, directly in `paths`.
    pub(super) fn of(paths: &[PathBuf]) -> Self {
        let mut interest = Self::default();
        for path in paths {
            interest.follow(path);
            if path.is_dir() {
                interest.directories.entry(path.clone()).or_default().sources = true;
            }
        }
        interest
    }

    /// The directories to watch; all of them exist, or did a moment ago.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.keys().map(PathBuf::as_path)
    }

    /// Whether an event at `path` may concern a source.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let Some(name) = path.file_name() else { return true };
        // An event about a watched directory itself: it was removed or moved.
        if self.directories.contains_key(path) {
            return true;
        }
        let parent = path.parent().unwrap_or(Path::new("."));
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match self.directories.get(parent) {
            Some(names) => names.names.contains(name) || (names.sources && may_be_source(name)),
            None => false,
        }
    }

    /// Every name on the way to `path`, through each symlink: where one of them changes, the path
    /// means another file.
    fn follow(&mut self, path: &Path) {
        let mut rest: Vec<OsString> = parts(path);
        let mut at = if path.is_absolute() { PathBuf::from("/") } else { PathBuf::from(".") };
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.push("..");
                continue;
            }
            let next = at.join(&name);
            let target = std::fs::read_link(&next).ok().filter(|_| links < MOST_LINKS);
            // Plain directories on the way are not expected to change; the last name, links and
            // what is not there are.
            if rest.is_empty() || target.is_some() || !next.exists() {
                self.directories.entry(at.clone()).or_default().names.insert(name.clone());
            }
            match target {
                Some(target) => {
                    links += 1;
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    rest.extend(parts(&target));
                }
                None if !next.exists() => return,
                None => at = next,
            }
        }
    }
}

/// The names of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    let mut names: Vec<_> = names.collect();
    names.reverse();
    names
}

/// Sources end in a known way; directories and the links of mounted volumes mostly do not end in
/// any. What a program writes beside them (a log, an editor's swap file) is left out.
fn may_be_source(name: &OsStr) -> bool {
    let hidden = name.as_encoded_bytes();
    if hidden.starts_with(b".") {
        return hidden.starts_with(b"..");
    }
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    matches!(extension, None | Some("yaml" | "yml" | "json"))
}

#[cfg(test)]
mod tests;
