//! What earlier loads took in, by the smallest part that can be good or bad alone; so that a bad
//! edit can fall back on the last version that was taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use sealgate_aws::Secret;

use crate::gather::{self, Content};

/// What the loads of the same sources remember from one to the next. The default remembers
/// nothing. Keeps the texts of the sources in memory.
#[derive(Default)]
pub struct Memory {
    /// The text of the file in which each part stood when it was last taken.
    pub(crate) units: BTreeMap<Unit, Content>,
    /// The last readable contents of files that annotations of Secrets name.
    values: HashMap<PathBuf, Secret>,
}

/// A part of the sources that a bad edit breaks as a whole, and that is kept as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unit {
    /// The file, of whole files and of mcp.json servers; a resource may move between files.
    file: String,
    /// `MCPRoute default/x`, `mcp.json server x`; empty for a whole file.
    label: String,
}

/// Files that annotations name, each read once a load.
#[derive(Default)]
pub(crate) struct Values {
    read: HashMap<PathBuf, Result<Secret, String>>,
}

/// What the label of an mcp.json server begins with.
pub(crate) const SERVER: &str = "mcp.json server ";

// === impl Memory ===

impl Memory {
    /// The files that gave something.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.units.keys().filter(|unit| unit.label.is_empty()).map(|unit| unit.file.as_str())
    }

    /// Whether the last version of a file that was taken was more than white space.
    pub(crate) fn held_something(&self, file: &str) -> bool {
        self.units.get(&Unit::file(file)).is_some_and(|content| !content.trim().is_empty())
    }

    /// The content of a file that an annotation names.
    ///
    /// # Errors
    /// Why it cannot be read, with its last content where there is one.
    pub(crate) fn value(
        &self,
        values: &mut Values,
        path: &Path,
    ) -> Result<Secret, (String, Option<Secret>)> {
        let read = values.read.entry(path.to_owned()).or_insert_with(|| {
            let text = gather::read(path)?;
            // Files end with a line break that is no part of a key.
            let value = text.trim_end_matches(['\r', '\n']);
            if value.is_empty() && self.values.contains_key(path) {
                return Err(format!("{} is empty", path.display()));
            }
            Ok(Secret::new(value))
        });
        read.clone().map_err(|problem| (problem, self.values.get(path).cloned()))
    }

    /// The content that such a file had when it was last taken.
    pub(crate) fn earlier_value(&self, path: &Path) -> Option<Secret> {
        self.values.get(path).cloned()
    }

    /// Remembers what a load took; of the files in `held` it took the earlier content.
    pub(crate) fn take(
        &mut self,
        units: BTreeMap<Unit, Content>,
        values: Values,
        held: &BTreeSet<PathBuf>,
    ) {
        self.units = units;
        let read = values.read.into_iter().filter(|(path, _)| !held.contains(path));
        self.values.extend(read.filter_map(|(path, value)| Some((path, value.ok()?))));
    }

    /// Which of `units` have an earlier version.
    pub(crate) fn known<'a>(&self, units: impl Iterator<Item = &'a Unit>) -> BTreeSet<Unit> {
        units.filter(|unit| self.units.contains_key(unit)).cloned().collect()
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("units", &self.units.keys()).finish_non_exhaustive()
    }
}

// === impl Unit ===

impl Unit {
    /// All of a file.
    pub(crate) fn file(name: &str) -> Self {
        Self { file: name.to_owned(), label: String::new() }
    }

    /// What it is known by; `None` for a whole file.
    pub(crate) fn label(&self) -> Option<&str> {
        (!self.label.is_empty()).then_some(&self.label)
    }

    /// Whether this only holds values, and refers to nothing.
    pub(crate) fn is_payload(&self) -> bool {
        self.label.starts_with("Secret ") || self.label.starts_with("ConfigMap ")
    }

    /// Whether this is a route, which nothing else refers to.
    pub(crate) fn is_route(&self) -> bool {
        self.label.starts_with("MCPRoute ") || self.label.starts_with(SERVER)
    }

    /// What a finding in `file` about `label` (empty outside of any resource) is about.
    pub(crate) fn of(file: &str, label: &str) -> Self {
        match label {
            "" | "mcp.json" => Self::file(file),
            _ if label.starts_with(SERVER) => Self { file: file.to_owned(), label: label.into() },
            _ => Self { file: String::new(), label: label.to_owned() },
        }
    }
}
