//! YAML (and so JSON) text in, a tree out in which every value and key knows where it stands.

mod parse;

use std::ops::Range;

use zeroize::Zeroizing;

pub(crate) use parse::parse;

/// A value with its place in the source.
#[derive(Clone)]
pub(crate) struct Node {
    /// Bytes of the original text.
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// Text that has no type until someone asks for one.
#[derive(Clone)]
pub(crate) struct Scalar {
    /// After substitution; wiped on drop, since it may be a secret.
    pub(crate) text: Zeroizing<String>,
    /// Unquoted, so that `1` and `true` and `null` mean what they say.
    pub(crate) plain: bool,
    /// A variable took part; such text may stand for any type.
    pub(crate) substituted: bool,
}

/// One key and its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
    /// Came through `<<`; a key of the map itself replaces it.
    pub(crate) merged: bool,
}

// === impl Node ===

impl Node {
    /// `null`, or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => {
                scalar.plain
                    && !scalar.substituted
                    && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// The value of `key` in a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The text of a scalar that is not null.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) if !self.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    /// How many nodes hang below and including this one.
    fn size(&self) -> usize {
        match &self.value {
            Value::Scalar(_) => 1,
            Value::List(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|e| e.value.size()).sum::<usize>(),
        }
    }
}

#[cfg(test)]
mod tests;
