//! Which of a backend's tools are offered.

use std::fmt;

use regex::Regex;

/// An expression in RE2 syntax that compares by its text.
#[derive(Clone)]
pub struct Pattern(Regex);

/// Tool names without the backend's prefix; exclusion wins, and an empty inclusion allows all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolSelector {
    /// Exact names.
    pub include: Vec<String>,
    /// Unanchored expressions; considered when `include` is empty.
    pub include_regex: Vec<Pattern>,
    /// Exact names that are never offered.
    pub exclude: Vec<String>,
    /// Unanchored expressions whose matches are never offered.
    pub exclude_regex: Vec<Pattern>,
}

// === impl Pattern ===

impl Pattern {
    /// The largest compiled expression, in bytes: a few hundred states more than any sane name
    /// needs, and a bound on what a configuration can cost.
    const SIZE_LIMIT: usize = 1 << 20;

    /// Compiles an unanchored expression.
    ///
    /// # Errors
    /// When the syntax is not RE2's, or the compiled form is too large.
    pub fn search(text: &str) -> Result<Self, regex::Error> {
        regex::RegexBuilder::new(text).size_limit(Self::SIZE_LIMIT).build().map(Self)
    }

    /// Compiles an expression that must match the whole text.
    ///
    /// # Errors
    /// As [`Pattern::search`].
    pub fn whole(text: &str) -> Result<Self, regex::Error> {
        // Compiled alone first, so that an unbalanced `)` cannot escape the group below.
        Self::search(text)?;
        Self::search(&format!("^(?:{text})$"))
    }

    /// Whether `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as compiled.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

// === impl ToolSelector ===

impl ToolSelector {
    /// Whether the tool of this (bare) name is offered and may be called.
    pub fn allows(&self, name: &str) -> bool {
        let is = |list: &[String]| list.iter().any(|entry| entry == name);
        let like = |list: &[Pattern]| list.iter().any(|pattern| pattern.matches(name));
        if is(&self.exclude) || like(&self.exclude_regex) {
            return false;
        }
        if !self.include.is_empty() {
            return is(&self.include);
        }
        self.include_regex.is_empty() || like(&self.include_regex)
    }

    /// Whether every tool passes.
    pub fn is_open(&self) -> bool {
        self.include.is_empty()
            && self.include_regex.is_empty()
            && self.exclude.is_empty()
            && self.exclude_regex.is_empty()
    }
}

#[cfg(test)]
mod tests;
