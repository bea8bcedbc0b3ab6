//! Enters: one resolved backend. Leaves: what its requests are made of, prebuilt.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sealgate_aws::sign::Explanation;
use sealgate_config::resolved::{Deadlines, EraSetting, ForwardHeader, PrefixMode, ToolSelector};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::name;

use super::Places;
use crate::backend::{BackendLists, Health, Memory, Outages};
use crate::fail::BackendError;
use crate::observe::BackendMetrics;
use crate::seal::{Draft, QueryKey, Seal};
use crate::upstream::Origin;

/// One upstream MCP server as one route uses it.
pub struct BackendPlan {
    /// Its name in the route.
    pub name: Arc<str>,
    /// A short digest of the name, for tokens; unique in the route.
    pub(crate) tag: u32,
    pub(crate) prefix: PrefixMode,
    pub(crate) origin: Arc<Origin>,
    /// The Host header.
    pub(crate) authority: HeaderValue,
    /// The endpoints, where there are several; origin and authority are those of the first.
    pub(crate) places: Option<Box<Places>>,
    /// The request target as it goes on the wire.
    pub(crate) target: http::Uri,
    /// The same, as text, as it is signed.
    pub(crate) path_and_query: String,
    /// The key that every target carries, also one that the server names.
    pub(crate) query_key: Option<QueryKey>,
    pub(crate) seal: Seal,
    pub(crate) tools: ToolSelector,
    /// On every request, before its seal.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) forward_headers: Vec<ForwardHeader>,
    pub(crate) deadlines: Deadlines,
    /// Which era to speak, or to find out.
    pub(crate) era: EraSetting,
    /// Whether a legacy backend's questions to modern clients park the call.
    pub(crate) parks: bool,
    /// What was found out about it; survives reloads.
    pub(crate) memory: Arc<Memory>,
    /// What is kept of its lists; survives reloads that leave the backend as it is.
    pub(crate) lists: Arc<BackendLists>,
    pub(crate) metrics: BackendMetrics,
    pub(crate) health: Health,
    pub(crate) outages: Outages,
}

impl BackendPlan {
    /// Where its requests go, for people; a key in the query is not shown.
    pub fn url(&self) -> String {
        let authority = self.authority.to_str().unwrap_or("?");
        format!("{authority}{} (connects to {})", self.target.path(), self.origin.peer())
    }

    /// What is wrong with it at the moment, for people.
    pub fn trouble(&self) -> Option<String> {
        match self.health.failures() {
            0 => None,
            1 => Some("could not be reached the last time".to_owned()),
            count => Some(format!("could not be reached the last {count} times")),
        }
    }

    /// What kind of credentials its requests carry.
    pub fn seal_kind(&self) -> &'static str {
        self.seal.kind()
    }

    /// The texts that a signature of `body`, posted at `now`, covers; secrets are masked. `None`
    /// for backends that are not signed for.
    ///
    /// # Errors
    /// Without credentials, and for what cannot be signed.
    pub fn explain(
        &self,
        body: Bytes,
        now: SystemTime,
    ) -> Result<Option<Explanation>, BackendError> {
        Draft::post(self, body).explain(now)
    }

    /// The backend's tool or prompt name as clients see it.
    pub(crate) fn client_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        match self.prefix {
            PrefixMode::Always => Cow::Owned(name::join(&self.name, name)),
            PrefixMode::Never => Cow::Borrowed(name),
        }
    }

    /// A message of the backend that answers nobody: if it says that a list changed, nobody is
    /// given the list of before any more.
    pub(crate) fn heard(&self, message: &[u8]) -> Option<Offers> {
        let list = self.lists.heard(message)?;
        if list == Offers::TOOLS {
            self.memory.schemas.forget();
        }
        Some(list)
    }

    /// The client's headers that this backend is to see, renamed; the first value of each.
    pub(crate) fn forwarded(&self, client: &HeaderMap) -> Arc<[(HeaderName, HeaderValue)]> {
        if self.forward_headers.is_empty() {
            return Arc::default();
        }
        self.forward_headers
            .iter()
            .filter_map(|rule| Some((rule.backend.clone(), client.get(&rule.client)?.clone())))
            .collect()
    }
}
