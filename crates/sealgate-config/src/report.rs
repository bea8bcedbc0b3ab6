//! Findings in the making: places in the tree in, sorted and positioned [`Finding`]s out.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use crate::finding::{Finding, Place, Severity};
use crate::memory::Unit;
use crate::read::Fact;
use crate::text::SourceText;

/// Everything found so far.
#[derive(Default)]
pub(crate) struct Report {
    files: RefCell<Vec<File>>,
    drafts: RefCell<Vec<Draft>>,
    errors: Cell<usize>,
    /// What readers would take. Only for the schema.
    learned: Option<RefCell<Vec<Learned>>>,
}

/// Resource, path and fact.
type Learned = (Rc<str>, String, Fact);

/// A source, or what it was before.
struct File {
    text: Rc<SourceText>,
    earlier: bool,
}

/// A finding whose line and column are not computed yet.
#[derive(PartialEq)]
struct Draft {
    severity: Severity,
    code: &'static str,
    message: String,
    help: Option<String>,
    spot: Spotted,
}

/// Where a finding is.
#[derive(Clone, PartialEq)]
enum Spotted {
    Nowhere,
    /// A file of which there is no text.
    Unread(String),
    At(Spot),
}

/// A finding, what it is about, and whether it is about an earlier text.
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) unit: Option<Unit>,
    pub(crate) earlier: bool,
}

/// What is wrong with one part of the sources, without the places, which an edit may move.
#[derive(Default)]
pub(crate) struct Errors {
    pub(crate) codes: BTreeSet<&'static str>,
    pub(crate) messages: BTreeSet<String>,
}

#[derive(Clone, PartialEq)]
struct Spot {
    file: usize,
    span: Range<usize>,
    resource: Rc<str>,
    field: String,
}

/// A place that findings can name.
#[derive(Clone)]
pub(crate) struct At {
    report: Rc<Report>,
    spot: Spot,
}

// === impl Report ===

impl Report {
    /// More than anyone reads; bounds what a hostile file costs.
    const MOST: usize = 1000;

    /// One that is told what readers would take.
    pub(crate) fn that_learns() -> Self {
        Self { learned: Some(RefCell::default()), ..Self::default() }
    }

    /// Everything that readers told.
    pub(crate) fn learned(&self) -> Vec<Learned> {
        self.learned.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// Adds a source and gives the place of its beginning.
    pub(crate) fn open(self: &Rc<Self>, text: Rc<SourceText>, earlier: bool) -> At {
        let mut files = self.files.borrow_mut();
        files.push(File { text, earlier });
        let file = files.len() - 1;
        let spot = Spot { file, span: 0..0, resource: Rc::from(""), field: String::new() };
        At { report: Rc::clone(self), spot }
    }

    /// Reports something that has no place in a source.
    pub(crate) fn anywhere(&self, severity: Severity, code: &'static str, message: String) {
        self.push(Draft { severity, code, message, help: None, spot: Spotted::Nowhere });
    }

    /// Reports a file that cannot be read.
    pub(crate) fn unreadable(&self, file: &str, message: String) {
        let spot = Spotted::Unread(file.to_owned());
        let (severity, code) = (Severity::Error, "unreadable");
        self.push(Draft { severity, code, message, help: None, spot });
    }

    /// How many errors there are; a larger number later means that something failed in between.
    pub(crate) fn errors(&self) -> usize {
        self.errors.get()
    }

    /// Counts errors as they were at `before`: those since then have had their effect.
    pub(crate) fn forgive(&self, before: usize) {
        self.errors.set(before);
    }

    /// The errors so far, by what they are about.
    pub(crate) fn by_unit(&self) -> BTreeMap<Unit, Errors> {
        let files = self.files.borrow();
        let mut by_unit: BTreeMap<Unit, Errors> = BTreeMap::new();
        for draft in self.drafts.borrow().iter() {
            if draft.severity != Severity::Error {
                continue;
            }
            let Some(unit) = draft.spot.unit(&files) else { continue };
            let errors = by_unit.entry(unit).or_default();
            errors.codes.insert(draft.code);
            errors.messages.insert(without_indices(&draft.message));
        }
        by_unit
    }

    /// Gives every finding in source order.
    pub(crate) fn finish(&self, strict: bool) -> Vec<Found> {
        let files = self.files.borrow();
        let mut drafts = self.drafts.take();
        drafts.sort_by_key(|draft| match &draft.spot {
            Spotted::At(spot) => (spot.file, spot.span.start),
            _ => (usize::MAX, 0),
        });
        drafts
            .into_iter()
            .map(|draft| {
                let severity = match draft.severity {
                    Severity::Warning if strict => Severity::Error,
                    severity => severity,
                };
                let unit = draft.spot.unit(&files);
                let (earlier, place) = match draft.spot {
                    Spotted::At(spot) => match files.get(spot.file) {
                        Some(file) => (file.earlier, Some(place(&file.text, spot))),
                        None => (false, None),
                    },
                    _ => (false, None),
                };
                let Draft { code, message, help, .. } = draft;
                let finding = Finding { severity, code, message, help, kept: false, place };
                Found { finding, unit, earlier }
            })
            .collect()
    }

    fn push(&self, draft: Draft) {
        if draft.severity == Severity::Error {
            self.errors.set(self.errors.get() + 1);
        }
        let mut drafts = self.drafts.borrow_mut();
        if drafts.len() < Self::MOST && !drafts.contains(&draft) {
            drafts.push(draft);
        }
    }
}

fn place(file: &SourceText, spot: Spot) -> Place {
    let (line, column) = file.position(spot.span.start);
    Place {
        file: file.name.clone(),
        line,
        column,
        excerpt: Some(file.excerpt(&spot.span)),
        span: spot.span,
        resource: spot.resource.to_string(),
        field: spot.field,
    }
}

/// `spec.backendRefs[0]` and `spec.backendRefs[1]` are the same place after an edit above them.
fn without_indices(message: &str) -> String {
    let mut inside = false;
    let kept = message.chars().filter(|&c| {
        inside = c == '[' || (inside && c.is_ascii_digit());
        !(inside && c != '[')
    });
    kept.collect()
}

// === impl Spotted ===

impl Spotted {
    /// The smallest part of the sources that this is in.
    fn unit(&self, files: &[File]) -> Option<Unit> {
        match self {
            Self::Nowhere => None,
            Self::Unread(file) => Some(Unit::file(file)),
            Self::At(spot) => {
                files.get(spot.file).map(|file| Unit::of(&file.text.name, &spot.resource))
            }
        }
    }
}

// === impl At ===

impl At {
    pub(crate) fn report(&self) -> &Rc<Report> {
        &self.report
    }

