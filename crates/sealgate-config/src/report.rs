//! Findings in the making: places in the tree in, sorted and positioned [`Finding`]s out.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use crate::finding::{Finding, Place, Severity};
use crate::text::SourceText;

/// Everything found so far.
#[derive(Default)]
pub(crate) struct Report {
    files: RefCell<Vec<Rc<SourceText>>>,
    drafts: RefCell<Vec<Draft>>,
    errors: Cell<usize>,
}

/// A finding whose line and column are not computed yet.
#[derive(PartialEq)]
struct Draft {
    severity: Severity,
    code: &'static str,
    message: String,
    help: Option<String>,
    spot: Option<Spot>,
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

    /// Adds a source and gives the place of its beginning.
    pub(crate) fn open(self: &Rc<Self>, text: Rc<SourceText>) -> At {
        let mut files = self.files.borrow_mut();
        files.push(text);
        let file = files.len() - 1;
        let spot = Spot { file, span: 0..0, resource: Rc::from(""), field: String::new() };
        At { report: Rc::clone(self), spot }
    }

    /// Reports something that has no place in a source.
    pub(crate) fn anywhere(&self, severity: Severity, code: &'static str, message: String) {
        self.push(Draft { severity, code, message, help: None, spot: None });
    }

    /// How many errors there are; a larger number later means that something failed in between.
    pub(crate) fn errors(&self) -> usize {
        self.errors.get()
    }

    /// Counts errors as they were at `before`: those since then have had their effect.
    pub(crate) fn forgive(&self, before: usize) {
        self.errors.set(before);
    }

    /// Gives every finding in source order.
    pub(crate) fn finish(&self, strict: bool) -> Vec<Finding> {
        let files = self.files.borrow();
        let mut drafts = self.drafts.take();
        drafts.sort_by_key(|draft| {
            draft.spot.as_ref().map_or((usize::MAX, 0), |spot| (spot.file, spot.span.start))
        });
        drafts
            .into_iter()
            .map(|draft| {
                let severity = match draft.severity {
                    Severity::Warning if strict => Severity::Error,
                    severity => severity,
                };
                let place = draft.spot.and_then(|spot| place(files.get(spot.file)?, spot));
                let Draft { code, message, help, .. } = draft;
                Finding { severity, code, message, help, place }
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

fn place(file: &Rc<SourceText>, spot: Spot) -> Option<Place> {
    let (line, column) = file.position(spot.span.start);
    Some(Place {
        file: file.name.clone(),
        line,
        column,
        excerpt: Some(file.excerpt(&spot.span)),
        span: spot.span,
        resource: spot.resource.to_string(),
        field: spot.field,
    })
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
        files.get(self.spot.file).map_or_else(String::new, |file| {
            format!("{}:{}", file.name, file.position(self.spot.span.start).0)
        })
    }

    /// Hides the value at `span` in everything that is shown.
    pub(crate) fn mask(&self, span: Range<usize>) {
        if let Some(file) = self.report.files.borrow().get(self.spot.file) {
            file.mask(span);
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
        self.report.push(Draft { severity, code, message, help, spot: Some(self.spot.clone()) });
    }

    /// Reports in the API server's form: `path: text`.
    pub(crate) fn invalid(&self, code: &'static str, text: impl AsRef<str>) {
        self.error(code, format!("{}: {}", self.path(), text.as_ref()));
    }
}
