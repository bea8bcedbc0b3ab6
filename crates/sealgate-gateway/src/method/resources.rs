//! Enters: a request about a resource on a route with several backends. Leaves: the answer of the
//! backend that has it. URIs stay as their servers wrote them, so that links inside results stay
//! readable; whose a URI is, is learnt from lists and from answers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use sealgate_config::resolved::UriMode;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::code;
use sealgate_mcp::envelope::span;
use sealgate_mcp::method::Method;
use sealgate_mcp::splice::Splice;

use super::{Call, call, everywhere};
use crate::fail::{BackendError, Failure};
use crate::reply::ReplyBody;
use crate::session::Session;

/// Whose resource a URI is, by tag of the backend. Learnt by this process; one that has not
/// learnt it asks the backends in turn.
#[derive(Default)]
pub(crate) struct Owners(Mutex<HashMap<Box<str>, u32>>);

/// URIs that are remembered for one route.
const MOST: usize = 16 * 1024;
/// The longest URI that is remembered, in bytes.
const LONGEST: usize = 2 * 1024;

impl Owners {
    /// The resource is this backend's. The first to claim a URI keeps it: two servers that name
    /// different things alike cannot both be right, and the order of the route decides.
    pub(crate) fn learn(&self, uri: &str, backend: u32) {
        if uri.len() > LONGEST {
            return;
        }
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() < MOST || owners.contains_key(uri) {
            owners.insert(uri.into(), backend);
        }
    }

    pub(super) fn find(&self, uri: &str) -> Option<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uri).copied()
    }
}

/// `resources/read`, `resources/subscribe`, `resources/unsubscribe`: by `params.uri`.
pub(super) async fn by_uri(
    call: Call<'_, '_>,
    session: &Session,
    method: Method<'_>,
) -> Result<Response<ReplyBody>, Failure> {
    let params = call.permit.received.message.params.as_ref();
    let Some(uri) = params.and_then(|params| params.uri.as_ref()) else {
        return Err(Failure::InvalidParams("params.uri is missing".to_owned()));
    };
    let uri = uri.value.clone().into_owned();
    call.record.named(&uri);
    owned(call, session, &uri, Offers::needed_by(&method)).await
}

/// `completion/complete`: by the prompt's name, or the template's URI.
pub(super) async fn complete(
    mut call: Call<'_, '_>,
    session: &Session,
) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    let reference = received.message.params.as_ref().and_then(|params| params.reference.as_ref());
    let Some(reference) = reference else {
        return Err(Failure::InvalidParams("params.ref is missing".to_owned()));
    };
    if let Some(name) = &reference.name {
        let unknown =
            || Failure::UnknownName { kind: "prompt", name: name.value.clone().into_owned() };
        let (index, bare) = received.route.owner(&name.value).ok_or_else(unknown)?;
        let edit = (span(received.body, name.raw), serde_json::Value::from(bare).to_string());
        return call::forward(&mut call, session, index, Some(edit)).await;
    }
    let Some(uri) = &reference.uri else {
        return Err(Failure::InvalidParams("params.ref has neither name nor uri".to_owned()));
    };
    let uri = uri.value.clone().into_owned();
    owned(call, session, &uri, Offers::COMPLETIONS).await
}

/// Forwards to the owner of the URI; if that is not known, asks each backend until one has it.
async fn owned(
    mut call: Call<'_, '_>,
    session: &Session,
    uri: &str,
    offers: Offers,
) -> Result<Response<ReplyBody>, Failure> {
    let route = call.permit.received.route;
    if route.uris == UriMode::Prefix {
        let index = route.uri_owner(uri).ok_or_else(|| unknown(uri))?;
        return call::forward(&mut call, session, index, None).await;
    }
    if let Some(index) = route.owners.find(uri).and_then(|tag| route.by_tag(tag)) {
        return call::forward(&mut call, session, index, None).await;
    }
    let gateway = &call.worker.gateway;
    let mut failures = Vec::new();
    for exchange in everywhere::offering(&call, session, offers) {
        let received = &call.permit.received;
        let id = gateway.upstream_id();
        let body = everywhere::with_id(received.body, received.message.id, &id);
        match everywhere::ask(gateway, &exchange, body, &id).await {
            Ok(message) => {
                route.owners.learn(uri, exchange.backend().tag);
                call.record.backend(exchange.backend());
                call.record.spoke(exchange.is_modern());
                return Ok(ReplyBody::json(with_client_id(&message, call.id())));
            }
            Err(BackendError::RpcError { code, .. }) if means_unknown(code) => {}
            Err(error) => failures.push(error.of(&exchange.backend().name)),
        }
    }
    match failures.pop() {
        // The resource may be on one that failed: its failure is the better answer.
        Some(failure) => Err(failure.into()),
        None => Err(unknown(uri)),
    }
}

pub(super) fn unknown(uri: &str) -> Failure {
    Failure::UnknownName { kind: "resource", name: uri.chars().take(200).collect() }
}

/// Codes by which servers say that a resource is not theirs; what they choose differs widely.
fn means_unknown(code: i64) -> bool {
    let usual = [
        code::LEGACY_RESOURCE_NOT_FOUND,
        code::INVALID_PARAMS,
        code::METHOD_NOT_FOUND,
        code::INTERNAL_ERROR,
    ];
    usual.contains(&code)
}

fn with_client_id(message: &Bytes, id: &str) -> Bytes {
    let Ok(reply) = sealgate_mcp::envelope::Envelope::parse_reply(message) else {
        return message.clone();
    };
    let mut splice = Splice::new(message);
    if let Some(old) = reply.id {
        splice.replace(span(message, old), id.as_bytes());
    }
    splice.finish()
}
