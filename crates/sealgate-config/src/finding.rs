//! What is wrong, where, and what to do: the only way in which this crate speaks to people.

mod render;

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::text::Excerpt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Served, but perhaps not as meant.
    Warning,
    /// Something is left out.
    Error,
}

/// What is said of a bad edit.
const KEPT: &str = "the last good version stays in force";

/// One thing found in the sources.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// A stable name for the kind of finding, `kebab-case`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether the last good version of what this is about stays in force, so that nothing
    /// was lost.
    #[serde(skip_serializing_if = "is_false")]
    pub kept: bool,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place in a source.
#[derive(Clone, PartialEq, Serialize)]
pub struct Place {
    /// The file (or URL) as it was named.
    pub file: String,
    /// First line is 1.
    pub line: usize,
    /// First column is 1; columns count characters.
    pub column: usize,
    /// Byte range in the file.
    pub span: Range<usize>,
    /// `MCPRoute default/x`; empty outside of a resource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// `spec.backendRefs[0].path`; empty for the resource itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// The line, secrets masked; for rendering only.
    #[serde(skip)]
    pub(crate) excerpt: Option<Excerpt>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

// === impl Severity ===

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

// === impl Finding ===

impl Finding {
    /// Renders as a compiler would: the place, the line, a caret, the help.
    pub fn render(&self, color: bool) -> String {
        render::render(self, color)
    }
}

impl fmt::Display for Finding {
    /// One line, for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.severity, self.message)?;
        if self.kept {
            write!(f, "; {KEPT}")?;
        }
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

// === impl Place ===

impl Place {
    /// What stands beside the caret: the field, and the resource that it belongs to.
    fn label(&self) -> String {
        match (self.resource.as_str(), self.field.as_str()) {
            ("", field) => field.to_owned(),
            (resource, "") => resource.to_owned(),
            (resource, field) => format!("{field} of {resource}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("at", &self.to_string())
            .field("resource", &self.resource)
            .field("field", &self.field)
            .finish()
    }
}
