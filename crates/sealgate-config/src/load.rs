//! Sources in: files and directories are found and read, documents are told apart; out come
//! resources, mcp.json files and URLs, all with their places.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use sealgate_aws::Secret;

use crate::finding::Severity;
use crate::kind::{self, Named, Resource, SubstitutionSource};
use crate::mcp_json::{self, McpServers};
use crate::read::Field;
use crate::report::{At, Report};
use crate::substitute::Held;
use crate::text::SourceText;
use crate::tree::{self, Entry, Node, Value};
use crate::{Environment, Source};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// How deep directories are searched, and how many files they may give.
const MAX_DIRECTORY_DEPTH: usize = 16;
const MAX_FILES: usize = 10_000;

/// Everything that the sources hold.
pub(crate) struct Loaded {
    pub(crate) report: Rc<Report>,
    pub(crate) resources: Vec<Named>,
    pub(crate) servers: Vec<McpServers>,
    /// URLs given as sources, with a place that shows them.
    pub(crate) urls: Vec<(String, At)>,
    pub(crate) watched: Vec<PathBuf>,
}

/// Reads all of `sources`.
pub(crate) fn load(sources: &[Source], environment: &Environment) -> Loaded {
    let mut loaded = Loaded {
        report: Rc::new(Report::default()),
        resources: Vec::new(),
        servers: Vec::new(),
        urls: Vec::new(),
        watched: Vec::new(),
    };
    for source in sources {
        match source {
            Source::Path(path) => loaded.path(path, environment),
            Source::Text { name, text } => loaded.text(name.clone(), text.clone(), environment),
            Source::Url(url) => {
                let shown = crate::url::without_secrets(url);
                let length = shown.len();
                let text = SourceText::new("command line".to_owned(), shown);
                let at = loaded.report.open(Rc::new(text)).at(0..length);
                loaded.urls.push((url.clone(), at));
            }
        }
    }
    loaded.substitute(environment);
    loaded.refuse_duplicates();
    loaded
}

// === impl Loaded ===

impl Loaded {
    fn path(&mut self, path: &Path, environment: &Environment) {
        self.watched.push(path.to_owned());
        if !path.is_dir() {
            return self.file(path, environment);
        }
        let mut files = Vec::new();
        self.search(path, 0, &mut files);
        if files.is_empty() {
            let message = format!("{} holds no .yaml, .yml or .json file", path.display());
            self.report.anywhere(Severity::Warning, "empty-directory", message);
        }
        for file in files {
            self.file(&file, environment);
        }
    }