    /// The same file, as part of `resource`.
    pub(crate) fn of_resource(&self, resource: &str) -> Self {
        let spot = Spot { resource: Rc::from(resource), ..self.spot.clone() };
        Self { report: Rc::clone(&self.report), spot }
    }

    /// The same file, outside of any resource.
    pub(crate) fn of_document(&self) -> Self {
        let spot = Spot { resource: Rc::from(""), field: String::new(), ..self.spot.clone() };
        Self { report: Rc::clone(&self.report), spot }
    }

    /// Another place of the same resource.
    pub(crate) fn at(&self, span: Range<usize>) -> Self {
        Self { report: Rc::clone(&self.report), spot: Spot { span, ..self.spot.clone() } }
    }

    /// A place further down: `spec` → `spec.path`.
    pub(crate) fn field(&self, name: &str, span: Range<usize>) -> Self {
        let mut at = self.at(span);
        let simple = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        if !name.chars().all(simple) || name.len() > 80 {
            at.spot.field.push_str(&format!("[{:?}]", name.chars().take(80).collect::<String>()));
        } else {
            if !at.spot.field.is_empty() {
                at.spot.field.push('.');
            }
            at.spot.field.push_str(name);
        }
        at
    }

    /// An item of a list: `spec.backendRefs` → `spec.backendRefs[0]`.
    pub(crate) fn item(&self, index: usize, span: Range<usize>) -> Self {
        let mut at = self.at(span);
        at.spot.field.push_str(&format!("[{index}]"));
        at
    }

    /// What this place underlines.
    pub(crate) fn span(&self) -> Range<usize> {
        self.spot.span.clone()
    }

    /// The field path as the API server prints it.
    pub(crate) fn path(&self) -> &str {
        &self.spot.field
    }

    /// `file:line` of this place, for messages about another one.
    pub(crate) fn named(&self) -> String {
        let files = self.report.files.borrow();
        files.get(self.spot.file).map_or_else(String::new, |File { text, .. }| {
            format!("{}:{}", text.name, text.position(self.spot.span.start).0)
        })
    }

    /// Tells what a reader would take here, to who wants to know.
    pub(crate) fn learn(&self, fact: impl FnOnce() -> Fact) {
        if let Some(learned) = &self.report.learned {
            let (resource, path) = (Rc::clone(&self.spot.resource), self.spot.field.clone());
            learned.borrow_mut().push((resource, path, fact()));
        }
    }

    /// Hides the value at `span` in everything that is shown.
    pub(crate) fn mask(&self, span: Range<usize>) {
        if let Some(file) = self.report.files.borrow().get(self.spot.file) {
            file.text.mask(span);
        }
    }

    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>) {
        self.say(Severity::Error, code, message.into(), None);
    }

    pub(crate) fn warning(&self, code: &'static str, message: impl Into<String>) {
        self.say(Severity::Warning, code, message.into(), None);
    }

    pub(crate) fn note(&self, code: &'static str, message: impl Into<String>) {
        self.say(Severity::Note, code, message.into(), None);
    }

    /// Reports with a remedy.
    pub(crate) fn say(
        &self,
        severity: Severity,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) {
        let spot = Spotted::At(self.spot.clone());
        self.report.push(Draft { severity, code, message, help, spot });
    }

    /// Reports in the API server's form: `path: text`.
    pub(crate) fn invalid(&self, code: &'static str, text: impl AsRef<str>) {
        self.error(code, format!("{}: {}", self.path(), text.as_ref()));
    }
}
