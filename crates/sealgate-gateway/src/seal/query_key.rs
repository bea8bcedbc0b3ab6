//! Enters: an API key that goes into the query. Leaves: request targets that carry it.

use std::fmt;

use sealgate_aws::sign::percent_encoded;

/// A key as a query has it, percent-encoded. Cannot be printed.
pub(crate) struct QueryKey {
    name: String,
    value: String,
}

impl QueryKey {
    /// The key `value` in the parameter `name`.
    pub(crate) fn new(name: &str, value: &str) -> Self {
        Self { name: percent_encoded(name), value: percent_encoded(value) }
    }

    /// The target with the key behind everything else.
    pub(crate) fn add_to(&self, target: &str) -> String {
        let separator = if target.contains('?') { '&' } else { '?' };
        format!("{target}{separator}{}={}", self.name, self.value)
    }

    /// Whether the target names the parameter already.
    pub(crate) fn is_in(&self, target: &str) -> bool {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|pair| pair.split('=').next() == Some(&self.name))
    }
}

impl fmt::Debug for QueryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QueryKey").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_behind_the_query_that_is_there() {
        let key = QueryKey::new("api key", "a/b");
        assert_eq!(key.add_to("/mcp"), "/mcp?api%20key=a%2Fb");
        assert_eq!(key.add_to("/m?s=1"), "/m?s=1&api%20key=a%2Fb");
        assert!(key.is_in("/m?s=1&api%20key=z") && !key.is_in("/m?s=api%20key"));
        assert!(!format!("{key:?}").contains("a%2Fb"));
    }
}
