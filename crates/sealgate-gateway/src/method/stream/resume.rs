//! Enters: GET with the id of an event on the stream of one request. Leaves: the rest of that
//! stream, with the answer under the client's own id, whichever replica began it (MCP 2025-11-25,
//! SEP-1699).

use std::sync::Arc;

use http::{HeaderMap, Response};
use sealgate_mcp::event_id::LastEvents;

use crate::fail::{BackendError, Failure};
use crate::plan::RoutePlan;
use crate::receive;
use crate::reply::{Place, Relay, ReplyBody};
use crate::session::Session;
use crate::walk::Worker;

/// Resumes at the one backend that answers the request.
pub(super) async fn resume(
    worker: &Worker,
    route: &Arc<RoutePlan>,
    session: &Session,
    headers: &HeaderMap,
    last: LastEvents,
) -> Result<Response<ReplyBody>, Failure> {
    let gone = || Failure::InvalidParams("this Last-Event-ID names no stream".to_owned());
    let request = last.request().ok_or_else(gone)?;
    let place = last.places().next().ok_or_else(gone)?;
    let id = last.of(place).ok_or_else(gone)?;
    let known = session.token.backends.get(place).ok_or_else(gone)?;
    let index = route.by_tag(known.backend).ok_or_else(gone)?;
    let gateway = &worker.gateway;
    let client_id = Arc::from(&*request.client);
    let upstream_id = Arc::from(&*request.upstream);
    let entered = gateway.in_flight.enter(session.fingerprint, &client_id, index, &upstream_id);
    let relay = Relay {
        gateway: Arc::clone(gateway),
        exchange: Arc::new(session.exchange(worker, route, index, headers)),
        session: session.fingerprint,
        client_id,
        upstream_id,
        events: receive::accepts_events(headers),
        place: Place::of(session, known.backend),
        entered,
    };
    let name = route.backends[index].name.clone();
    relay.resume(id).await.map_err(|error: BackendError| error.of(&name).into())
}
