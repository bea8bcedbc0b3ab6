//! Enters: a place in the pool. Leaves: its session, opened if need be, and opened again once if
//! the backend has lost it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::method::Method;

use super::{Slot, Upstream};
use crate::backend::{Asked, Exchange, Opened};
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;

/// The use of a pooled session by one request.
pub(crate) struct Lease {
    /// The client's own way to the backend.
    base: Exchange,
    exchange: Exchange,
    slot: Arc<Slot>,
    pub(crate) upstream: Arc<Upstream>,
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
    ) -> Result<Self, BackendError> {
        let mut session = slot.session.lock().await;
        let upstream = match &*session {
            Some(upstream) => Arc::clone(upstream),
            None => {
                let upstream = Arc::new(Upstream::open(gateway, &base).await?);
                *session = Some(Arc::clone(&upstream));
                upstream
            }
        };
        drop(session);
        let exchange = upstream.exchange(&base);
        Ok(Self { base, exchange, slot, upstream })
    }

    /// The way to the backend within the session.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Sends a request and opens the answer.
    pub(crate) async fn open(
        &mut self,
        gateway: &Gateway,
        body: Bytes,
    ) -> Result<Opened, BackendError> {
        match self.exchange.open(body.clone()).await {
            Err(BackendError::SessionLost) => {
                self.renew(gateway).await?;
                self.exchange.open(body).await
            }
            result => result,
        }
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
                *session = None;
                let upstream = Arc::new(Upstream::open(gateway, &self.base).await?);
                *session = Some(Arc::clone(&upstream));
                upstream
            }
        };
        drop(session);
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
        let exchange = self.exchange.clone();
        tokio::spawn(async move {
            if let Err(error) = exchange.tell(message.into()).await {
                let backend = &exchange.backend().name;
                tracing::debug!(%backend, %error, "answer to the backend not delivered");
            }
        });
    }

    /// News of the backend that came beside an answer.
    pub(crate) fn announce(&self, message: &Bytes) {
        self.upstream.news.tell(message);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot.touch();
    }
}

impl Cancelling {
    /// Nothing is left to cancel.
    pub(crate) fn answered(&mut self) {
        self.request = None;
    }

    /// The request runs in the lease's session of now.
    pub(crate) fn moved(&mut self, lease: &Lease) {
        if let Some((exchange, _)) = &mut self.request {
            *exchange = lease.exchange.clone();
        }
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
