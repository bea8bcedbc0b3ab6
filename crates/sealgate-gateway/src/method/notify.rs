//! Enters: a client's notification or its response to a backend's request. Leaves: 202, once the
//! backends that it concerns have it.

use bytes::Bytes;
use http::{Response, StatusCode};
use sealgate_mcp::envelope::span;
use sealgate_mcp::method::Method;
use sealgate_mcp::splice::Splice;

use super::Call;
use crate::fail::Failure;
use crate::fanout::gather;
use crate::reply::ReplyBody;
use crate::reply::request_id;
use crate::session::Session;

/// Notifications ask for no answer, so that nothing but a missing session is told to the client.
pub(super) async fn notification(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let session = call.session()?;
    let text = call.permit.received.message.method.clone().unwrap_or_default();
    match Method::parse(&text) {
        Method::Cancelled => cancelled(&mut call, &session).await,
        _ => tell_all(&call, &session).await,
    }
    Ok(ReplyBody::empty(StatusCode::ACCEPTED))
}

/// A response goes to the backend that asked, with the id that it asked under.
pub(super) async fn response(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let session = call.session()?;
    let received = &call.permit.received;
    let unknown = || Failure::InvalidParams("this response answers no request of ours".to_owned());
    let id = received.message.id.ok_or_else(unknown)?;
    if call.worker.gateway.bridged.answer(session.fingerprint, id.get(), received.body) {
        return Ok(ReplyBody::empty(StatusCode::ACCEPTED));
    }
    let asked = request_id::open(&call.worker.gateway.keyring(), session.fingerprint, id.get())
        .ok_or_else(unknown)?;
    let index = received.route.by_tag(asked.backend).ok_or_else(unknown)?;
    let exchange = call.exchange(&session, index);
    call.record.backend(exchange.backend());
    call.record.spoke(exchange.is_modern());
    let mut splice = Splice::new(received.body);
    splice.replace(span(received.body, id), asked.id.into_bytes());
    let name = exchange.backend().name.clone();
    exchange.tell(splice.finish()).await.map_err(|error| error.of(&name))?;
    Ok(ReplyBody::empty(StatusCode::ACCEPTED))
}

/// Only the backend that runs the request hears of it, under the id that it knows.
async fn cancelled(call: &mut Call<'_, '_>, session: &Session) {
    let received = &call.permit.received;
    let request = received.message.params.as_ref().and_then(|params| params.request_id);
    let Some(request) = request else { return };
    if call.worker.gateway.bridged.cancel(session.fingerprint, request.get()) {
        return;
    }
    let Some((index, upstream_id)) =
        call.worker.gateway.in_flight.find(session.fingerprint, request.get())
    else {
        return;
    };
    let exchange = call.exchange(session, index);
    call.record.backend(exchange.backend());
    call.record.spoke(exchange.is_modern());
    let mut splice = Splice::new(received.body);
    splice.replace(span(received.body, request), upstream_id.as_bytes());
    log(exchange.tell(splice.finish()).await.map_err(|error| error.of(&exchange.backend().name)));
}

async fn tell_all(call: &Call<'_, '_>, session: &Session) {
    let body: Bytes = call.permit.received.body.clone();
    let mut exchanges = call.exchanges(session);
    // A modern backend has no session that could hear of it.
    exchanges.retain(|exchange| exchange.version.is_some() && !exchange.is_modern());
    let told = gather(exchanges, |exchange| {
        let body = body.clone();
        async move { exchange.tell(body).await }
    })
    .await;
    told.failures.into_iter().for_each(|failure| log(Err(failure)));
}

fn log(told: Result<(), crate::fail::BackendFailure>) {
    if let Err(failure) = told {
        tracing::warn!(backend = %failure.backend, error = %failure.error, "notification not delivered");
    }
}