    /// Finds files in a stable order; hidden ones are left out (a mounted ConfigMap keeps its
    /// older versions in hidden directories).
    fn search(&mut self, directory: &Path, depth: usize, files: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> = match std::fs::read_dir(directory) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(error) => {
                let message = format!("cannot read {}: {error}", directory.display());
                return self.report.anywhere(Severity::Error, "unreadable", message);
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
                    self.search(&path, depth + 1, files);
                }
            } else if matches!(extension, Some("yaml" | "yml" | "json")) && files.len() < MAX_FILES
            {
                files.push(path);
            }
        }
    }

    fn file(&mut self, path: &Path, environment: &Environment) {
        let read = std::fs::metadata(path).and_then(|metadata| {
            if metadata.len() > MAX_FILE {
                let message = format!("larger than {} MiB", MAX_FILE >> 20);
                return Err(std::io::Error::other(message));
            }
            std::fs::read(path)
        });
        let name = path.display().to_string();
        match read {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.text(name, text, environment),
                Err(_) => {
                    let message = format!("cannot read {name}: not UTF-8 text");
                    self.report.anywhere(Severity::Error, "unreadable", message);
                }
            },
            Err(error) => {
                let message = format!("cannot read {name}: {error}");
                self.report.anywhere(Severity::Error, "unreadable", message);
            }
        }
    }

    fn text(&mut self, name: String, text: String, environment: &Environment) {
        let held = Held::new(&text);
        let text = Rc::new(SourceText::new(name, text));
        let at = self.report.open(Rc::clone(&text));
        let parsed = tree::parse(&held, &**environment);
        for problem in parsed.problems {
            let severity = if problem.fatal { Severity::Error } else { Severity::Warning };
            let help = match (problem.first, problem.code) {
                (Some(first), _) => {
                    Some(format!("it is already set on line {}", text.position(first).0))
                }
                (None, "variable-unset") => {
                    Some("set it, or give a default: ${NAME:-default}".to_owned())
                }
                _ => None,
            };
            if problem.fatal {
                // What could not be read could not be masked either.
                text.mask_values_around(problem.span.start);
            }
            at.at(problem.span).say(severity, problem.code, problem.message, help);
        }
        for document in &parsed.documents {
            mask(document, &text, false);
            let field = Field::root(document, &at);
            if document.get("mcpServers").is_some() {
                self.servers.extend(mcp_json::read(&field));
            } else {
                kind::read(&field, &mut self.resources);
            }
        }
    }

    /// Fills in what Secrets take from the environment and from files.
    fn substitute(&mut self, environment: &Environment) {
        for named in &mut self.resources {
            let Some(Resource::Secret(payload) | Resource::ConfigMap(payload)) =
                &mut named.resource
            else {
                continue;
            };
            for substitution in &payload.substitutions {
                let value = match &substitution.from {
                    SubstitutionSource::Environment(name) => environment(name)
                        .ok_or_else(|| format!("environment variable {name} is not set")),
                    SubstitutionSource::File(path) => {
                        let path = match (path.strip_prefix("~/"), environment("HOME")) {
                            (Some(rest), Some(home)) => Path::new(&home).join(rest),
                            _ => PathBuf::from(path),
                        };
                        let read = read_bounded(&path)
                            .map_err(|error| format!("cannot read {}: {error}", path.display()));
                        self.watched.push(path);
                        // Files end with a line break that is no part of a key.
                        read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                    }
                };
                match value {
                    Ok(value) => {
                        payload.values.insert(substitution.key.clone(), Secret::new(value));
                    }
                    // The literal value stays, as it does elsewhere.
                    Err(message) => substitution.at.warning("substitution", message),
                }
            }
        }
    }

    /// Two resources of one name: the later one is left out.
    fn refuse_duplicates(&mut self) {
        let mut seen: std::collections::HashMap<_, At> = std::collections::HashMap::new();
        self.resources.retain(|named| {
            let metadata = &named.metadata;
            let key = (named.kind, metadata.namespace.clone(), metadata.name.clone());
            let Some(first) = seen.get(&key) else {
                seen.insert(key, named.at.clone());
                return true;
            };
            let message = format!(
                "{} {}/{} is defined twice; this one is left out",
                named.kind, metadata.namespace, metadata.name
            );
            let help = Some(format!("the first one is at {}", first.named()));
            named.at.say(Severity::Error, "duplicate-resource", message, help);
            false
        });
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_FILE {
        return Err(std::io::Error::other("too large"));
    }
    std::fs::read_to_string(path)
}

/// Marks every literal secret of a document before anything about it can be reported. Where
/// secrets are at home, only fields that are known to hold none are shown, so that a misspelt one
/// stays hidden too.
fn mask(node: &Node, text: &SourceText, secret: bool) {
    const SECRET: &[&str] = &["apiVersion", "kind", "metadata", "type", "immutable"];
    const API_KEY: &[&str] = &["secretRef", "header", "queryParam", "injectionPolicy"];
    match &node.value {
        Value::Scalar(_) if secret => text.mask(node.span.clone()),
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| mask(item, text, secret)),
        Value::Map(entries) => {
            let is_secret = node.get("kind").and_then(Node::text) == Some("Secret");
            for Entry { key, value, .. } in entries {
                if matches!(key.as_str(), "url" | "path") {
                    text.mask_url(&value.span);
                }
                let hidden = secret || (is_secret && !SECRET.contains(&key.as_str()));
                match key.as_str() {
                    "apiKey" => mask_but(value, text, API_KEY),
                    "mcpServers" => {
                        for server in value.entries().unwrap_or_default() {
                            mask_but(&server.value, text, mcp_json::SHOWN);
                        }
                    }
                    _ => {}
                }
                mask(value, text, hidden);
            }
        }
    }
}

fn mask_but(node: &Node, text: &SourceText, shown: &[&str]) {
    for entry in node.entries().unwrap_or_default() {
        if !shown.contains(&entry.key.as_str()) {
            mask(&entry.value, text, true);
        }
    }
}
