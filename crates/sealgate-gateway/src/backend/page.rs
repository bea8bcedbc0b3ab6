//! Enters: which page of a backend's list is wanted. Leaves: the page's result, to the byte.

use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::code;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::list::ListKind;
use serde_json::json;

use super::{Exchange, from_error_object};
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;

/// Pages that are read of one backend's list for one answer.
pub(crate) const PAGES: u32 = 64;

impl Exchange {
    /// Asks for one page of a list; `None` from a backend that has no such list.
    ///
    /// # Errors
    /// What the backend does instead of answering `within` this time.
    pub(crate) async fn page(
        &self,
        gateway: &Gateway,
        kind: ListKind,
        cursor: Option<&str>,
        within: Duration,
    ) -> Result<Option<Bytes>, BackendError> {
        let id = gateway.upstream_id();
        let params = match cursor {
            Some(cursor) => json!({ "cursor": cursor }).to_string(),
            None => "{}".to_owned(),
        };
        let (own, body) = self.own(&kind.method(), &params, &id);
        let asked = own.ask(body, &id, gateway.limits.held_answer, within, Stage::List).await?;
        let reply = Envelope::parse_reply(&asked.message)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        if let Some(result) = reply.result {
            return Ok(Some(asked.message.slice(span(&asked.message, result))));
        }
        match reply.error.and_then(|error| from_error_object(error.get())) {
            Some(BackendError::RpcError { code: code::METHOD_NOT_FOUND, .. }) => Ok(None),
            error => Err(error.unwrap_or_else(|| BackendError::NotJsonRpc("no result".to_owned()))),
        }
    }
}
