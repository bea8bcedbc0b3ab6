//! Parser events in, documents out. A document that cannot be read costs only itself.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use zeroize::Zeroizing;

use super::{Entry, Node, Scalar, Value};
use crate::substitute::Held;

/// Nodes that one source may hold, aliases expanded.
const MAX_NODES: usize = 500_000;
/// Nesting that one document may have.
const MAX_DEPTH: usize = 64;

/// What a text holds.
pub(crate) struct Parsed {
    /// Documents without a structural problem, empty ones left out.
    pub(crate) documents: Vec<Node>,
    /// What was wrong, in order.
    pub(crate) problems: Vec<Problem>,
}

/// Something wrong with the text itself.
pub(crate) struct Problem {
    /// Bytes of the original text.
    pub(crate) span: Range<usize>,
    /// `yaml-syntax`, `duplicate-key`, `variable-unset`, …
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Whether its document was left out.
    pub(crate) fatal: bool,
    /// Byte offset of another place that explains this one.
    pub(crate) first: Option<usize>,
}

/// Reads every document of `held`.
pub(crate) fn parse(held: &Held, environment: &dyn Fn(&str) -> Option<String>) -> Parsed {
    let mut parsed = Parsed { documents: Vec::new(), problems: Vec::new() };
    let mut budget = MAX_NODES;
    let mut start = 0;
    while let Some(text) = held.text.get(start..) {
        let mut builder = Builder::new(held, environment, start, budget, &mut parsed);
        let failed = builder.run(text);
        budget = builder.budget;
        let Some(offset) = failed else { break };
        // What follows the next document mark may still be good.
        let from = held.text.floor_char_boundary((start + offset).min(held.text.len()));
        match held.text[from..].find("\n---") {
            Some(mark) => start = from + mark + 1,
            None => break,
        }
    }
    parsed
}

/// Builds nodes from events with a stack of its own, so that depth costs no recursion.
struct Builder<'a> {
    held: &'a Held,
    environment: &'a dyn Fn(&str) -> Option<String>,
    base: usize,
    budget: usize,
    parsed: &'a mut Parsed,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    tainted: bool,
}

/// A collection that is not closed yet.
enum Open {
    List { start: Range<usize>, anchor: usize, items: Vec<Node> },
    Map(OpenMap),
}

/// A mapping that is not closed yet.
struct OpenMap {
    start: Range<usize>,
    anchor: usize,
    entries: Vec<Entry>,
    /// The index of each key.
    seen: HashMap<String, usize>,
    key: Option<Key>,
}

/// A key that waits for its value.
enum Key {
    Text(String, Range<usize>),
    Merge(Range<usize>),
    Unusable,
}

/// Why a document stops.
enum Stop {
    Syntax(ScanError),
    Limit(&'static str, Range<usize>),
}

// === impl Builder ===

impl<'a> Builder<'a> {
    fn new(
        held: &'a Held,
        environment: &'a dyn Fn(&str) -> Option<String>,
        base: usize,
        budget: usize,
        parsed: &'a mut Parsed,
    ) -> Self {
        let (stack, anchors) = (Vec::new(), HashMap::new());
        Self { held, environment, base, budget, parsed, stack, anchors, tainted: false }
    }

    /// Reads to the end, or gives the offset (in `text`) at which reading stopped.
    fn run(&mut self, text: &str) -> Option<usize> {
        let mut parser = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            let stop = match next {
                Ok((event, span)) => self.event(event, span).err(),
                Err(error) => Some(Stop::Syntax(error)),
            };
            let Some(stop) = stop else { continue };
            let (offset, message) = match &stop {
                Stop::Syntax(error) => {
                    let offset = error.marker().byte_offset().unwrap_or(text.len());
                    (self.place(offset), without_position(&error.to_string()))
                }
                Stop::Limit(message, span) => (span.start, (*message).to_owned()),
            };
            self.problem(offset..offset, "yaml-syntax", message, true);
            // Where to look for the next document: past the error, never before it.
            return Some(match stop {
                Stop::Syntax(error) => error.marker().byte_offset().unwrap_or(text.len()),
                Stop::Limit(..) => text.len(),
            });
        }
        None
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let span = self.span(span);
        match event {
            Event::DocumentStart(..) => {
                self.tainted = false;
                self.anchors.clear();
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = tag.as_ref().is_some_and(|tag| tag.core_suffix() == Some("str"));
                let plain = style == ScalarStyle::Plain && !text_tag;
                let scalar = self.scalar(&text, plain, &span);
                let node = Node { span, value: Value::Scalar(scalar) };
                self.place_node(node, anchor, plain)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(Open::List { start: span, anchor, items: Vec::new() })?;
            }
            Event::MappingStart(_, anchor, _) => {
                let (entries, seen) = (Vec::new(), HashMap::new());
                self.open(Open::Map(OpenMap { start: span, anchor, entries, seen, key: None }))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span.end)?,
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(node) if node.size() > self.budget => {
                    return Err(Stop::Limit("aliases expand to too many values", span));
                }
                Some(node) => {
                    let node = Node { span, ..node.clone() };
                    self.budget -= node.size();
                    self.place_node(node, 0, false)?;
                }
                None => return Err(Stop::Limit("an alias refers to a value that holds it", span)),
            },
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, open: Open) -> Result<(), Stop> {
        if self.stack.len() >= MAX_DEPTH {
            let (Open::List { start, .. } | Open::Map(OpenMap { start, .. })) = open;
            return Err(Stop::Limit("values are nested too deeply", start));
        }
        self.stack.push(open);
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        match self.stack.pop() {
            Some(Open::List { start, anchor, items }) => {
                let node = Node { span: start.start..end, value: Value::List(items) };
                self.place_node(node, anchor, false)
            }
            Some(Open::Map(OpenMap { start, anchor, entries, .. })) => {
                let node = Node { span: start.start..end, value: Value::Map(entries) };
                self.place_node(node, anchor, false)
            }
            None => Ok(()),
        }
    }

