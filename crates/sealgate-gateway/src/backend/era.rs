//! Enters: a backend. Leaves: the era in which to speak with it: as configured, or as it answered
//! when it was asked (MCP 2026-07-28, versioning). The answer is kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sealgate_config::resolved::EraSetting;
use sealgate_mcp::code;
use sealgate_mcp::discover::{self, Verdict};
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::method::Method;

use super::schemas::Schemas;
use super::{Exchange, Lines, answer, collect, from_error_object};
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;

/// How long a backend is taken at its word. A server changes its era by being replaced.
const KEPT: Duration = Duration::from_secs(600);

/// The era of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Sessions.
    Legacy,
    /// Every request for itself.
    Modern,
}

/// What is known of every backend of the process. Survives reloads.
#[derive(Default)]
pub(crate) struct Eras {
    backends: Mutex<HashMap<String, Weak<Memory>>>,
}

/// What is known of one backend.
#[derive(Default)]
pub(crate) struct Memory {
    spoken: Mutex<Option<(Spoken, Instant)>>,
    discovered: Mutex<Option<(Bytes, Instant)>>,
    /// When it last refused a legacy handshake for good.
    modern_only: Mutex<Option<Instant>>,
    pub(crate) schemas: Schemas,
    pub(crate) lines: Lines,
    pub(crate) joining: Joining,
    /// One probe at a time.
    turn: tokio::sync::Mutex<()>,
}

/// Bounds the sessions that are opened at a time for streams alone, so that a backend that holds
/// them back does not hold up sessions that a call waits for.
pub(crate) struct Joining(pub(crate) tokio::sync::Semaphore);

impl Default for Joining {
    fn default() -> Self {
        Self(tokio::sync::Semaphore::new(4))
    }
}

impl Eras {
    /// The memory of the backend that `key` describes.
    pub(crate) fn of(&self, key: String) -> Arc<Memory> {
        let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) = backends.get(&key).and_then(Weak::upgrade) {
            return memory;
        }
        backends.retain(|_, memory| memory.strong_count() > 0);
        let memory = Arc::default();
        backends.insert(key, Arc::downgrade(&memory));
        memory
    }
}

impl Memory {
    /// What the backend speaks, if that was found out lately.
    pub(crate) fn recall(&self) -> Option<Spoken> {
        let spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        spoken.filter(|(_, since)| since.elapsed() < KEPT).map(|(spoken, _)| spoken)
    }

    /// Keeps what the backend speaks.
    pub(crate) fn learn(&self, found: Spoken) {
        let mut spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        *spoken = Some((found, Instant::now()));
    }

    /// Whether legacy clients cannot be served in their own era.
    pub(crate) fn is_modern_only(&self) -> bool {
        let since = *self.modern_only.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < KEPT)
    }

    /// Keeps that.
    pub(crate) fn learn_modern_only(&self) {
        let now = Some(Instant::now());
        *self.modern_only.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Something happened that a backend of the era that is remembered would not do.
    pub(crate) fn forget(&self) {
        *self.spoken.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.discovered.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.modern_only.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn discovered(&self) -> Option<Bytes> {
        let discovered = self.discovered.lock().unwrap_or_else(PoisonError::into_inner);
        discovered.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(all, _)| all.clone())
    }

    fn keep(&self, message: &Bytes, result: &Bytes) {
        let Ok(envelope) = Envelope::parse_reply(message) else { return };
        let Some(found) = envelope.result.and_then(|result| discover::read(result).ok()) else {
            return;
        };
        let until = Instant::now() + Duration::from_millis(found.hints.ttl_ms.min(3_600_000));
        *self.discovered.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((result.clone(), until));
    }
}

impl Exchange {
    /// The era in which a modern client's requests reach this backend: its own where the backend
    /// speaks it. `self` must be a modern way to the backend.
    ///
    /// # Errors
    /// What keeps the backend from telling.
    pub(crate) async fn spoken(&self, gateway: &Gateway) -> Result<Spoken, BackendError> {
        let backend = self.backend();
        match backend.era {
            EraSetting::Legacy => return Ok(Spoken::Legacy),
            EraSetting::Modern => return Ok(Spoken::Modern),
            EraSetting::Auto => {}
        }
        if let Some(spoken) = backend.memory.recall() {
            return Ok(spoken);
        }
        let _turn = backend.memory.turn.lock().await;
        if let Some(spoken) = backend.memory.recall() {
            return Ok(spoken);
        }
        let spoken = self.probe(gateway).await?;
        tracing::debug!(backend = %backend.name, ?spoken, "era of the backend found out");
        backend.memory.learn(spoken);
        Ok(spoken)
    }

