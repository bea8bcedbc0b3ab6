//! Enters: one message for one backend. Leaves: the backend's answer, opened and classified, or a
//! named failure. Every request to a backend is written, sealed and sent here.

mod alone;
mod answer;
mod asks;
mod era;
pub(crate) mod handshake;
pub(crate) mod health;
mod line;
mod lists;
mod outage;
mod own;
mod page;
mod pooled;
pub(crate) mod reopen;
mod resend;
pub(crate) mod schemas;
mod sniff;
mod subscribe;
pub(crate) mod task_id;
mod to_legacy;
mod to_modern;
mod wording;

pub(crate) use answer::{Opened, collect, from_error_object};
pub(crate) use asks::{Asks, Refusal};
pub(crate) use era::{Eras, Memory, Spoken};
pub(crate) use health::Health;
pub(crate) use line::Lines;
pub(crate) use lists::{Asker, BackendLists, Lists, Page};
pub(crate) use outage::Outages;
pub(crate) use own::Speaker;
pub(crate) use page::PAGES;
pub(crate) use pooled::{Cancelling, Ear, Lease, Listening, Pooled};
pub(crate) use reopen::{Reopen, Reopened};
pub(crate) use schemas::{callable_tools, may_be_uncallable};
pub(crate) use to_legacy::{FromLegacy, across_eras};
pub(crate) use to_modern::ToModern;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{HeaderName, HeaderValue};
use sealgate_mcp::session::BackendSession;
use sealgate_mcp::version::Version;
use tokio::time::Instant;

use crate::fail::{BackendError, Stage};
use crate::plan::{BackendPlan, RoutePlan};
use crate::seal::{Draft, Mirror};
use crate::upstream::{self, Pool, SendDeadlines};
use resend::Sent;
use wording::Scope;

/// How long a backend may hold back the head of its event stream: some send it with the first
/// event, which may be hours away.
const STREAM_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// One client's dealings with one backend. Owns what it needs, so that an answer can outlive the
/// request that asked for it.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) pool: Arc<Pool>,
    pub(crate) route: Arc<RoutePlan>,
    pub(crate) index: usize,
    /// The backend's session id, where it gave one.
    pub(crate) session: Option<Box<str>>,
    /// What was negotiated with the backend; nothing before `initialize`.
    pub(crate) version: Option<Version>,
    /// Client headers for this backend.
    pub(crate) forwarded: Arc<[(HeaderName, HeaderValue)]>,
    /// How to go on when the backend has lost the session; nothing while it is being opened.
    pub(crate) reopen: Option<Reopen>,
    /// For whom the gateway asks, where a modern backend has to be told with each request.
    pub(crate) speaker: Option<Arc<Speaker>>,
    /// What repeats a modern request in headers.
    pub(crate) mirror: Option<Arc<Mirror>>,
}

/// The same dealings in another session.
fn resumed(exchange: &Exchange, known: &BackendSession) -> Exchange {
    Exchange {
        session: known.session_id.clone(),
        version: Some(known.era.version()),
        reopen: None,
        ..exchange.clone()
    }
}

impl Exchange {
    /// With whom.
    pub(crate) fn backend(&self) -> &Arc<BackendPlan> {
        &self.route.backends[self.index]
    }

    /// The same dealings in the session that holds now, if it was opened again meanwhile.
    pub(crate) fn current(&self) -> Self {
        let reopened = self.reopen.as_ref().and_then(|reopen| reopen.find(self.backend().tag));
        match reopened {
            Some(known) => Self { reopen: self.reopen.clone(), ..resumed(self, &known) },
            None => self.clone(),
        }
    }

