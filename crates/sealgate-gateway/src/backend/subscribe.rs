//! Enters: what somebody wants to hear of. Leaves: a modern backend's listen stream, acknowledged
//! (MCP 2026-07-28, subscriptions).

use sealgate_mcp::envelope::Envelope;
use sealgate_mcp::listen::Filter;
use sealgate_mcp::method::Method;

use super::{Exchange, Opened, collect, from_error_object};
use crate::fail::BackendError;
use crate::gateway::Gateway;
use crate::reply::Pump;

/// The longest message that a backend may send instead of a stream, in bytes.
const REFUSAL: usize = 64 * 1024;

impl Exchange {
    /// Opens a listen stream. Also leaves what the backend agreed to tell, which is never more
    /// than `asked`.
    ///
    /// # Errors
    /// What the backend says instead of listening.
    pub(crate) async fn subscribe(
        &self,
        gateway: &Gateway,
        asked: &Filter,
    ) -> Result<(Pump, Filter), BackendError> {
        let id = gateway.upstream_id();
        let params = format!(r#"{{"notifications":{}}}"#, asked.write());
        let (exchange, body) = self.own(&Method::SubscriptionsListen, &params, &id);
        let mut pump = match exchange.open(body).await? {
            Opened::Events(response) => Pump::new(response.into_body()),
            opened => return Err(refusal(&collect(opened, &id, REFUSAL).await?)),
        };
        let ended = || BackendError::BrokenOff("the listen stream ended at once".to_owned());
        let first = pump.next().await?.ok_or_else(ended)?;
        let envelope = Envelope::parse_reply(&first)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        if envelope.method() != Some(Method::SubscriptionsAcknowledged) {
            return Err(refusal(&first));
        }
        let params = envelope.params.as_ref().and_then(|params| params.notifications);
        let mut accepted = params.and_then(|raw| Filter::read(raw).ok()).unwrap_or_default();
        accepted.narrow(asked);
        Ok((pump, accepted))
    }
}

/// What a backend said instead of listening.
fn refusal(message: &[u8]) -> BackendError {
    let reply = Envelope::parse_reply(message).ok();
    let error = reply.and_then(|reply| from_error_object(reply.error?.get()));
    error.unwrap_or_else(|| BackendError::NotJsonRpc("no acknowledgement".to_owned()))
}
