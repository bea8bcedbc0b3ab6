//! What a reader would take at a place, for the schema.

/// One thing that a reader asks of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// `true` or `false`.
    Boolean,
    /// An object with these fields and no others.
    Fields(Vec<String>),
    /// A whole number.
    Integer { min: u64, max: u64 },
    /// A list of so many items.
    List { min: usize, max: usize },
    /// An object whose keys are free, and whose values are alike.
    Map,
    /// Some object.
    Object,
    /// An object with this field.
    Required(&'static str),
    /// Text.
    Text { min: usize, max: usize, pattern: Option<&'static str> },
    /// One of a few words.
    Words(Vec<String>),
}

/// The types of JSON, as far as they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Object,
    List,
    Text,
    Integer,
    Boolean,
}

// === impl Fact ===

impl Fact {
    /// The type that the value must have.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Boolean => Kind::Boolean,
            Self::Fields(_) | Self::Map | Self::Object | Self::Required(_) => Kind::Object,
            Self::Integer { .. } => Kind::Integer,
            Self::List { .. } => Kind::List,
            Self::Text { .. } | Self::Words(_) => Kind::Text,
        }
    }
}
