//! Texts in: documents are told apart, and what is to be kept is taken from its earlier text; out
//! come resources, mcp.json files and URLs, all with their places.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use sealgate_aws::Secret;
use zeroize::Zeroizing;

use crate::Environment;
use crate::finding::Severity;
use crate::gather::{Content, Gathered, Text};
use crate::kind::{self, Named, Resource, SubstitutionSource};
use crate::mcp_json::{self, McpServer, McpServers};
use crate::memory::{Memory, SERVER, Unit, Values};
use crate::read::Field;
use crate::report::{At, Report};
use crate::substitute::Held;
use crate::text::SourceText;
use crate::tree::{self, Entry, Node, Value};

/// Everything that the sources hold.
pub(crate) struct Loaded {
    pub(crate) report: Rc<Report>,
    pub(crate) resources: Vec<Named>,
    pub(crate) servers: Vec<McpServers>,
    /// URLs given as sources, with a place that shows them.
    pub(crate) urls: Vec<(String, At)>,
    pub(crate) watched: Vec<PathBuf>,
    /// The text that each part was read from.
    pub(crate) units: BTreeMap<Unit, Content>,
    /// Parts whose values come from files of their own.
    pub(crate) substituted: BTreeSet<Unit>,
    /// Those files of which the earlier content was taken.
    pub(crate) held: BTreeSet<PathBuf>,
}

/// What decides how texts are read.
pub(crate) struct Reading<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) memory: &'a Memory,
    /// The parts to read from what `memory` holds of them.
    pub(crate) kept: &'a BTreeSet<Unit>,
}

/// A reading under way.
struct Loader<'a> {
    loaded: Loaded,
    reading: &'a Reading<'a>,
    /// Earlier texts that were needed, parsed once, by their address.
    earlier: HashMap<*const Zeroizing<String>, Rc<Parsed>>,
}

/// A text as documents.
struct Parsed {
    documents: Vec<Node>,
    at: At,
}

/// Reads all texts.
pub(crate) fn load(
    gathered: &Gathered,
    reading: &Reading<'_>,
    report: Report,
    values: &mut Values,
) -> Loaded {
    let loaded = Loaded {
        report: Rc::new(report),
        resources: Vec::new(),
        servers: Vec::new(),
        urls: Vec::new(),
        watched: gathered.watched.clone(),
        units: BTreeMap::new(),
        substituted: BTreeSet::new(),
        held: BTreeSet::new(),
    };
    for (severity, code, message) in &gathered.remarks {
        loaded.report.anywhere(*severity, code, message.clone());
    }
    let mut loader = Loader { loaded, reading, earlier: HashMap::new() };
    for text in &gathered.texts {
        loader.text(text);
    }
    let mut loaded = loader.loaded;
    loaded.substitute(reading, values);
    loaded.refuse_duplicates();
    loaded
}

// === impl Loader ===

