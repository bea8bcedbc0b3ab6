//! Enters: a list request. Leaves: one list of every backend's items, in the order of the route,
//! each under the name by which clients call it.

mod alone;
mod cursor;
mod merged;
mod part;

pub(super) use alone::page as kept_page;
pub(super) use cursor::{Place, invalid};
pub(super) use merged::Merged;
pub(super) use part::{Part, Wanted};

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use sealgate_config::resolved::PrefixMode;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::code;
use sealgate_mcp::list::ListKind;

use super::{Call, call};
use crate::backend::Asker;
use crate::fail::{BackendError, Failure};
use crate::fanout::{Gathered, gather};
use crate::plan::BackendPlan;
use crate::reply::ReplyBody;
use crate::session::Session;

/// How long a list waits for a backend that did not answer `initialize`.
const SECOND_CHANCE: Duration = Duration::from_secs(1);

/// Answers `tools/list`, `prompts/list`, `resources/list` and `resources/templates/list`.
pub(super) async fn list(
    mut call: Call<'_, '_>,
    session: &Session,
    kind: ListKind,
) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    let route = received.route;
    if route.single().is_some_and(|backend| passes_unchanged(backend, kind)) {
        let exchange = call.exchange(session, 0);
        let asker = Asker::new(&exchange, &call.permit.principal, exchange.is_modern());
        let wanted = alone(&call, kind, asker, exchange.backend());
        return match kept_page(&mut call, &exchange, &wanted).await {
            Some(result) => Ok(call.result(&result)),
            None => call::only(call, session).await,
        };
    }
    let place = Place::of(&call, kind)?;
    let asked: Vec<_> = call
        .exchanges(session)
        .into_iter()
        .filter(|exchange| {
            // One that was away when the session was opened may be back.
            let known = session.backend(&call.worker.gateway, exchange.backend().tag);
            known.is_none_or(|known| known.offers.has(Offers::needed_by(&kind.method())))
        })
        .filter(|exchange| place.of_backend(exchange.backend().tag).is_some())
        .collect();
    let gathered = gather(asked, |exchange| {
        let gateway = Arc::clone(&call.worker.gateway);
        let backend = exchange.backend();
        let is_known = session.backend(&gateway, backend.tag).is_some();
        let patience = match is_known {
            true => backend.deadlines.list,
            // One that was away when the session was opened must not hold every list from then on.
            false => backend.deadlines.list.min(SECOND_CHANCE),
        };
        let asker = Asker::new(&exchange, &call.permit.principal, exchange.is_modern());
        let from = place.of_backend(backend.tag).flatten();
        let wanted = Wanted { kind, asker, from, patience };
        async move {
            let drained = wanted.drain(&gateway, &exchange).await;
            wanted.settle(&exchange, drained)
        }
    })
    .await;
    let mut merged = Merged::new(route, kind, admit(gathered, &place, kind)?);
    let cursor = place.behind(&call, &mut merged);
    Ok(call.result(&merged.write("", cursor.as_deref())))
}

/// The page that a client wants of a single backend.
pub(super) fn alone(
    call: &Call<'_, '_>,
    kind: ListKind,
    asker: Asker,
    backend: &BackendPlan,
) -> Wanted {
    let params = call.permit.received.message.params.as_ref();
    let cursor = params.and_then(|params| params.cursor.as_ref());
    let from = cursor.map(|cursor| cursor.value.as_ref().into());
    Wanted { kind, asker, from, patience: backend.deadlines.list }
}

/// Whether what was gathered is an answer at all.
pub(super) fn admit(
    gathered: Gathered<Part>,
    place: &Place,
    kind: ListKind,
) -> Result<Gathered<Part>, Failure> {
    let is_invalid = |error: &BackendError| {
        matches!(error, BackendError::RpcError { code: code::INVALID_PARAMS, .. })
    };
    if place.is_behind_the_start()
        && let Some(failure) = gathered.failures.iter().find(|failure| is_invalid(&failure.error))
    {
        return Err(invalid(&format!("backend {} does not know it any more", failure.backend)));
    }
    match gathered.answers.is_empty() && !gathered.failures.is_empty() {
        true => Err(Failure::AllBackendsFailed {
            method: kind.method().as_label(),
            failures: gathered.failures,
        }),
        false => Ok(gathered),
    }
}

/// Whether a single backend's list reaches the client as it is.
pub(super) fn passes_unchanged(backend: &BackendPlan, kind: ListKind) -> bool {
    match kind {
        ListKind::Tools => backend.prefix == PrefixMode::Never && backend.tools.is_open(),
        ListKind::Prompts => backend.prefix == PrefixMode::Never,
        ListKind::Resources | ListKind::ResourceTemplates => true,
    }
}