    /// Puts a finished value where it belongs: into its list, as a key or value of its map, or as
    /// a document.
    fn place_node(&mut self, node: Node, anchor: usize, plain: bool) -> Result<(), Stop> {
        self.budget = match self.budget.checked_sub(1) {
            Some(left) => left,
            None => return Err(Stop::Limit("the text holds too many values", node.span)),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            None => {
                if !self.tainted && !node.is_null() {
                    self.parsed.documents.push(node);
                }
            }
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map(OpenMap { key: waiting @ None, .. })) => match &node.value {
                Value::Scalar(scalar) if plain && scalar.text.as_str() == "<<" => {
                    *waiting = Some(Key::Merge(node.span));
                }
                Value::Scalar(scalar) => {
                    *waiting = Some(Key::Text(scalar.text.to_string(), node.span));
                }
                _ => {
                    *waiting = Some(Key::Unusable);
                    self.problem(node.span, "yaml-key", "a key must be text".into(), true);
                }
            },
            Some(Open::Map(map)) => match map.key.take() {
                Some(Key::Text(key, key_span)) => {
                    if let Some(first) = map.insert(Entry {
                        key: key.clone(),
                        key_span: key_span.clone(),
                        value: node,
                        merged: false,
                    }) {
                        let message = format!("duplicate key {key:?}");
                        self.problem(key_span, "duplicate-key", message, true);
                        if let Some(problem) = self.parsed.problems.last_mut() {
                            problem.first = Some(first);
                        }
                    }
                }
                Some(Key::Merge(span)) => map.merge(&node, &span),
                Some(Key::Unusable) | None => {}
            },
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, plain: bool, span: &Range<usize>) -> Scalar {
        let filled = self.held.fill(text, self.environment);
        for name in filled.missing {
            let message = format!("environment variable {name} is not set");
            self.problem(span.clone(), "variable-unset", message, false);
        }
        Scalar { text: Zeroizing::new(filled.text), plain, substituted: filled.any }
    }

    fn problem(&mut self, span: Range<usize>, code: &'static str, message: String, fatal: bool) {
        self.tainted |= fatal;
        self.parsed.problems.push(Problem { span, code, message, fatal, first: None });
    }

    fn span(&self, span: Span) -> Range<usize> {
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start).max(start);
        self.place(start)..self.place(end)
    }

    fn place(&self, offset: usize) -> usize {
        self.held.original(self.base + offset)
    }
}

// === impl OpenMap ===

impl OpenMap {
    /// Adds an entry; gives the place of the one of the same key that already stands there.
    fn insert(&mut self, entry: Entry) -> Option<usize> {
        match self.seen.get(&entry.key).map(|&index| &mut self.entries[index]) {
            Some(there) if there.merged && !entry.merged => *there = entry,
            Some(there) => return Some(there.key_span.start),
            None => {
                self.seen.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
        None
    }

    /// Adds what a merge key brings; keys that are there stay.
    fn merge(&mut self, node: &Node, span: &Range<usize>) {
        match &node.value {
            Value::Map(merged) => {
                for entry in merged {
                    self.insert(Entry { key_span: span.clone(), merged: true, ..entry.clone() });
                }
            }
            Value::List(items) => {
                let maps = items.iter().filter(|item| item.entries().is_some());
                maps.for_each(|item| self.merge(item, span));
            }
            Value::Scalar(_) => {}
        }
    }
}

/// The parser appends its own position, which is that of the text with place holders.
fn without_position(message: &str) -> String {
    message.split(" at char ").next().unwrap_or(message).to_owned()
}
