//! Enters: a modern client's request for a legacy backend. Leaves: a session of the gateway's own
//! in which to send it. Sessions are shared by the requests of one principal with one set of
//! client capabilities, since legacy servers answer by what `initialize` declared, and by nobody
//! else.

mod lease;
mod news;
mod questions;
mod slot;

pub(crate) use lease::{Cancelling, Lease};
pub(crate) use news::{Listening, News};
pub(crate) use questions::Ear;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::log_level::LogLevel;
use sealgate_mcp::version::{LATEST_LEGACY, Version};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::handshake::{Handshake, InitializeResult};
use super::{Asks, Exchange, Speaker};
use crate::authenticate::Principal;
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;
use crate::upstream::{Pool, PoolLimits};
use questions::Questions;
use slot::{Slot, Taken};

/// The legacy sessions that the gateway holds for modern clients. This process's own.
#[derive(Default)]
pub(crate) struct Pooled {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    is_tended: AtomicBool,
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
    /// 0 is shared by requests; the others are for one call at a time.
    lane: u16,
}

/// An open session.
pub(crate) struct Upstream {
    session: Option<Box<str>>,
    version: Version,
    /// The InitializeResult, to the byte.
    pub(crate) result: Bytes,
    pub(crate) offers: Offers,
    pub(crate) news: News,
    /// What the backend was told that its client can do, raw.
    capabilities: Box<str>,
    questions: Questions,
    /// Whether it is not to be used any more.
    over: watch::Sender<bool>,
}

/// How long a session stays open unused.
const IDLE: Duration = Duration::from_secs(300);
/// How often unused sessions are looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// Beyond this many, the unused are closed sooner.
const MOST: usize = 4096;
/// Sessions that calls of one kind of client may have for themselves at once.
const LANES: u16 = 256;

impl Pooled {
    /// A session for the client behind `base`, which must be a modern way to a legacy backend.
    ///
    /// # Errors
    /// What keeps the backend from opening one.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        gateway: &Gateway,
        base: &Exchange,
        principal: &Principal,
    ) -> Result<Lease, BackendError> {
        let slot = self.slot(Key::of(base, principal), base);
        Lease::take(gateway, base.clone(), slot, None).await
    }

    /// The same for a call that has the session for itself, so that what the backend asks there is
    /// asked by this call.
    ///
    /// # Errors
    /// As [`Pooled::lease`].
    pub(crate) async fn lease_alone(
        self: &Arc<Self>,
        gateway: &Gateway,
        base: &Exchange,
        principal: &Principal,
    ) -> Result<Lease, BackendError> {
        let key = Key::of(base, principal);
        for lane in 1..=LANES {
            let slot = self.slot(Key { lane, ..key.clone() }, base);
            if let Some(taken) = Taken::take(&slot) {
                return Lease::take(gateway, base.clone(), slot, Some(taken)).await;
            }
        }
        self.lease(gateway, base, principal).await
    }

    /// Ends the sessions that no request uses.
    pub(crate) async fn close_unused(&self) {
        close(self.take(Slot::is_unused)).await;
    }

    /// Ends all sessions.
    pub(crate) async fn close_all(&self) {
        close(self.take(|_| true)).await;
    }

    fn slot(self: &Arc<Self>, key: Key, base: &Exchange) -> Arc<Slot> {
        if !self.is_tended.swap(true, Ordering::Relaxed) {
            tokio::spawn(tend(Arc::downgrade(self)));
        }
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(key).or_insert_with(|| Arc::new(Slot::new(base)));
        slot.touch(base);
        Arc::clone(slot)
    }

    /// Takes slots out of the pool.
    fn take(&self, is_wanted: impl Fn(&Arc<Slot>) -> bool) -> Vec<Arc<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.extract_if(|_, slot| is_wanted(slot)).map(|(_, slot)| slot).collect()
    }

    /// What nobody has used for a while.
    fn stale(&self) -> Vec<Arc<Slot>> {
        let count = self.slots.lock().unwrap_or_else(PoisonError::into_inner).len();
        let patience = if count > MOST { SWEEP } else { IDLE };
        self.take(|slot| Slot::is_unused(slot) && slot.idle() > patience)
    }
}

/// Closes unused sessions for as long as there is a pool.
async fn tend(pooled: std::sync::Weak<Pooled>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pooled) = pooled.upgrade() else { return };
        let stale = pooled.stale();
        drop(pooled);
        close(stale).await;
    }
}

/// Ends the sessions of these slots, over connections of its own: those that they were used on
/// belong to other threads, which may have ended.
async fn close(slots: Vec<Arc<Slot>>) {
    if slots.is_empty() {
        return;
    }
    let pool = Pool::new(PoolLimits::default());
    let mut closing: JoinSet<()> =
        slots.into_iter().map(|slot| slot.close(Arc::clone(&pool))).collect();
    while closing.join_next().await.is_some() {}
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
            lane: 0,
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

impl Upstream {
    /// Opens a session as the client behind `base`. What the backend says there unasked is heard
    /// from the start if it may be a question.
    async fn open(gateway: &Gateway, base: &Exchange) -> Result<Arc<Self>, BackendError> {
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
            capabilities: speaker.capabilities.clone(),
            questions: Questions::default(),
            over: watch::Sender::new(false),
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
        let upstream = Arc::new(upstream);
        if upstream.asks() && !exchange.is_line() {
            upstream.read_news(&exchange);
        }
        Ok(upstream)
    }

    /// Whether its client can be asked anything.
    fn asks(&self) -> bool {
        Asks::any(&self.capabilities)
    }

    /// Lets go of its stream.
    fn end(&self) {
        self.over.send_replace(true);
    }

    /// Waits for [`Upstream::end`].
    async fn ended(&self) {
        let mut over = self.over.subscribe();
        // The sender lives as long as the session.
        let _ = over.wait_for(|over| *over).await;
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