    /// Sends a JSON-RPC request and opens the answer. A backend that has lost the session, or that
    /// was away when it was opened, is given a new one first.
    pub(crate) async fn open(&self, body: Bytes) -> Result<Opened, BackendError> {
        let result = match self.scope(&body) {
            Scope::Nothing => self.open_once(body.clone()).await,
            scope => Box::pin(self.open_in_its_words(body.clone(), scope)).await,
        };
        match (&self.reopen, result) {
            (Some(reopen), Err(BackendError::SessionLost | BackendError::NoSession)) => {
                let again = async {
                    let again = Self { reopen: self.reopen.clone(), ..reopen.run(self).await? };
                    let scope = again.scope(&body);
                    again.open_in_its_words(body, scope).await
                };
                Box::pin(again).await
            }
            (_, result) => result,
        }
    }

    /// The same where client and backend use other words for some things.
    async fn open_in_its_words(&self, body: Bytes, scope: Scope) -> Result<Opened, BackendError> {
        if scope == Scope::Nothing {
            return self.open_once(body).await;
        }
        let (own, body) = self.outward(body);
        let opened = own.open_once(body).await?;
        own.reworded(opened, scope).await
    }

    async fn open_once(&self, body: Bytes) -> Result<Opened, BackendError> {
        self.in_session()?;
        if let Some(line) = self.line()? {
            return Box::pin(self.call_on(&line, body)).await;
        }
        let deadlines = self.backend().deadlines;
        let began = Instant::now();
        let sent = self.send(&self.post(body), deadlines.call).await?;
        let sent = sent.within(deadlines.idle, began, deadlines.call);
        answer::open(sent, self.session.is_some()).await
    }

    /// Sends a request of the gateway's own and waits for its whole answer, at most `limit` bytes
    /// of it and no longer than `within`.
    pub(crate) async fn ask(
        &self,
        body: Bytes,
        upstream_id: &str,
        limit: usize,
        within: Duration,
        stage: Stage,
    ) -> Result<Asked, BackendError> {
        let exchange = async {
            let result = self.ask_once(body.clone(), upstream_id, limit, within).await;
            match (&self.reopen, result) {
                (Some(reopen), Err(BackendError::SessionLost | BackendError::NoSession)) => {
                    let again = Exchange { reopen: self.reopen.clone(), ..reopen.run(self).await? };
                    again.ask_once(body, upstream_id, limit, within).await
                }
                (_, result) => result,
            }
        };
        match tokio::time::timeout(within, exchange).await {
            Ok(result) => result,
            Err(_) => Err(BackendError::Timeout { stage, after: within }),
        }
    }

    /// The same without a second chance: how sessions are opened.
    pub(crate) async fn ask_plainly(
        &self,
        body: Bytes,
        upstream_id: &str,
        limit: usize,
        within: Duration,
        stage: Stage,
    ) -> Result<Asked, BackendError> {
        let exchange = self.ask_once(body, upstream_id, limit, within);
        match tokio::time::timeout(within, exchange).await {
            Ok(result) => result,
            Err(_) => Err(BackendError::Timeout { stage, after: within }),
        }
    }

    async fn ask_once(
        &self,
        body: Bytes,
        upstream_id: &str,
        limit: usize,
        within: Duration,
    ) -> Result<Asked, BackendError> {
        self.in_session()?;
        if self.scope(&body) == Scope::Nothing {
            return self.ask_in_same_words(body, upstream_id, limit, within).await;
        }
        let (own, body) = self.outward(body);
        let asked = Box::pin(own.ask_in_same_words(body, upstream_id, limit, within)).await?;
        Ok(Asked { message: self.client_words(asked.message), ..asked })
    }

    async fn ask_in_same_words(
        &self,
        body: Bytes,
        upstream_id: &str,
        limit: usize,
        within: Duration,
    ) -> Result<Asked, BackendError> {
        if let Some(line) = self.line()? {
            let opened = self.call_on(&line, body).await?;
            let message = answer::collect_alone(opened, upstream_id, limit, Some(self)).await?;
            return Ok(Asked { message, session: self.session.clone() });
        }
        let sent = self.send(&self.post(body), within).await?;
        let session = answer::session_id(sent.headers());
        let opened = answer::open(sent, self.session.is_some()).await?;
        let mut alone = self.clone();
        alone.session = session.clone().or(alone.session);
        let message = answer::collect_alone(opened, upstream_id, limit, Some(&alone)).await?;
        Ok(Asked { message, session })
    }

