//! Enters: a request that concerns every backend that offers a thing. Leaves: one answer.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::method::Method;
use sealgate_mcp::splice::Splice;

use super::{Call, across};
use crate::backend::{Exchange, from_error_object};
use crate::fail::{BackendError, Failure, Stage};
use crate::fanout::gather;
use crate::gateway::Gateway;
use crate::reply::ReplyBody;
use crate::session::Session;

/// `logging/setLevel`: every backend that logs hears of it; one that took it is enough.
pub(super) async fn set_level(
    call: Call<'_, '_>,
    session: &Session,
) -> Result<Response<ReplyBody>, Failure> {
    let method = Method::LoggingSetLevel;
    let asked = offering(&call, session, Offers::needed_by(&method));
    if asked.is_empty() {
        return Err(Failure::UnknownMethod(method.as_str().to_owned()));
    }
    let received = &call.permit.received;
    let gathered = gather(asked, |exchange| {
        let gateway = Arc::clone(&call.worker.gateway);
        let id = gateway.upstream_id();
        let body = with_id(received.body, received.message.id, &id);
        async move { ask(&gateway, &exchange, body, &id).await }
    })
    .await;
    if gathered.answers.is_empty() {
        return Err(Failure::AllBackendsFailed {
            method: method.as_label(),
            failures: gathered.failures,
        });
    }
    Ok(call.result("{}"))
}

/// The way to every backend that offers this, as far as is known.
pub(super) fn offering(call: &Call<'_, '_>, session: &Session, offers: Offers) -> Vec<Exchange> {
    let mut exchanges = call.exchanges(session);
    exchanges.retain(|exchange| {
        let known = session.backend(&call.worker.gateway, exchange.backend().tag);
        known.is_some_and(|known| known.offers.has(offers))
    });
    exchanges
}

/// The message with another id.
pub(super) fn with_id(body: &Bytes, old: Option<&serde_json::value::RawValue>, id: &str) -> Bytes {
    let mut splice = Splice::new(body);
    if let Some(old) = old {
        splice.replace(span(body, old), id.as_bytes());
    }
    splice.finish()
}

/// Asks one backend and takes its answer whole; an error answer is an error.
pub(super) async fn ask(
    gateway: &Gateway,
    exchange: &Exchange,
    body: Bytes,
    id: &str,
) -> Result<Bytes, BackendError> {
    if exchange.is_modern() {
        return across::ask(gateway, exchange, body, id).await;
    }
    let within = exchange.backend().deadlines.list;
    let limit = gateway.limits.held_answer;
    let asked = exchange.ask(body, id, limit, within, Stage::Answer).await?;
    let reply = Envelope::parse_reply(&asked.message)
        .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
    match reply.error {
        Some(error) => Err(from_error_object(error.get())
            .unwrap_or_else(|| BackendError::NotJsonRpc("its error is no object".to_owned()))),
        None => Ok(asked.message.clone()),
    }
}
