//! Enters: `server/discover`. Leaves: a single backend's own words about itself, or the sum of
//! what several say.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use sealgate_mcp::caching::CachingHints;
use sealgate_mcp::discover;
use sealgate_mcp::envelope::span;
use sealgate_mcp::object::Object;
use sealgate_mcp::splice::Splice;
use sealgate_mcp::{capability, translate};
use serde_json::json;
use serde_json::value::RawValue;

use super::super::Call;
use super::reach::{Reached, reach};
use crate::backend::handshake::InitializeResult;
use crate::backend::{Exchange, Spoken};
use crate::fail::{BackendError, Failure};
use crate::fanout::gather;
use crate::gateway::Gateway;
use crate::receive::MODERN_VERSIONS;
use crate::reply::ReplyBody;

/// Asks every backend, in its own era, what it is.
pub(super) async fn discover(call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let route = call.permit.received.route;
    let exchanges = (0..route.backends.len()).map(|index| call.direct(index)).collect();
    let gathered = gather(exchanges, |exchange| {
        let gateway = Arc::clone(&call.worker.gateway);
        let principal = call.permit.principal.clone();
        async move { introduction(&gateway, exchange, &principal).await }
    })
    .await;
    for failure in &gathered.failures {
        tracing::warn!(
            route = %route.name, backend = %failure.backend, error = %failure.error,
            "backend did not introduce itself"
        );
    }
    if let Some(backend) = route.single() {
        call.record.backend(backend);
        // Was just found out, if it was.
        if let Ok(spoken) = call.direct(0).spoken(&call.worker.gateway).await {
            call.record.spoke(spoken == Spoken::Modern);
        }
    }
    match (gathered.answers.as_slice(), route.single()) {
        ([(_, only)], Some(backend)) => {
            let result = in_our_place(only)
                .map_err(|fault| BackendError::DiscoverResult(fault).of(&backend.name))?;
            Ok(call.result(&String::from_utf8_lossy(&result)))
        }
        ([], _) => {
            let mut failures = gathered.failures;
            match (route.single(), failures.pop()) {
                (Some(_), Some(failure)) => Err(failure.into()),
                (_, last) => {
                    failures.extend(last);
                    Err(Failure::AllBackendsFailed { method: "server/discover", failures })
                }
            }
        }
        (several, _) => {
            let parts: Vec<_> = several
                .iter()
                .map(|(index, result)| (&*route.backends[*index].name, result))
                .collect();
            let missing = gathered.failures.iter().map(|failure| {
                json!({ "backend": &*failure.backend, "error": failure.error.to_string() })
            });
            Ok(call.result(&merge(&parts, &missing.collect::<Vec<_>>())))
        }
    }
}

/// What one backend says of itself, as a DiscoverResult.
async fn introduction(
    gateway: &Gateway,
    exchange: Exchange,
    principal: &crate::authenticate::Principal,
) -> Result<Bytes, BackendError> {
    match reach(gateway, exchange, principal).await? {
        Reached::Modern(exchange) => exchange.discover(gateway).await,
        Reached::Legacy(lease) => of_initialize(&lease.upstream.result),
    }
}

/// An InitializeResult in the words of the modern era.
fn of_initialize(result: &Bytes) -> Result<Bytes, BackendError> {
    let said = InitializeResult::read(result)?;
    let text = std::str::from_utf8(result).unwrap_or_default();
    let info = Object::parse(text).ok().and_then(|all| all.get("serverInfo"));
    let written = discover::write(
        MODERN_VERSIONS,
        &translate::server_capabilities(said.capabilities.get()),
        said.instructions.as_deref(),
        info.map_or("{\"name\":\"unknown\",\"version\":\"0\"}", RawValue::get),
        CachingHints::NONE,
    );
    Ok(written.into())
}

/// A backend's words with the versions that this gateway serves, and with its word that it tells
/// of changed lists: it is the gateway that a client will speak with.
fn in_our_place(result: &Bytes) -> Result<Bytes, String> {
    let text = std::str::from_utf8(result).map_err(|error| error.to_string())?;
    let object = Object::parse(text).map_err(|error| error.to_string())?;
    let versions: Vec<_> = MODERN_VERSIONS.iter().map(|version| version.as_str()).collect();
    let versions = json!(versions).to_string();
    let mut splice = Splice::new(result);
    if let Some(raw) = object.get("supportedVersions") {
        splice.replace(span(result, raw), versions.into_bytes());
    }
    if let Some(raw) = object.get("capabilities") {
        let declared = capability::with_list_changes(raw.get());
        splice.replace(span(result, raw), declared.into_bytes());
    }
    Ok(splice.finish())
}

/// The sum of several backends' words.
fn merge(parts: &[(&str, &Bytes)], missing: &[serde_json::Value]) -> String {
    let mut capabilities = Vec::new();
    let mut instructions = Vec::new();
    let mut hints: Option<CachingHints> = None;
    for (name, result) in parts {
        let Ok(raw) = serde_json::from_slice::<&RawValue>(result) else { continue };
        let Ok(said) = discover::read(raw) else { continue };
        capabilities.extend(said.capabilities);
        instructions.extend(said.instructions.map(|text| (*name, text)));
        hints = Some(hints.map_or(said.hints, |hints| hints.merge(said.hints)));
    }
    // What is missing now may be back at once.
    let hints = hints.filter(|_| missing.is_empty()).unwrap_or(CachingHints::NONE);
    let mut text = discover::write(
        MODERN_VERSIONS,
        &capability::with_list_changes(&capability::merge(&capabilities)),
        capability::merge_instructions(&instructions).as_deref(),
        &json!({ "name": "sealgate", "version": env!("CARGO_PKG_VERSION") }).to_string(),
        hints,
    );
    if !missing.is_empty() {
        let missing = serde_json::Value::from(missing);
        let member = format!("\"_meta\":{{\"sealgate.dev/unavailable\":{missing},");
        text = text.replacen("\"_meta\":{", &member, 1);
    }
    text
}
