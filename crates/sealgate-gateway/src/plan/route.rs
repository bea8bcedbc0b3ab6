//! Enters: one resolved route. Leaves: its backends and the way from a name to one of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use sealgate_config::resolved::{HeaderMatch, HostPattern, PrefixMode, Route, UriMode};
use sealgate_mcp::{name, resource_uri};

use super::BackendPlan;
use crate::method::Owners;
use crate::observe::RouteMetrics;

/// One MCP endpoint and the backends behind it.
pub struct RoutePlan {
    /// `namespace/name` of its resource.
    pub name: Arc<str>,
    /// Matched exactly.
    pub path: String,
    /// What sessions are bound to: survives reloads, differs between routes.
    pub(crate) tag: u64,
    /// In the order of the resource, which is the order of merged lists.
    pub backends: Vec<Arc<BackendPlan>>,
    pub(crate) hostnames: Vec<HostPattern>,
    pub(crate) headers: Vec<HeaderMatch>,
    /// How long a session lives after `initialize`.
    pub(crate) session_ttl: Duration,
    /// Whether clients of HTTP+SSE (2024-11-05) are served.
    pub(crate) legacy_sse: bool,
    /// How clients see URIs.
    pub(crate) uris: UriMode,
    pub(crate) metrics: RouteMetrics,
    /// Whose resource a URI is.
    pub(crate) owners: Owners,
    by_name: BTreeMap<String, usize>,
    /// Bare tool names that only one `prefixMode: Never` backend includes.
    bare: BTreeMap<String, usize>,
}

impl RoutePlan {
    pub(super) fn new(
        route: &Route,
        tag: u64,
        backends: Vec<Arc<BackendPlan>>,
        metrics: RouteMetrics,
    ) -> Self {
        let by_name =
            backends.iter().enumerate().map(|(index, b)| (b.name.to_string(), index)).collect();
        let mut bare = BTreeMap::new();
        for (index, backend) in backends.iter().enumerate() {
            if backend.prefix == PrefixMode::Never {
                for tool in &backend.tools.include {
                    bare.entry(tool.clone()).or_insert(index);
                }
            }
        }
        Self {
            name: route.name.as_str().into(),
            path: route.path.clone(),
            tag,
            backends,
            hostnames: route.hostnames.clone(),
            headers: route.headers.clone(),
            session_ttl: route.session_ttl,
            legacy_sse: route.legacy_sse,
            uris: route.uris,
            metrics,
            owners: Owners::default(),
            by_name,
            bare,
        }
    }

    /// Whether host and headers of a request are this route's.
    pub(crate) fn matches(&self, host: &str, headers: &HeaderMap) -> bool {
        let host_fits =
            self.hostnames.is_empty() || self.hostnames.iter().any(|name| name.matches(host));
        host_fits
            && self.headers.iter().all(|wanted| {
                headers
                    .get(&wanted.name)
                    .and_then(|value| value.to_str().ok())
                    .is_some_and(|value| wanted.value.matches(value))
            })
    }

    /// The only backend, where there is one: its messages pass unmerged.
    pub(crate) fn single(&self) -> Option<&Arc<BackendPlan>> {
        match self.backends.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The backend that a client's tool or prompt name belongs to, and the name there. Where
    /// several backends' names are prefixes of it, the longest wins, so that a backend `a__b` is
    /// reachable beside a backend `a`.
    pub(crate) fn owner<'n>(&self, client_name: &'n str) -> Option<(usize, &'n str)> {
        if let [only] = self.backends.as_slice()
            && only.prefix == PrefixMode::Never
        {
            return Some((0, client_name));
        }
        let mut found = None;
        for at in separators(client_name) {
            let (prefix, rest) = (&client_name[..at], &client_name[at + name::SEPARATOR.len()..]);
            if let Some(&index) = self.by_name.get(prefix)
                && self.backends[index].prefix == PrefixMode::Always
            {
                found = Some((index, rest));
            }
        }
        found.or_else(|| self.bare.get(client_name).map(|&index| (index, client_name)))
    }

    /// The backend that a client's URI names, where URIs name their backends.
    pub(crate) fn uri_owner(&self, uri: &str) -> Option<usize> {
        let (name, _) = resource_uri::split(uri)?;
        self.by_name.get(name).copied()
    }

    /// The backend with this tag.
    pub(crate) fn by_tag(&self, tag: u32) -> Option<usize> {
        self.backends.iter().position(|backend| backend.tag == tag)
    }
}

/// Where separators stand, none of them within another.
fn separators(name: &str) -> impl Iterator<Item = usize> {
    let (bytes, mut from) = (name.as_bytes(), 0);
    std::iter::from_fn(move || {
        let mut pairs = bytes.get(from..)?.windows(name::SEPARATOR.len());
        let at = from + pairs.position(|pair| pair == name::SEPARATOR.as_bytes())?;
        from = at + name::SEPARATOR.len();
        Some(at)
    })
}
