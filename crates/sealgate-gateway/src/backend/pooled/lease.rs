//! Enters: a place in the pool. Leaves: its session, opened if need be, and opened again once if
//! the backend has lost it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::method::Method;

use super::Upstream;
use super::questions::Ear;
use super::slot::{Slot, Taken};
use crate::backend::{Asked, Exchange};
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;

/// The use of a pooled session by one request.
pub(crate) struct Lease {
    /// The client's own way to the backend.
    base: Exchange,
    exchange: Exchange,
    slot: Arc<Slot>,
    /// Whether the session is this request's alone.
    _taken: Option<Taken>,
    pub(crate) upstream: Arc<Upstream>,
    ear: Ear,
}

/// Tells the backend that a request is no longer wanted, unless it was answered.
pub(crate) struct Cancelling {
    request: Option<(Exchange, Box<str>)>,
}

impl Lease {
    pub(super) async fn take(
        gateway: &Gateway,
        base: Exchange,
        slot: Arc<Slot>,
        taken: Option<Taken>,
    ) -> Result<Self, BackendError> {
        let mut session = slot.session.lock().await;
        let upstream = match &*session {
            Some(upstream) => Arc::clone(upstream),
            None => {
                let upstream = Upstream::open(gateway, &base).await?;
                *session = Some(Arc::clone(&upstream));
                upstream
            }
        };
        drop(session);
        let exchange = upstream.exchange(&base);
        Ok(Self { base, exchange, slot, _taken: taken, upstream, ear: Ear::default() })
    }

    /// Waits until questions on the session's own stream are heard, where there may be any. Where
    /// the client `is_asked`, they come to [`Lease::ear`] if they can be nobody else's.
    pub(crate) async fn attend(&mut self, is_asked: bool) {
        if is_asked {
            self.ear = self.upstream.questions.listen();
        }
        self.upstream.news.settled().await;
    }

    /// What hears those questions.
    pub(crate) fn ear(&mut self) -> Ear {
        std::mem::take(&mut self.ear)
    }

    /// The way to the backend within the session.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Asks a question of the gateway's own.
    pub(crate) async fn ask(
        &mut self,
        gateway: &Gateway,
        body: Bytes,
        id: &str,
        within: Duration,
        stage: Stage,
    ) -> Result<Asked, BackendError> {
        let limit = gateway.limits.held_answer;
        match self.exchange.ask_plainly(body.clone(), id, limit, within, stage).await {
            Err(BackendError::SessionLost) => {
                self.renew(gateway).await?;
                self.exchange.ask_plainly(body, id, limit, within, stage).await
            }
            result => result,
        }
    }

    /// Replaces a session that the backend has lost; another request may just have done so.
    pub(crate) async fn renew(&mut self, gateway: &Gateway) -> Result<(), BackendError> {
        let mut session = self.slot.session.lock().await;
        let upstream = match &*session {
            Some(newer) if !Arc::ptr_eq(newer, &self.upstream) => Arc::clone(newer),
            _ => {
                if let Some(lost) = session.take() {
                    lost.end();
                }
                let upstream = Upstream::open(gateway, &self.base).await?;
                *session = Some(Arc::clone(&upstream));
                upstream
            }
        };
        drop(session);
        self.base.backend().lists.changed_all();
        tracing::info!(backend = %self.base.backend().name, "pooled session opened again");
        self.exchange = upstream.exchange(&self.base);
        self.upstream = upstream;
        Ok(())
    }

    /// A guard for a request that is under way.
    pub(crate) fn cancelling(&self, upstream_id: &str) -> Cancelling {
        Cancelling { request: Some((self.exchange.clone(), upstream_id.into())) }
    }

    /// Sends a message that nobody waits for.
    pub(crate) fn tell_later(&self, message: String) {
        self.exchange.tell_later(message);
    }

    /// News of the backend that came beside an answer.
    pub(crate) fn announce(&self, message: &Bytes) {
        self.exchange.backend().heard(message);
        self.upstream.news.tell(message);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot.touch(&self.base);
    }
}

impl Cancelling {
    /// Nothing is left to cancel.
    pub(crate) fn answered(&mut self) {
        self.request = None;
    }
}

impl Drop for Cancelling {
    fn drop(&mut self) {
        let Some((exchange, id)) = self.request.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let method = Method::Cancelled;
        let body = format!(
            r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"requestId":{id},"reason":"the client has gone"}}}}"#
        );
        runtime.spawn(async move { exchange.tell(body.into()).await });
    }
}
