//! Enters: a modern list request. Leaves: one list of every backend's items, with the caching
//! hints that hold for all of them.

use std::sync::Arc;

use http::Response;
use sealgate_mcp::caching::CachingHints;
use sealgate_mcp::list::ListKind;

use super::super::{Call, list};
use super::call;
use super::reach::{Reached, reach};
use crate::authenticate::Principal;
use crate::backend::Exchange;
use crate::fail::{BackendError, Failure};
use crate::fanout::gather;
use crate::gateway::Gateway;
use crate::reply::ReplyBody;

/// Answers `tools/list`, `prompts/list`, `resources/list` and `resources/templates/list`.
pub(super) async fn list(
    call: Call<'_, '_>,
    kind: ListKind,
) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    let route = received.route;
    if route.single().is_some_and(|backend| list::passes_unchanged(backend, kind)) {
        return call::only(call).await;
    }
    if received.message.params.as_ref().is_some_and(|params| params.cursor.is_some()) {
        return Err(Failure::InvalidParams("invalid cursor: this list has one page".to_owned()));
    }
    let exchanges = (0..route.backends.len()).map(|index| call.direct(index)).collect();
    let gathered = gather(exchanges, |exchange| {
        let gateway = Arc::clone(&call.worker.gateway);
        let principal = call.permit.principal.clone();
        async move { drain(&gateway, exchange, &principal, kind).await }
    })
    .await;
    if gathered.answers.is_empty() {
        return Err(Failure::AllBackendsFailed {
            method: kind.method().as_label(),
            failures: gathered.failures,
        });
    }
    list::report(&gathered.failures, kind);
    let missing = list::missing(&gathered.failures);
    let hints = gathered.answers.iter().filter_map(|(_, (_, hints))| *hints);
    let hints = hints.reduce(CachingHints::merge).filter(|_| missing.is_empty());
    let lists = gathered.answers.into_iter().map(|(index, (items, _))| (index, items)).collect();
    let mut result = list::merge(kind, lists, &missing);
    let members = hints.unwrap_or(CachingHints::NONE).members();
    result.insert_str(1, &format!(r#""resultType":"complete",{members},"#));
    Ok(call.result(&result))
}

/// A backend's items and, if it has any, how long they hold.
type Drained = (Vec<u8>, Option<CachingHints>);

async fn drain(
    gateway: &Gateway,
    exchange: Exchange,
    principal: &Principal,
    kind: ListKind,
) -> Result<Drained, BackendError> {
    match reach(gateway, exchange, principal).await? {
        Reached::Modern(exchange) => list::drain(gateway, &exchange, kind, true).await,
        Reached::Legacy(mut lease) => {
            let drained = list::drain(gateway, lease.exchange(), kind, true).await;
            let drained = match drained {
                Err(BackendError::SessionLost) => {
                    lease.renew(gateway).await?;
                    list::drain(gateway, lease.exchange(), kind, true).await
                }
                drained => drained,
            };
            Ok((drained?.0, Some(CachingHints::NONE)))
        }
    }
}
