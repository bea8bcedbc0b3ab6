//! Enters: DELETE. Leaves: every backend session closed, or an honest attempt at it.

use std::sync::Arc;

use http::{HeaderMap, Response};

use crate::fail::Failure;
use crate::fanout::gather;
use crate::plan::RoutePlan;
use crate::reply::ReplyBody;
use crate::session::Session;
use crate::walk::Worker;

/// Ends the session everywhere at once. A backend that fails to end its own is logged: the
/// client's session is over all the same.
pub(crate) async fn close(
    worker: &Worker,
    route: &Arc<RoutePlan>,
    session: &Session,
    headers: &HeaderMap,
) -> Result<Response<ReplyBody>, Failure> {
    let exchanges = (0..route.backends.len())
        .map(|index| session.exchange(worker, route, index, headers))
        .filter(|exchange| exchange.session.is_some())
        .collect();
    session.end(&worker.gateway);
    let gathered = gather(exchanges, |exchange| async move { exchange.close().await }).await;
    for failure in &gathered.failures {
        tracing::warn!(route = %route.name, backend = %failure.backend, error = %failure.error, "session not closed");
    }
    Ok(ReplyBody::empty(http::StatusCode::OK))
}
