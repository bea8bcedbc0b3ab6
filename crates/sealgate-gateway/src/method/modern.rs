//! Enters: a [`Permit`](crate::authorize::Permit) of a modern client. Leaves: the response. There
//! is no session: whatever is needed is in the request, or is found out again.

mod call;
mod discover;
mod list;
mod listen;
mod parameters;
mod reach;

use http::{Response, StatusCode};
use sealgate_mcp::envelope::Kind;
use sealgate_mcp::list::ListKind;
use sealgate_mcp::method::Method;
use sealgate_mcp::modern_headers::ModernFault;

use super::Call;
use crate::fail::Failure;
use crate::reply::ReplyBody;

/// Does what the message asks.
pub(super) async fn answer(call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    // The era has no notifications from clients over HTTP: there is nobody to tell.
    if call.permit.received.kind == Kind::Notification {
        return Ok(ReplyBody::empty(StatusCode::ACCEPTED));
    }
    let text = call.permit.received.message.method.clone().unwrap_or_default();
    let method = Method::parse(&text);
    if let Some(kind) = ListKind::of(&method) {
        return list::list(call, kind).await;
    }
    match method {
        Method::ServerDiscover => discover::discover(call).await,
        Method::SubscriptionsListen => listen::listen(call).await,
        Method::ToolsCall | Method::PromptsGet => call::named(call).await,
        // A prompt's name has the prefix with one backend too.
        Method::CompletionComplete => call::complete(call).await,
        _ if call.permit.received.route.single().is_some() => call::only(call).await,
        Method::ResourcesRead => call::by_uri(call).await,
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => call::by_task(call).await,
        other => {
            let method = other.as_str().chars().take(100).collect();
            Err(Failure::Modern(ModernFault::Method(method)))
        }
    }
}
