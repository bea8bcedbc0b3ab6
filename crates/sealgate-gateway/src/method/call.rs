//! Enters: a request that concerns one backend. Leaves: that backend's answer, spliced.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use sealgate_mcp::envelope::span;
use sealgate_mcp::name;
use sealgate_mcp::splice::Splice;

use super::{Call, across};
use crate::authorize::Target;
use crate::fail::{BackendError, Failure};
use crate::receive;
use crate::reply::{Place, Relay, ReplyBody};
use crate::session::Session;

/// `tools/call` and `prompts/get`: the backend is in the name.
pub(super) async fn named(
    mut call: Call<'_, '_>,
    session: &Session,
) -> Result<Response<ReplyBody>, Failure> {
    let Target::Named { backend, name } = &call.permit.target else {
        return Err(Failure::InvalidParams("params.name is missing".to_owned()));
    };
    let index = *backend;
    call.record.named(name);
    let received = &call.permit.received;
    let written = received.message.params.as_ref().and_then(|params| params.name.as_ref());
    let renamed = written
        .filter(|written| written.value != *name)
        .map(|written| (span(received.body, written.raw), name::quoted(name)));
    forward(&mut call, session, index, renamed).await
}

/// Any request on a route with one backend: also methods that nobody here knows.
pub(super) async fn only(
    mut call: Call<'_, '_>,
    session: &Session,
) -> Result<Response<ReplyBody>, Failure> {
    forward(&mut call, session, 0, None).await
}

pub(super) async fn forward(
    call: &mut Call<'_, '_>,
    session: &Session,
    index: usize,
    edit: Option<(std::ops::Range<usize>, String)>,
) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    let gateway = &call.worker.gateway;
    call.record.backend(&received.route.backends[index]);
    let exchange = call.exchange(session, index);
    call.record.spoke(exchange.is_modern());
    if exchange.is_modern() {
        return across::forward(call, session, exchange, edit).await;
    }
    let (client_id, upstream_id) = (Arc::<str>::from(call.id()), gateway.upstream_id());
    let mut splice = Splice::new(received.body);
    if let Some(id) = received.message.id {
        splice.replace(span(received.body, id), upstream_id.as_bytes());
    }
    if let Some((place, text)) = &edit {
        splice.replace(place.clone(), text.as_bytes());
    }
    let body: Bytes = splice.finish();
    let entered = gateway.in_flight.enter(session.fingerprint, &client_id, index, &upstream_id);
    let relay = Relay {
        gateway: gateway.clone(),
        exchange: Arc::new(exchange),
        session: session.fingerprint,
        client_id,
        upstream_id,
        events: receive::accepts_events(received.headers),
        place: Place::of(session, received.route.backends[index].tag),
        entered,
    };
    let name = &received.route.backends[index].name;
    relay.run(body).await.map_err(|error: BackendError| error.of(name).into())
}
