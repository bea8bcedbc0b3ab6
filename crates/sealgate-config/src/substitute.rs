//! `${VAR}`, `${VAR:-default}`, `${VAR:=default}`: text in, text with place holders out, so that a
//! variable's value becomes part of a scalar and never of the YAML around it.
//!
//! A value may hold anything (`#`, `: `, line breaks) without changing the structure of the file,
//! and offsets in the held text map back to the file as it stands.

use std::ops::Range;

/// Opens a place holder; from a private-use area that no configuration needs.
const OPEN: char = '\u{E0F0}';
/// Closes a place holder.
const CLOSE: char = '\u{E0F1}';

/// A text whose variables are held back.
pub(crate) struct Held {
    /// What the YAML parser reads.
    pub(crate) text: String,
    variables: Vec<Variable>,
}

/// One reference to a variable.
struct Variable {
    /// `None` for an escaped `$${`, whose text is `default`.
    name: Option<String>,
    default: Option<String>,
    /// `:-` and `:=` replace an empty value too; `-` and `=` only an absent one.
    replaces_empty: bool,
    held: Range<usize>,
    original: Range<usize>,
}

/// A scalar after substitution.
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// Whether a variable took part.
    pub(crate) any: bool,
    /// Variables without value and without default.
    pub(crate) missing: Vec<String>,
}

// === impl Held ===

impl Held {
    /// Holds back every reference in `text`.
    pub(crate) fn new(text: &str) -> Self {
        let mut held = Self { text: String::with_capacity(text.len()), variables: Vec::new() };
        let mut rest = 0;
        while let Some(found) = text[rest..].find(['$', OPEN, CLOSE]) {
            let at = rest + found;
            held.text.push_str(&text[rest..at]);
            let tail = &text[at..];
            if let Some((variable, length)) = Variable::parse(tail) {
                held.hold(variable, at..at + length);
                rest = at + length;
            } else {
                let next = tail.chars().next().unwrap_or('$');
                // A stray mark of ours would be taken for a place holder.
                held.text.push(if next == '$' { next } else { char::REPLACEMENT_CHARACTER });
                rest = at + next.len_utf8();
            }
        }
        held.text.push_str(&text[rest..]);
        held
    }

    /// Where an offset of [`Held::text`] lies in the original text.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let after = self.variables.partition_point(|variable| variable.held.end <= offset);
        if let Some(inside) = self.variables.get(after)
            && inside.held.start < offset
        {
            return inside.original.start;
        }
        match after.checked_sub(1).and_then(|index| self.variables.get(index)) {
            Some(before) => before.original.end + (offset - before.held.end),
            None => offset,
        }
    }

    /// Fills the place holders of one scalar.
    pub(crate) fn fill(
        &self,
        scalar: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Substituted {
        let mut filled =
            Substituted { text: String::with_capacity(scalar.len()), any: false, missing: vec![] };
        let mut rest = scalar;
        while let Some((before, after)) = rest.split_once(OPEN) {
            filled.text.push_str(before);
            let Some((index, tail)) = after.split_once(CLOSE) else { break };
            rest = tail;
            let Some(variable) = index.parse().ok().and_then(|i: usize| self.variables.get(i))
            else {
                continue;
            };
            filled.any |= variable.name.is_some();
            variable.fill(environment, &mut filled);
        }
        filled.text.push_str(rest);
        filled
    }

    fn hold(&mut self, mut variable: Variable, original: Range<usize>) {
        let start = self.text.len();
        self.text.push(OPEN);
        self.text.push_str(&self.variables.len().to_string());
        self.text.push(CLOSE);
        variable.held = start..self.text.len();
        variable.original = original;
        self.variables.push(variable);
    }
}

// === impl Variable ===

impl Variable {
    /// Bytes of a default; bounds what an unclosed reference costs.
    const LONGEST_DEFAULT: usize = 1024;

    /// Reads one reference at the start of `tail` and gives its length.
    fn parse(tail: &str) -> Option<(Self, usize)> {
        if tail.starts_with("$${") {
            return Some((Self::new(None, Some("${".to_owned()), false), 3));
        }
        let inner = tail.strip_prefix("${")?;
        // The spelling of editors' mcp.json files.
        let body = inner.strip_prefix("env:").unwrap_or(inner);
        let skipped = tail.len() - body.len();
        let end =
            body.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))?;
        let name = &body[..end];
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let tail = &body[end..];
        if tail.starts_with('}') {
            return Some((Self::new(Some(name), None, true), skipped + end + 1));
        }
        let (operator, replaces_empty) = [(":-", true), (":=", true), ("-", false), ("=", false)]
            .into_iter()
            .find(|(operator, _)| tail.starts_with(operator))?;
        let default = &tail[operator.len()..];
        let default = &default[..default.floor_char_boundary(Self::LONGEST_DEFAULT)];
        // One line only: an unclosed reference must not swallow the file.
        let close = default.find(['}', '\n']).filter(|&at| default[at..].starts_with('}'))?;
        let length = skipped + end + operator.len() + close + 1;
        Some((Self::new(Some(name), Some(default[..close].to_owned()), replaces_empty), length))
    }

    fn new(name: Option<&str>, default: Option<String>, replaces_empty: bool) -> Self {
        let name = name.map(str::to_owned);
        Self { name, default, replaces_empty, held: 0..0, original: 0..0 }
    }

    fn fill(&self, environment: &dyn Fn(&str) -> Option<String>, filled: &mut Substituted) {
        let default = self.default.as_deref();
        let Some(name) = &self.name else {
            filled.text.push_str(default.unwrap_or_default());
            return;
        };
        match (environment(name), default) {
            (Some(value), Some(default)) if value.is_empty() && self.replaces_empty => {
                filled.text.push_str(default);
            }
            (Some(value), _) => filled.text.push_str(&value),
            (None, Some(default)) => filled.text.push_str(default),
            (None, None) => filled.missing.push(name.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