impl Loader<'_> {
    fn text(&mut self, text: &Text) {
        match text {
            Text::Url(url) => {
                let shown = crate::url::without_secrets(url);
                let length = shown.len();
                let content = Arc::new(Zeroizing::new(shown));
                let text = SourceText::new("command line".to_owned(), content);
                let at = self.loaded.report.open(Rc::new(text), false).at(0..length);
                self.loaded.urls.push((url.clone(), at));
            }
            Text::File { name, content } => {
                let unit = Unit::file(name);
                match (self.kept(&unit), content) {
                    (Some(earlier), _) => self.file(name, &earlier, true),
                    (None, Ok(content)) => self.file(name, content, false),
                    (None, Err(problem)) => {
                        self.loaded.report.unreadable(name, problem.clone());
                    }
                }
            }
        }
    }

    /// The earlier text of what is to be kept.
    fn kept(&self, unit: &Unit) -> Option<Content> {
        let kept = self.reading.kept.contains(unit);
        kept.then(|| self.reading.memory.units.get(unit).cloned()).flatten()
    }

    fn file(&mut self, name: &str, content: &Content, earlier: bool) {
        let parsed = if earlier {
            self.earlier(name, content)
        } else {
            Rc::new(self.parse(name, content, false))
        };
        self.loaded.units.insert(Unit::file(name), Arc::clone(content));
        for document in &parsed.documents {
            let field = Field::root(document, &parsed.at);
            if document.get("mcpServers").is_some() {
                self.servers(name, content, &field);
            } else {
                for item in kind::items(&field) {
                    self.resource(name, content, &item);
                }
            }
        }
    }

    fn resource(&mut self, name: &str, content: &Content, field: &Field<'_>) {
        let Some(label) = kind::label(field.node()) else {
            return kind::read(field, &mut self.loaded.resources);
        };
        let unit = Unit::of(name, &label);
        let Some(earlier) = self.kept(&unit) else {
            self.loaded.units.insert(unit, Arc::clone(content));
            return kind::read(field, &mut self.loaded.resources);
        };
        let parsed = self.earlier(name, &earlier);
        for document in &parsed.documents {
            for item in kind::items(&Field::root(document, &parsed.at)) {
                if kind::label(item.node()).as_ref() == Some(&label) {
                    self.loaded.units.insert(unit, earlier);
                    return kind::read(&item, &mut self.loaded.resources);
                }
            }
        }
    }

    fn servers(&mut self, name: &str, content: &Content, document: &Field<'_>) {
        let Some((at, fields)) = mcp_json::open(document) else { return };
        let mut servers = Vec::new();
        for (server, field) in fields {
            let unit = Unit::of(name, &format!("{SERVER}{server}"));
            let read = match self.kept(&unit) {
                Some(earlier) => {
                    let read = self.earlier_server(name, &earlier, server);
                    self.loaded.units.insert(unit, earlier);
                    read
                }
                None => {
                    self.loaded.units.insert(unit, Arc::clone(content));
                    mcp_json::read_alone(server, &field)
                }
            };
            servers.extend(read);
        }
        self.loaded.servers.push(McpServers { at, servers });
    }

    fn earlier_server(&mut self, name: &str, content: &Content, server: &str) -> Option<McpServer> {
        let parsed = self.earlier(name, content);
        let mut documents = parsed.documents.iter();
        documents.find_map(|document| {
            document.get("mcpServers")?;
            let (_, mut fields) = mcp_json::open(&Field::root(document, &parsed.at))?;
            let (_, field) = fields.find(|(name, _)| *name == server)?;
            mcp_json::read_alone(server, &field)
        })
    }

    fn earlier(&mut self, name: &str, content: &Content) -> Rc<Parsed> {
        let address = Arc::as_ptr(content);
        if let Some(parsed) = self.earlier.get(&address) {
            return Rc::clone(parsed);
        }
        let parsed = Rc::new(self.parse(name, content, true));
        self.earlier.insert(address, Rc::clone(&parsed));
        parsed
    }

    fn parse(&mut self, name: &str, content: &Content, earlier: bool) -> Parsed {
        let held = Held::new(content);
        let text = Rc::new(SourceText::new(name.to_owned(), Arc::clone(content)));
        let at = self.loaded.report.open(Rc::clone(&text), earlier);
        let parsed = tree::parse(&held, &**self.reading.environment);
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
        }
        Parsed { documents: parsed.documents, at }
    }
}

// === impl Loaded ===

impl Loaded {
    /// Fills in what Secrets take from the environment and from files.
    fn substitute(&mut self, reading: &Reading<'_>, values: &mut Values) {
        let environment = reading.environment;
        for named in &mut self.resources {
            let unit = named.unit();
            let Some(Resource::Secret(payload) | Resource::ConfigMap(payload)) =
                &mut named.resource
            else {
                continue;
            };
            for substitution in &payload.substitutions {
                let value = match &substitution.from {
                    SubstitutionSource::Environment(name) => {
                        let problem = || (format!("environment variable {name} is not set"), None);
                        environment(name).map(Secret::new).ok_or_else(problem)
                    }
                    SubstitutionSource::File(path) => {
                        let path = match (path.strip_prefix("~/"), environment("HOME")) {
                            (Some(rest), Some(home)) => Path::new(&home).join(rest),
                            _ => PathBuf::from(path),
                        };
                        self.substituted.insert(unit.clone());
                        let earlier = reading.kept.contains(&unit);
                        let earlier =
                            earlier.then(|| reading.memory.earlier_value(&path)).flatten();
                        self.watched.push(path.clone());
                        match earlier {
                            Some(value) => {
                                self.held.insert(path);
                                Ok(value)
                            }
                            None => reading.memory.value(values, &path),
                        }
                    }
                };
                let value = match value {
                    Ok(value) => Some(value),
                    Err((problem, Some(last))) => {
                        let message = format!("{problem}; its last value stays in force");
                        substitution.at.error("substitution", message);
                        Some(last)
                    }
                    // The literal value stays, as it does elsewhere.
                    Err((problem, None)) => {
                        substitution.at.warning("substitution", problem);
                        None
                    }
                };
                if let Some(value) = value {
                    payload.values.insert(substitution.key.clone(), value);
                    payload.places.insert(substitution.key.clone(), substitution.at.clone());
                }
            }
        }
    }

    /// Two resources of one name: the later one is left out.
    fn refuse_duplicates(&mut self) {
        let mut seen: HashMap<_, At> = HashMap::new();
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
