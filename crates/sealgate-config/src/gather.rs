//! Sources in: files and directories are found and read; out come their texts, none understood yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Source;
use crate::finding::Severity;
use crate::memory::Memory;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// How deep directories are searched, and how many files they may give.
const MAX_DIRECTORY_DEPTH: usize = 16;
const MAX_FILES: usize = 10_000;

/// A whole file; wiped when nobody needs it any more, since it may hold secrets.
pub(crate) type Content = Arc<Zeroizing<String>>;

/// Everything that the sources gave, in their order.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) texts: Vec<Text>,
    /// What has no place in a text.
    pub(crate) remarks: Vec<(Severity, &'static str, String)>,
    pub(crate) watched: Vec<PathBuf>,
}

/// One source of text.
pub(crate) enum Text {
    /// A file, or text that came under a name.
    File {
        /// As findings show it.
        name: String,
        /// Its text, or why there is none.
        content: Result<Content, String>,
    },
    /// The URL of one MCP server.
    Url(String),
}

/// Reads all of `sources`. What cannot be read, or is suddenly empty, stands in the result with
/// its problem if `memory` knows it: it may have been anything that was there before.
pub(crate) fn gather(sources: &[Source], memory: &Memory) -> Gathered {
    let mut gathered = Gathered::default();
    for source in sources {
        match source {
            Source::Path(path) => gathered.path(path, memory),
            Source::Text { name, text } => gathered
                .texts
                .push(Text::File { name: name.clone(), content: Ok(Arc::clone(text)) }),
            Source::Url(url) => gathered.texts.push(Text::Url(url.clone())),
        }
    }
    gathered
}

/// Reads a file that is not too large.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let read = std::fs::metadata(path).and_then(|metadata| {
        if metadata.len() > MAX_FILE {
            let message = format!("larger than {} MiB", MAX_FILE >> 20);
            return Err(std::io::Error::other(message));
        }
        std::fs::read(path)
    });
    let bytes = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("cannot read {}: not UTF-8 text", path.display()))
}

// === impl Gathered ===

impl Gathered {
    /// Which text stands where.
    pub(crate) fn names(&self) -> BTreeMap<&str, usize> {
        let texts = self.texts.iter().enumerate();
        let named = texts.map(|(index, text)| match text {
            Text::File { name, .. } => (name.as_str(), index),
            Text::Url(_) => ("command line", index),
        });
        named.collect()
    }

    fn path(&mut self, path: &Path, memory: &Memory) {
        self.watched.push(path.to_owned());
        if !path.is_dir() {
            return self.file(path, memory);
        }
        let mut files = Vec::new();
        self.search(path, 0, memory, &mut files);
        if files.is_empty() {
            let message = format!("{} holds no .yaml, .yml or .json file", path.display());
            self.remarks.push((Severity::Warning, "empty-directory", message));
        }
        for file in files {
            self.file(&file, memory);
        }
    }

    /// Finds files in a stable order; hidden ones are left out (a mounted ConfigMap keeps its
    /// older versions in hidden directories).
    fn search(
        &mut self,
        directory: &Path,
        depth: usize,
        memory: &Memory,
        files: &mut Vec<PathBuf>,
    ) {
        let mut entries: Vec<PathBuf> = match std::fs::read_dir(directory) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(error) => {
                let problem = format!("cannot read {}: {error}", directory.display());
                return self.unreadable(directory, problem, memory);
            }
        };
        entries.sort();
        for path in entries {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with('.') {
                continue;
            }
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                if depth < MAX_DIRECTORY_DEPTH && !path.is_symlink() {
                    self.watched.push(path.clone());
                    self.search(&path, depth + 1, memory, files);
                }
            } else if matches!(extension, Some("yaml" | "yml" | "json")) && files.len() < MAX_FILES
            {
                files.push(path);
            }
        }
    }

    fn file(&mut self, path: &Path, memory: &Memory) {
        let name = path.display().to_string();
        match read(path) {
            // Whoever wants a file's resources gone removes them or the file; an empty file is
            // one that is being written.
            Ok(text) if text.trim().is_empty() && memory.held_something(&name) => {
                let content = Err(format!("{name} is empty"));
                self.texts.push(Text::File { name, content });
            }
            Ok(text) => {
                let content = Ok(Arc::new(Zeroizing::new(text)));
                self.texts.push(Text::File { name, content });
            }
            Err(problem) => self.unreadable(path, problem, memory),
        }
    }

    /// Whatever was read at or below `path` before is there, and cannot be read now.
    fn unreadable(&mut self, path: &Path, problem: String, memory: &Memory) {
        let known = memory.files().filter(|file| Path::new(file).starts_with(path));
        let mut names: Vec<_> = known.map(str::to_owned).collect();
        if names.is_empty() {
            names.push(path.display().to_string());
        }
        names.sort();
        for name in names {
            self.texts.push(Text::File { name, content: Err(problem.clone()) });
        }
    }
}
