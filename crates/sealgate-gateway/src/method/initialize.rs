//! Enters: `initialize`. Leaves: one session over every backend of the route that answered in
//! time, in a token that the client carries.

use std::sync::Arc;

use http::Response;
use http::header::HeaderValue;
use sealgate_mcp::capability::{self, Offers};
use sealgate_mcp::envelope::span;
use sealgate_mcp::session::{BackendSession, ClientFacts, SessionToken};
use sealgate_mcp::splice::Splice;
use sealgate_mcp::version::{Version, negotiate_legacy};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Call;
use crate::backend::Exchange;
use crate::backend::handshake::{Handshake, InitializeResult};
use crate::fail::Failure;
use crate::fanout::gather;
use crate::receive::Received;
use crate::reply::ReplyBody;
use crate::seal::SESSION_ID;
use crate::session;

/// Opens a session with every backend at once, each under its own deadline.
pub(super) async fn initialize(call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    let params = received.message.params.as_ref();
    let requested = params
        .and_then(|params| params.protocol_version.as_ref())
        .ok_or_else(|| Failure::InvalidParams("params.protocolVersion is missing".to_owned()))?;
    let version = negotiate_legacy(&requested.value);
    let route = received.route;
    let exchanges = (0..route.backends.len())
        .map(|index| Exchange {
            pool: Arc::clone(&call.worker.pool),
            route: Arc::clone(route),
            index,
            session: None,
            version: None,
            forwarded: route.backends[index].forwarded(received.headers),
            reopen: None,
            speaker: None,
            mirror: None,
        })
        .collect();
    let gathered = gather(exchanges, |exchange| {
        let id = call.worker.gateway.upstream_id();
        let mut splice = Splice::new(received.body);
        if let Some(own) = received.message.id {
            splice.replace(span(received.body, own), id.as_bytes());
        }
        let offered = format!("\"{}\"", version.as_str());
        splice.replace(span(received.body, requested.raw), offered.into_bytes());
        let body = splice.finish();
        let gateway = Arc::clone(&call.worker.gateway);
        async move { Handshake::with_any(&gateway, &exchange, body, &id, version).await }
    })
    .await;
    for failure in &gathered.failures {
        tracing::warn!(
            route = %route.name, backend = %failure.backend, error = %failure.error,
            "backend did not open a session"
        );
    }
    if gathered.answers.is_empty() {
        return Err(Failure::AllBackendsFailed {
            method: "initialize",
            failures: gathered.failures,
        });
    }
    let missing: Vec<_> = gathered
        .failures
        .iter()
        .map(|failure| json!({ "backend": &*failure.backend, "error": failure.error.to_string() }))
        .collect();
    let token = token(&call, version, &gathered.answers)?;
    let result = merge(&call, version, &gathered.answers, &missing)?;
    let mut response = call.result(&result);
    response.headers_mut().insert(SESSION_ID, token);
    call.record.opened();
    Ok(response)
}

/// What the client is told: a single backend's own words, or the sum of several.
fn merge(
    call: &Call<'_, '_>,
    version: Version,
    opened: &[(usize, Handshake)],
    missing: &[serde_json::Value],
) -> Result<String, Failure> {
    let route = call.permit.received.route;
    if let ([(_, only)], Some(_)) = (opened, route.single()) {
        let result = InitializeResult::read(&only.result)
            .map_err(|error| error.of(&route.backends[0].name))?;
        let mut splice = Splice::new(&only.result);
        let declared = capability::with_list_changes(result.capabilities.get());
        splice.replace(span(&only.result, result.capabilities), declared.into_bytes());
        return Ok(String::from_utf8_lossy(&splice.finish()).into_owned());
    }
    let mut capabilities = Vec::new();
    let mut instructions = Vec::new();
    for (index, opened) in opened {
        let result = InitializeResult::read(&opened.result)
            .map_err(|e| e.of(&route.backends[*index].name))?;
        capabilities.push(result.capabilities);
        if let Some(text) = result.instructions {
            instructions.push((&*route.backends[*index].name, text.into_owned()));
        }
    }
    let merged = capability::with_list_changes(&capability::merge(&capabilities));
    let mut result = format!(
        r#"{{"protocolVersion":"{}","capabilities":{},"serverInfo":{}"#,
        version.as_str(),
        merged,
        json!({ "name": "sealgate", "version": env!("CARGO_PKG_VERSION") }),
    );
    if let Some(text) = capability::merge_instructions(&instructions) {
        result.push_str(&format!(",\"instructions\":{}", serde_json::Value::from(text)));
    }
    if !missing.is_empty() {
        let meta = json!({ "sealgate.dev/unavailable": missing });
        result.push_str(&format!(",\"_meta\":{meta}"));
    }
    result.push('}');
    Ok(result)
}

/// What the client says about itself, for sessions that are opened for it later.
fn client_facts(received: &Received<'_>) -> Result<ClientFacts, Failure> {
    #[derive(Default, Deserialize)]
    struct ClientInfo<'a> {
        #[serde(borrow, default)]
        name: std::borrow::Cow<'a, str>,
        #[serde(borrow, default)]
        version: std::borrow::Cow<'a, str>,
    }
    let params = received.message.params.as_ref();
    let capabilities = params.and_then(|p| p.capabilities).map_or("{}", RawValue::get);
    let info: ClientInfo<'_> = params
        .and_then(|p| p.client_info)
        .and_then(|info| serde_json::from_str(info.get()).ok())
        .unwrap_or_default();
    ClientFacts::new(capabilities, &info.name, &info.version)
        .map_err(|error| Failure::InvalidParams(error.to_string()))
}

/// The session id: everything that any replica needs to go on.
fn token(
    call: &Call<'_, '_>,
    version: Version,
    opened: &[(usize, Handshake)],
) -> Result<HeaderValue, Failure> {
    let received = &call.permit.received;
    let route = received.route;
    let mut backends = Vec::with_capacity(opened.len());
    for (index, opened) in opened {
        let plan = &route.backends[*index];
        let result = InitializeResult::read(&opened.result).map_err(|e| e.of(&plan.name))?;
        backends.push(BackendSession {
            backend: plan.tag,
            session_id: opened.session.as_deref().map(Into::into),
            era: opened.era,
            offers: Offers::read(result.capabilities.get()),
        });
    }
    let token = SessionToken {
        route: route.tag,
        principal: call.permit.principal.digest(),
        expires_at: session::expiry(route.session_ttl),
        version,
        client: client_facts(received)?,
        backends,
        log_level: None,
    };
    let text = token.seal(&call.worker.gateway.keyring()).map_err(|error| {
        Failure::InvalidParams(format!("the session does not fit in a header: {error}"))
    })?;
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Failure::InvalidParams("the session does not fit in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
