//! Host patterns of listeners and routes, as the Gateway API defines them.

use std::fmt;

/// `mcp.example.com`, or `*.example.org` for any name below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This name, lower case.
    Exact(String),
    /// Any name that ends in this suffix, kept with its leading dot.
    Wildcard(String),
}

// === impl HostPattern ===

impl HostPattern {
    /// Reads a pattern that the schema has already checked; `*` is not a pattern of its own.
    pub fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('*') {
            Some(suffix) => Self::Wildcard(suffix.to_owned()),
            None => Self::Exact(text),
        }
    }

    /// Whether `host` (without port, any case) is covered.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name.eq_ignore_ascii_case(host),
            Self::Wildcard(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .filter(|&start| start > 0)
                .and_then(|start| host.get(start..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
        }
    }

    /// Whether some host name satisfies both patterns.
    pub fn intersects(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(name), pattern) | (pattern, Self::Exact(name)) => pattern.matches(name),
            (Self::Wildcard(one), Self::Wildcard(two)) => one.ends_with(two) || two.ends_with(one),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests;
