//! Two versions of a resource in; whether the earlier one asks for all the protection that the
//! later one asks for out. Where it does not, it must not stay in force in place of the later one,
//! however broken that is: somebody has just asked for what it lacks.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::gather::Content;
use crate::kind;
use crate::memory::{SERVER, Unit};
use crate::read::{Field, is_protective};
use crate::report::Report;
use crate::substitute::Held;
use crate::text::SourceText;
use crate::tree::{self, Node, Value};

/// What parts of texts ask for; each text is parsed once.
#[derive(Default)]
pub(crate) struct Asked {
    parsed: HashMap<*const Zeroizing<String>, Rc<Vec<Node>>>,
}

/// Lists of which every item takes something away from callers; an item of any other gives.
const NARROWING: [&str; 4] = ["exclude", "excludeRegex", "rules", "targetRefs"];

// === impl Asked ===

impl Asked {
    /// Whether `earlier` asks for no less than `now`. Of a whole file nothing is known.
    pub(crate) fn covers(&mut self, unit: &Unit, earlier: &Content, now: &Content) -> bool {
        let Some(label) = unit.label() else { return true };
        let now = self.of(label, now);
        now.is_empty() || now.is_subset(&self.of(label, earlier))
    }

    fn of(&mut self, label: &str, content: &Content) -> BTreeSet<String> {
        let address: *const Zeroizing<String> = &**content;
        let parsed = self.parsed.entry(address).or_insert_with(|| {
            // Only names matter here, and no variable stands for one.
            Rc::new(tree::parse(&Held::new(content), &|_| None).documents)
        });
        let mut found = BTreeSet::new();
        if let Some(server) = label.strip_prefix(SERVER) {
            let servers = parsed.iter().filter_map(|document| document.get("mcpServers"));
            servers
                .filter_map(|all| all.get(server))
                .for_each(|it| collect(it, "", false, &mut found));
            return found;
        }
        let report = Rc::new(Report::default());
        let at = report.open(Rc::new(SourceText::new(String::new(), content.clone())), true);
        for document in parsed.iter() {
            for item in kind::items(&Field::root(document, &at)) {
                if kind::label(item.node()).as_deref() == Some(label)
                    && let Some(spec) = item.node().get("spec")
                {
                    collect(spec, "", false, &mut found);
                }
            }
        }
        found
    }
}

/// Notes every name at and below one that protects something.
fn collect(node: &Node, path: &str, within: bool, found: &mut BTreeSet<String>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => {
            let last = path.rsplit('.').next().unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                // Whose protection it is matters, not where in the list it stands.
                let name = item.get("name").and_then(Node::text).map(str::to_owned);
                let path = match name {
                    Some(name) => format!("{path}[{name}]"),
                    None if NARROWING.contains(&last) => format!("{path}[{index}]"),
                    None => path.to_owned(),
                };
                if within && NARROWING.contains(&last) {
                    found.insert(path.clone());
                }
                collect(item, &path, within, found);
            }
        }
        Value::Map(entries) => {
            for entry in entries.iter().filter(|entry| !entry.value.is_null()) {
                let path = format!("{path}.{}", entry.key);
                let within = within || is_protective(&entry.key);
                if within {
                    found.insert(path.clone());
                }
                collect(&entry.value, &path, within, found);
            }
        }
    }
}
