//! Enters: what a modern request says. Leaves: the headers that repeat it, which a backend of that
//! era compares with the body (MCP 2026-07-28, SEP-2243).

use http::header::{HeaderMap, HeaderName, HeaderValue};
use sealgate_mcp::modern_headers::{METHOD, NAME, PARAM_PREFIX, encode};

/// The headers of one modern request. Made anew from the body that is sent, so that a renamed
/// tool is named alike in both.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    method: Option<HeaderValue>,
    name: Option<HeaderValue>,
    parameters: Vec<(HeaderName, HeaderValue)>,
}

impl Mirror {
    /// The headers of a request of `method` about `target`. What a header cannot carry is left
    /// out: the backend will say what it misses.
    pub(crate) fn new(method: &str, target: Option<&str>) -> Self {
        Self {
            method: HeaderValue::from_str(method).ok(),
            name: target.and_then(|target| HeaderValue::from_str(&encode(target)).ok()),
            parameters: Vec::new(),
        }
    }

    /// The same of another name.
    #[must_use]
    pub(crate) fn renamed(&self, target: &str) -> Self {
        Self { name: HeaderValue::from_str(&encode(target)).ok(), ..self.clone() }
    }

    /// With the client's own `Mcp-Param-*` headers, known or not.
    #[must_use]
    pub(crate) fn forwarding(mut self, client: &HeaderMap) -> Self {
        let parameters = client.iter().filter(|(name, _)| name.as_str().starts_with(PARAM_PREFIX));
        self.parameters.extend(parameters.map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// With headers that the gateway makes for the arguments of a call.
    #[must_use]
    pub(crate) fn with(mut self, parameters: &[(String, String)]) -> Self {
        self.parameters.extend(parameters.iter().filter_map(|(name, value)| {
            Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?))
        }));
        self
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if let Some(method) = &self.method {
            headers.insert(HeaderName::from_static(METHOD), method.clone());
        }
        if let Some(name) = &self.name {
            headers.insert(HeaderName::from_static(NAME), name.clone());
        }
        for (name, value) in &self.parameters {
            headers.append(name, value.clone());
        }
    }
}
