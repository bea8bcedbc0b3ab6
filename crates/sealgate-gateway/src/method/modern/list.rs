//! Enters: a modern list request. Leaves: one list of every backend's items, with the caching
//! hints that hold for all of them.

use std::sync::Arc;

use http::Response;
use sealgate_mcp::list::ListKind;

use super::super::Call;
use super::super::list::{self, Merged, Part, Place, Wanted};
use super::call;
use super::reach::{Reached, reach};
use crate::authenticate::Principal;
use crate::backend::{Asker, Exchange, Spoken};
use crate::fail::{BackendError, Failure};
use crate::fanout::gather;
use crate::gateway::Gateway;
use crate::reply::ReplyBody;

/// Answers `tools/list`, `prompts/list`, `resources/list` and `resources/templates/list`.
pub(super) async fn list(
    mut call: Call<'_, '_>,
    kind: ListKind,
) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    let route = received.route;
    if route.single().is_some_and(|backend| list::passes_unchanged(backend, kind)) {
        return match kept(&mut call, kind).await {
            Some(result) => Ok(call.result(&result)),
            None => call::only(call).await,
        };
    }
    let place = Place::of(&call, kind)?;
    let exchanges = (0..route.backends.len())
        .filter(|index| place.of_backend(route.backends[*index].tag).is_some())
        .map(|index| call.direct(index))
        .collect();
    let gathered = gather(exchanges, |exchange| {
        let gateway = Arc::clone(&call.worker.gateway);
        let principal = call.permit.principal.clone();
        let from = place.of_backend(exchange.backend().tag).flatten();
        let wanted = Wanted {
            kind,
            // Until it is known what the backend speaks.
            asker: Asker::new(&exchange, &principal, true),
            from,
            patience: exchange.backend().deadlines.list,
        };
        async move {
            let drained = drain(&gateway, exchange.clone(), &principal, wanted.clone()).await;
            wanted.settle(&exchange, drained)
        }
    })
    .await;
    let mut merged = Merged::new(route, kind, list::admit(gathered, &place, kind)?);
    let cursor = place.behind(&call, &mut merged);
    let members = format!(r#""resultType":"complete",{},"#, merged.hints().members());
    Ok(call.result(&merged.write(&members, cursor.as_deref())))
}

/// The page that is kept of a single backend's list.
async fn kept(call: &mut Call<'_, '_>, kind: ListKind) -> Option<String> {
    let direct = call.direct(0);
    let gateway = Arc::clone(&call.worker.gateway);
    let is_modern = direct.spoken(&gateway).await.ok()? == Spoken::Modern;
    if !direct.backend().lists.keeps(kind, is_modern) {
        return None;
    }
    let asker = Asker::new(&direct, &call.permit.principal, is_modern);
    let wanted = list::alone(call, kind, asker, direct.backend());
    match reach(&gateway, direct, &call.permit.principal).await.ok()? {
        Reached::Modern(exchange) => list::kept_page(call, &exchange, &wanted).await,
        Reached::Legacy(lease) => list::kept_page(call, lease.exchange(), &wanted).await,
    }
}

async fn drain(
    gateway: &Gateway,
    exchange: Exchange,
    principal: &Principal,
    mut wanted: Wanted,
) -> Result<Part, BackendError> {
    let legacy = Asker::new(&exchange, principal, false);
    match reach(gateway, exchange, principal).await? {
        Reached::Modern(exchange) => wanted.drain(gateway, &exchange).await,
        Reached::Legacy(mut lease) => {
            wanted.asker = legacy;
            match wanted.drain(gateway, lease.exchange()).await {
                Err(BackendError::SessionLost) => {
                    lease.renew(gateway).await?;
                    wanted.drain(gateway, lease.exchange()).await
                }
                drained => drained,
            }
        }
    }
}