    /// Within a client's session a backend that never answered `initialize` has no version.
    fn in_session(&self) -> Result<(), BackendError> {
        match (&self.reopen, self.version) {
            (Some(_), None) => Err(BackendError::NoSession),
            _ => Ok(()),
        }
    }

    /// Sends a notification or a response; any success will do (2025-03-26 asks for 202, servers
    /// in the field answer 200 and 204 too).
    pub(crate) async fn tell(&self, body: Bytes) -> Result<(), BackendError> {
        let body = self.own_words(body);
        if let Some(line) = self.line()? {
            return Box::pin(self.tell_on(&line, body)).await;
        }
        let first_byte = self.backend().deadlines.first_byte;
        let response = self.send(&self.post(body), first_byte).await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(answer::refused(response, self.session.is_some()).await)
    }

    /// Opens the backend's event stream; `None` when it has none (405).
    pub(crate) async fn listen(
        &self,
        last_event_id: Option<&str>,
    ) -> Result<Option<upstream::Body>, BackendError> {
        if let Some(line) = self.line()? {
            return Ok(Some(self.edited(self.listen_on(&line), false)));
        }
        let stream = self.stream(last_event_id).await?;
        Ok(stream.map(|response| self.edited(response.into_body(), false)))
    }

    /// Asks for an event stream; `None` when there is none (405).
    async fn stream(
        &self,
        last_event_id: Option<&str>,
    ) -> Result<Option<Response<upstream::Body>>, BackendError> {
        let mut draft = Draft::get(self.backend());
        self.address(&mut draft);
        draft.last_event_id = last_event_id;
        match self.send(&draft, STREAM_PATIENCE).await? {
            sent if sent.status() == http::StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            Sent::Streaming(response) if response.status().is_success() => {
                Ok(answer::is_events(response.headers()).then_some(response))
            }
            sent => Err(answer::refused(sent, self.session.is_some()).await),
        }
    }

    /// Ends the backend's session. A backend that does not let clients end sessions says 405.
    pub(crate) async fn close(&self) -> Result<(), BackendError> {
        if self.line()?.is_some() {
            self.backend().memory.lines.drop(self.session.as_deref().unwrap_or_default());
            return Ok(());
        }
        let mut draft = Draft::delete(self.backend());
        self.address(&mut draft);
        let response = self.send(&draft, self.backend().deadlines.first_byte).await?;
        let status = response.status();
        let gone = [http::StatusCode::METHOD_NOT_ALLOWED, http::StatusCode::NOT_FOUND];
        if status.is_success() || gone.contains(&status) {
            return Ok(());
        }
        Err(answer::refused(response, false).await)
    }

    fn post(&self, body: Bytes) -> Draft<'_> {
        let mut draft = Draft::post(self.backend(), body);
        self.address(&mut draft);
        draft
    }

    fn address<'a>(&'a self, draft: &mut Draft<'a>) {
        draft.session = self.session.as_deref();
        draft.version = self.version;
        draft.mirror = self.mirror.as_deref();
        draft.forwarded = &self.forwarded;
    }

    async fn send(&self, draft: &Draft<'_>, first_byte: Duration) -> Result<Sent, BackendError> {
        let backend = self.backend();
        let connect = backend.deadlines.connect;
        let result = match backend.health.admits() {
            Ok(()) => resend::send(&self.pool, draft, SendDeadlines { connect, first_byte }).await,
            Err(retry_in) => Err(BackendError::CircuitOpen { retry_in }),
        };
        match &result {
            Ok(_) => backend.health.answered(),
            Err(error) => {
                backend.metrics.failed(error.reason());
                if error.is_unreachable() && backend.health.failed() {
                    outage::follow(self);
                }
            }
        }
        result
    }
}

/// A whole answer to a request of the gateway's own.
pub(crate) struct Asked {
    /// The JSON-RPC message.
    pub(crate) message: Bytes,
    /// The session id that came with it.
    pub(crate) session: Option<Box<str>>,
}
