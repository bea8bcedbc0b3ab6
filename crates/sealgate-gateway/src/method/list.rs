//! Enters: a list request. Leaves: one list of every backend's items, in the order of the route,
//! each under the name by which clients call it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use sealgate_config::resolved::PrefixMode;
use sealgate_mcp::caching::{CacheScope, CachingHints};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::code;
use sealgate_mcp::envelope::Envelope;
use sealgate_mcp::list::{self, ListKind};
use serde_json::json;

use super::{Call, call};
use crate::backend::{Exchange, across_eras, from_error_object};
use crate::fail::{BackendError, BackendFailure, Failure, Stage};
use crate::fanout::gather;
use crate::gateway::Gateway;
use crate::plan::BackendPlan;
use crate::reply::ReplyBody;
use crate::session::Session;

/// Pages that are read of one backend's list before it is called endless.
const PAGES: usize = 64;

/// How long a list waits for a backend that did not answer `initialize`.
const SECOND_CHANCE: Duration = Duration::from_secs(1);

/// Answers `tools/list`, `prompts/list`, `resources/list` and `resources/templates/list`.
pub(super) async fn list(
    call: Call<'_, '_>,
    session: &Session,
    kind: ListKind,
) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    if received.route.single().is_some_and(|backend| passes_unchanged(backend, kind)) {
        return call::only(call, session).await;
    }
    if received.message.params.as_ref().is_some_and(|params| params.cursor.is_some()) {
        return Err(Failure::InvalidParams("invalid cursor: this list has one page".to_owned()));
    }
    let asked: Vec<_> = call
        .exchanges(session)
        .into_iter()
        .filter(|exchange| {
            // One that was away when the session was opened may be back.
            let known = session.backend(&call.worker.gateway, exchange.backend().tag);
            known.is_none_or(|known| known.offers.has(Offers::needed_by(&kind.method())))
        })
        .collect();
    let count = asked.len();
    let gathered = gather(asked, |exchange| {
        let gateway = Arc::clone(&call.worker.gateway);
        let known = session.backend(&gateway, exchange.backend().tag).is_some();
        async move { Ok(drain(&gateway, &exchange, kind, known).await?.0) }
    })
    .await;
    if count > 0 && gathered.answers.is_empty() {
        return Err(Failure::AllBackendsFailed {
            method: kind.method().as_label(),
            failures: gathered.failures,
        });
    }
    report(&gathered.failures, kind);
    let missing = missing(&gathered.failures);
    Ok(call.result(&merge(kind, gathered.answers, &missing)))
}

/// Whether a single backend's list reaches the client as it is.
pub(super) fn passes_unchanged(backend: &BackendPlan, kind: ListKind) -> bool {
    match kind {
        ListKind::Tools => backend.prefix == PrefixMode::Never && backend.tools.is_open(),
        ListKind::Prompts => backend.prefix == PrefixMode::Never,
        ListKind::Resources | ListKind::ResourceTemplates => true,
    }
}

/// Every page of one backend's list, renamed and filtered, as comma-separated items; and how long
/// they hold, where the backend says so.
pub(super) async fn drain(
    gateway: &Gateway,
    exchange: &Exchange,
    kind: ListKind,
    known: bool,
) -> Result<(Vec<u8>, Option<CachingHints>), BackendError> {
    let backend = exchange.backend();
    let deadline = match known {
        true => backend.deadlines.list,
        // One that was away when the session was opened must not hold every list from then on.
        false => backend.deadlines.list.min(SECOND_CHANCE),
    };
    let started = tokio::time::Instant::now();
    let mut items = Vec::new();
    let mut hints: Option<CachingHints> = None;
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let id = gateway.upstream_id();
        let left = deadline.saturating_sub(started.elapsed());
        let params = parameters(cursor.as_deref());
        let (own, body) = exchange.own(&kind.method(), &params, &id);
        let asked = own.ask(body, &id, gateway.limits.held_answer, left, Stage::List).await?;
        let reply = Envelope::parse_reply(&asked.message)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        let Some(result) = reply.result else {
            let error = reply.error.and_then(|error| from_error_object(error.get()));
            if let Some(BackendError::RpcError { code: code::METHOD_NOT_FOUND, .. }) = error {
                return Ok((Vec::new(), None));
            }
            return Err(error.unwrap_or_else(|| BackendError::NotJsonRpc("no result".to_owned())));
        };
        let translated = across_eras(exchange, kind, result);
        let result = translated.as_deref().unwrap_or(result);
        let page = list::rewrite(kind, result, |name| rename(exchange, kind, name), &mut items)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        if let Some(ttl_ms) = page.ttl_ms {
            let scope = page.cache_scope.unwrap_or(CacheScope::Private);
            let own = CachingHints { ttl_ms, scope };
            hints = Some(hints.map_or(own, |hints| hints.merge(own)));
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next.into_owned()),
            None => return Ok((items, hints)),
        }
    }
    Err(BackendError::NotJsonRpc(format!("its list has more than {PAGES} pages")))
}

/// The name, or URI, under which clients see an item; `None` if they do not see it.
fn rename<'n>(exchange: &Exchange, kind: ListKind, name: &'n str) -> Option<Cow<'n, str>> {
    let backend = exchange.backend();
    match kind {
        ListKind::Tools => backend.tools.allows(name).then(|| backend.client_name(name)),
        ListKind::Prompts => Some(backend.client_name(name)),
        ListKind::Resources | ListKind::ResourceTemplates => {
            exchange.route.owners.learn(name, backend.tag);
            Some(Cow::Borrowed(name))
        }
    }
}

fn parameters(cursor: Option<&str>) -> String {
    match cursor {
        Some(cursor) => json!({ "cursor": cursor }).to_string(),
        None => "{}".to_owned(),
    }
}

/// The backends whose items are not in the list, and why.
pub(super) fn missing(failures: &[BackendFailure]) -> Vec<serde_json::Value> {
    let describe = |failure: &BackendFailure| json!({ "backend": &*failure.backend, "error": failure.error.to_string() });
    failures.iter().map(describe).collect()
}

pub(super) fn merge(
    kind: ListKind,
    lists: Vec<(usize, Vec<u8>)>,
    missing: &[serde_json::Value],
) -> String {
    let size: usize = lists.iter().map(|(_, items)| items.len() + 1).sum();
    let mut out = Vec::with_capacity(size + 256);
    out.extend_from_slice(format!("{{\"{}\":[", kind.key()).as_bytes());
    let mut first = true;
    for (_, items) in lists.iter().filter(|(_, items)| !items.is_empty()) {
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(items);
    }
    out.push(b']');
    if !missing.is_empty() {
        let meta = json!({ "sealgate.dev/unavailable": missing });
        out.extend_from_slice(format!(",\"_meta\":{meta}").as_bytes());
    }
    out.push(b'}');
    // Items are slices of parsed JSON, so that this is UTF-8 always.
    String::from_utf8_lossy(&out).into_owned()
}

pub(super) fn report(failures: &[BackendFailure], kind: ListKind) {
    for failure in failures {
        tracing::warn!(
            backend = %failure.backend,
            error = %failure.error,
            method = kind.method().as_label(),
            "backend missing from the list"
        );
    }
}
