//! Enters: a modern client's request and one backend of its route. Leaves: the way to that
//! backend, in the era that it speaks.

use std::sync::Arc;

use http::HeaderMap;

use super::super::Call;
use crate::backend::{Exchange, Lease, Speaker, Spoken};
use crate::fail::BackendError;
use crate::gateway::Gateway;
use crate::plan::RoutePlan;
use crate::upstream::Pool;

/// A way to a backend for a modern client.
pub(super) enum Reached {
    /// The backend speaks the client's era.
    Modern(Exchange),
    /// The backend has sessions; this is one.
    Legacy(Box<Lease>),
}

impl Call<'_, '_> {
    /// A modern way to a backend, for a client that says all in its request.
    pub(super) fn direct(&self, index: usize) -> Exchange {
        let received = &self.permit.received;
        let speaker = self.speaker().into();
        direct(&self.worker.pool, received.route, index, received.headers, speaker)
    }

    /// For whom backends are asked.
    pub(super) fn speaker(&self) -> Speaker {
        let mut speaker = Speaker::of_meta(self.permit.received.message.meta());
        speaker.binding = Some(self.worker.gateway.binding(&self.permit.principal));
        speaker
    }

    /// The way to a backend in its own era.
    pub(super) async fn reach(&self, index: usize) -> Result<Reached, BackendError> {
        reach(&self.worker.gateway, self.direct(index), &self.permit.principal).await
    }

    /// The same for a call whose client may be asked something before the answer: a session with
    /// a legacy backend is then the call's alone.
    pub(super) async fn reach_alone(&self, index: usize) -> Result<Reached, BackendError> {
        let direct = self.direct(index);
        let (gateway, principal) = (&self.worker.gateway, &self.permit.principal);
        match direct.spoken(gateway).await? {
            Spoken::Modern => Ok(Reached::Modern(direct)),
            Spoken::Legacy => {
                leased(&direct, gateway.pooled.lease_alone(gateway, &direct, principal).await)
            }
        }
    }
}

/// A modern way to a backend of `route`, for the client that sent these headers.
pub(super) fn direct(
    pool: &Arc<Pool>,
    route: &Arc<RoutePlan>,
    index: usize,
    headers: &HeaderMap,
    speaker: Arc<Speaker>,
) -> Exchange {
    Exchange {
        pool: Arc::clone(pool),
        route: Arc::clone(route),
        index,
        session: None,
        version: Some(sealgate_mcp::version::LATEST),
        forwarded: route.backends[index].forwarded(headers),
        reopen: None,
        speaker: Some(speaker),
        mirror: None,
    }
}

/// The way to a backend in its own era, from a modern way to it.
pub(super) async fn reach(
    gateway: &Gateway,
    direct: Exchange,
    principal: &crate::authenticate::Principal,
) -> Result<Reached, BackendError> {
    match direct.spoken(gateway).await? {
        Spoken::Modern => Ok(Reached::Modern(direct)),
        Spoken::Legacy => leased(&direct, gateway.pooled.lease(gateway, &direct, principal).await),
    }
}

fn leased(direct: &Exchange, lease: Result<Lease, BackendError>) -> Result<Reached, BackendError> {
    if lease.is_err() {
        // It may have become another server.
        direct.backend().memory.forget();
    }
    Ok(Reached::Legacy(Box::new(lease?)))
}
