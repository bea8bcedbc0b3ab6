//! Enters: a modern client's request for a legacy backend. Leaves: a session of the gateway's own
//! in which to send it. Sessions are shared by the requests of one principal with one set of
//! client capabilities, since legacy servers answer by what `initialize` declared, and by nobody
//! else.

mod lease;
mod news;

pub(crate) use lease::{Cancelling, Lease};
pub(crate) use news::{Listening, News};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::log_level::LogLevel;
use sealgate_mcp::version::{LATEST_LEGACY, Version};
use serde_json::json;

use super::handshake::{Handshake, InitializeResult};
use super::{Exchange, Memory, Speaker};
use crate::authenticate::Principal;
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;

/// The legacy sessions that the gateway holds for modern clients. This process's own.
#[derive(Default)]
pub(crate) struct Pooled {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    swept: Mutex<Option<Instant>>,
}

/// Who may share a session.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    route: u64,
    backend: u32,
    /// Address of the backend's memory: another one is another server.
    memory: usize,
    principal: [u8; 16],
    capabilities: Box<str>,
    /// `logging/setLevel` holds for a session, so that each level needs one.
    log_level: Option<LogLevel>,
    /// SHA-256 of the client headers that the backend sees: they may say who calls.
    forwarded: [u8; 32],
}

/// The place of one session.
struct Slot {
    /// Keeps [`Key::memory`] from being taken by another.
    _memory: Arc<Memory>,
    session: tokio::sync::Mutex<Option<Arc<Upstream>>>,
    used: Mutex<Instant>,
}

/// An open session.
pub(crate) struct Upstream {
    session: Option<Box<str>>,
    version: Version,
    /// The InitializeResult, to the byte.
    pub(crate) result: Bytes,
    pub(crate) offers: Offers,
    pub(crate) news: News,
}

/// How long a session stays open unused.
const IDLE: Duration = Duration::from_secs(300);
/// How often unused sessions are looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// Beyond this many, the longest unused make room.
const MOST: usize = 4096;

impl Pooled {
    /// A session for the client behind `base`, which must be a modern way to a legacy backend.
    ///
    /// # Errors
    /// What keeps the backend from opening one.
    pub(crate) async fn lease(
        &self,
        gateway: &Gateway,
        base: &Exchange,
        principal: &Principal,
    ) -> Result<Lease, BackendError> {
        let slot = self.slot(Key::of(base, principal), base);
        self.sweep(base);
        Lease::take(gateway, base.clone(), slot).await
    }

    fn slot(&self, key: Key, base: &Exchange) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(key).or_insert_with(|| {
            Arc::new(Slot {
                _memory: Arc::clone(&base.backend().memory),
                session: tokio::sync::Mutex::default(),
                used: Mutex::new(Instant::now()),
            })
        });
        slot.touch();
        Arc::clone(slot)
    }

    /// Closes what nobody has used for a while, at most every [`SWEEP`].
    fn sweep(&self, base: &Exchange) {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.is_some_and(|last| last.elapsed() < SWEEP) {
                return;
            }
            *swept = Some(Instant::now());
        }
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = if slots.len() > MOST { SWEEP } else { IDLE };
        let stale: Vec<_> = slots
            .iter()
            .filter(|(_, slot)| Arc::strong_count(slot) == 1 && slot.idle() > patience)
            .map(|(key, _)| key.clone())
            .collect();
        for key in stale {
            let Some(slot) = slots.remove(&key) else { continue };
            let backends = &base.route.backends;
            let index = backends.iter().position(|backend| backend.tag == key.backend);
            if let (Some(index), Ok(session)) = (index, slot.session.try_lock())
                && base.route.tag == key.route
                && let Some(upstream) =
                    session.as_ref().filter(|upstream| upstream.session.is_some())
            {
                let exchange = upstream.exchange(&Exchange { index, ..base.clone() });
                tokio::spawn(async move { exchange.close().await });
            }
        }
    }
}

impl Key {
    fn of(base: &Exchange, principal: &Principal) -> Self {
        let speaker = base.speaker.as_deref();
        Self {
            route: base.route.tag,
            backend: base.backend().tag,
            memory: Arc::as_ptr(&base.backend().memory) as usize,
            principal: principal.digest(),
            capabilities: speaker.map_or("{}".into(), |speaker| speaker.capabilities.clone()),
            log_level: speaker.and_then(|speaker| speaker.log_level),
            forwarded: digest(&base.forwarded),
        }
    }
}

fn digest(headers: &[(HeaderName, HeaderValue)]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

impl Slot {
    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

impl Upstream {
    /// Opens a session as the client behind `base`.
    async fn open(gateway: &Gateway, base: &Exchange) -> Result<Self, BackendError> {
        let bare = Exchange { session: None, version: None, ..base.clone() };
        let gateway_itself;
        let speaker = match &base.speaker {
            Some(speaker) => speaker.as_ref(),
            None => {
                gateway_itself = Speaker::gateway();
                &gateway_itself
            }
        };
        let own = json!({ "name": "unknown", "version": "0" }).to_string();
        let id = gateway.upstream_id();
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{},"clientInfo":{}}}}}"#,
            speaker.capabilities,
            speaker.info.as_deref().unwrap_or(&own),
        );
        let limit = gateway.limits.held_answer;
        let opened = Handshake::perform(&bare, body.into(), &id, limit).await?;
        let capabilities = InitializeResult::read(&opened.result)?.capabilities.get().to_owned();
        let upstream = Self {
            session: opened.session,
            version: opened.era.version(),
            result: opened.result,
            offers: Offers::read(&capabilities),
            news: News::default(),
        };
        let exchange = upstream.exchange(base);
        exchange.tell(Bytes::from_static(INITIALIZED.as_bytes())).await?;
        if let Some(level) = speaker.log_level.filter(|_| upstream.offers.has(Offers::LOGGING)) {
            let id = gateway.upstream_id();
            let level = level.as_str();
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"logging/setLevel","params":{{"level":"{level}"}}}}"#
            );
            let within = base.backend().deadlines.initialize;
            exchange.ask_plainly(body.into(), &id, limit, within, Stage::Initialize).await?;
        }
        Ok(upstream)
    }

    /// The way to the backend within this session, on the connections of `base`.
    fn exchange(&self, base: &Exchange) -> Exchange {
        Exchange {
            session: self.session.clone(),
            version: Some(self.version),
            speaker: None,
            mirror: None,
            reopen: None,
            ..base.clone()
        }
    }
}

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