    /// The backend's own DiscoverResult, to the byte; kept as long as it allows. What it says to
    /// one client holds for all, since the gateway calls with one identity; unless client headers
    /// are forwarded to it.
    ///
    /// # Errors
    /// What the backend says instead.
    pub(crate) async fn discover(&self, gateway: &Gateway) -> Result<Bytes, BackendError> {
        let is_shared = self.forwarded.is_empty();
        if let Some(result) = self.backend().memory.discovered().filter(|_| is_shared) {
            return Ok(result);
        }
        match self.ask_to_discover(gateway, is_shared).await {
            // One of several replicas may be older than the others; the next one answers.
            Err(BackendError::RpcError { code: code::UNSUPPORTED_PROTOCOL_VERSION, .. }) => {
                self.ask_to_discover(gateway, is_shared).await
            }
            result => result,
        }
    }

    async fn ask_to_discover(
        &self,
        gateway: &Gateway,
        is_shared: bool,
    ) -> Result<Bytes, BackendError> {
        let id = gateway.upstream_id();
        let (exchange, body) = self.own(&Method::ServerDiscover, "{}", &id);
        let within = self.backend().deadlines.initialize;
        let limit = gateway.limits.held_answer;
        let asked = exchange.ask_plainly(body, &id, limit, within, Stage::Discover).await?;
        let reply = Envelope::parse_reply(&asked.message)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        let Some(raw) = reply.result else {
            let error = reply.error.and_then(|error| from_error_object(error.get()));
            return Err(error.unwrap_or_else(|| BackendError::NotJsonRpc("no result".to_owned())));
        };
        discover::read(raw).map_err(|error| BackendError::DiscoverResult(error.to_string()))?;
        let result = asked.message.slice(span(&asked.message, raw));
        if is_shared {
            self.backend().memory.keep(&asked.message, &result);
        }
        Ok(result)
    }

    /// Asks for `server/discover` and judges the answer, whatever it is.
    async fn probe(&self, gateway: &Gateway) -> Result<Spoken, BackendError> {
        let id = gateway.upstream_id();
        let (exchange, body) = self.own(&Method::ServerDiscover, "{}", &id);
        let within = self.backend().deadlines.initialize;
        let probing = async {
            let sent = exchange.send(&exchange.post(body), within).await?;
            let status = sent.status().as_u16();
            let opened = match answer::open(sent, false).await {
                Ok(opened) => opened,
                Err(error @ BackendError::Status { .. }) => return settle(status, None, error),
                Err(error @ (BackendError::AcceptedRequest | BackendError::ContentType(_))) => {
                    return settle(200, None, error);
                }
                Err(error) => return Err(error),
            };
            let message = match collect(opened, &id, gateway.limits.held_answer).await {
                Ok(message) => message,
                Err(error @ BackendError::NotJsonRpc(_)) => return settle(status, None, error),
                Err(error) => return Err(error),
            };
            let reply = Envelope::parse_reply(&message)
                .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
            let error = reply.error.and_then(|error| from_error_object(error.get()));
            let error = error.unwrap_or_else(|| BackendError::NotJsonRpc("no result".to_owned()));
            let spoken = settle(status, Some(&reply), error)?;
            if let (Spoken::Modern, Some(raw), true) =
                (spoken, reply.result, self.forwarded.is_empty())
            {
                self.backend().memory.keep(&message, &message.slice(span(&message, raw)));
            }
            Ok(spoken)
        };
        match tokio::time::timeout(within, probing).await {
            Ok(result) => result,
            Err(_) => Err(BackendError::Timeout { stage: Stage::Discover, after: within }),
        }
    }
}

fn settle(
    status: u16,
    reply: Option<&Envelope<'_>>,
    error: BackendError,
) -> Result<Spoken, BackendError> {
    match discover::judge(status, reply) {
        Verdict::Modern => Ok(Spoken::Modern),
        Verdict::Legacy => Ok(Spoken::Legacy),
        Verdict::Unauthorized | Verdict::Unknown => Err(error),
    }
}
