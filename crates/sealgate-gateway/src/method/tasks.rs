//! Enters: a request about tasks on a route with several backends. Leaves: the answer of the
//! backend whose task it is, which the id tells, or one list of all (MCP 2025-11-25, tasks).

use std::sync::Arc;

use http::Response;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::envelope::{Envelope, Text};
use sealgate_mcp::method::Method;
use sealgate_mcp::object::Object;
use serde_json::json;

use super::{Call, call, everywhere};
use crate::backend::Exchange;
use crate::fail::{BackendError, Failure};
use crate::fanout::gather;
use crate::gateway::Gateway;
use crate::reply::ReplyBody;
use crate::session::Session;

/// Pages that are read of one backend's tasks before they are called endless.
const PAGES: usize = 64;

/// `tasks/get`, `tasks/result` and `tasks/cancel`.
pub(super) async fn by_id(
    mut call: Call<'_, '_>,
    session: &Session,
) -> Result<Response<ReplyBody>, Failure> {
    let index = owner(&call)?;
    call::forward(&mut call, session, index, None).await
}

/// The backend of the task that the request names.
///
/// # Errors
/// [`Failure::UnknownName`] for what is no task of this caller here.
pub(super) fn owner(call: &Call<'_, '_>) -> Result<usize, Failure> {
    let received = &call.permit.received;
    let id = received.message.params.as_ref().and_then(|params| params.task_id.as_ref());
    let id = id.ok_or_else(|| Failure::InvalidParams("params.taskId is missing".to_owned()))?;
    let binding = call.worker.gateway.binding(&call.permit.principal);
    let task = binding.open(received.route.tag, &id.value);
    let index = task.and_then(|task| received.route.by_tag(task.backend));
    index.ok_or_else(|| Failure::UnknownName {
        kind: "task",
        name: id.value.chars().take(200).collect(),
    })
}

/// `tasks/list`: every page of every backend that has tasks, in the order of the route.
pub(super) async fn list(
    call: Call<'_, '_>,
    session: &Session,
) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    if received.message.params.as_ref().is_some_and(|params| params.cursor.is_some()) {
        return Err(Failure::InvalidParams("invalid cursor: this list has one page".to_owned()));
    }
    let asked = everywhere::offering(&call, session, Offers::CORE_TASKS);
    if asked.is_empty() {
        return Err(Failure::UnknownMethod(Method::TasksList.as_str().to_owned()));
    }
    let gathered = gather(asked, |exchange| {
        let gateway = Arc::clone(&call.worker.gateway);
        async move { drain(&gateway, &exchange).await }
    })
    .await;
    if gathered.answers.is_empty() {
        let method = Method::TasksList.as_label();
        return Err(Failure::AllBackendsFailed { method, failures: gathered.failures });
    }
    let tasks: Vec<_> = gathered.answers.iter().flat_map(|(_, pages)| pages).collect();
    let tasks: Vec<_> = tasks.iter().map(|page| page.as_str()).collect();
    let mut result = format!("{{\"tasks\":[{}]", tasks.join(","));
    let missing: Vec<_> = gathered
        .failures
        .iter()
        .map(|failure| json!({ "backend": &*failure.backend, "error": failure.error.to_string() }))
        .collect();
    if !missing.is_empty() {
        let meta = json!({ "sealgate.dev/unavailable": missing });
        result.push_str(&format!(",\"_meta\":{meta}"));
    }
    result.push('}');
    Ok(call.result(&result))
}

/// The items of each page, without brackets.
async fn drain(gateway: &Gateway, exchange: &Exchange) -> Result<Vec<String>, BackendError> {
    let mut pages = Vec::new();
    let mut params = "{}".to_owned();
    for _ in 0..PAGES {
        let id = gateway.upstream_id();
        let (own, body) = exchange.own(&Method::TasksList, &params, &id);
        let answer = everywhere::ask(gateway, &own, body, &id).await?;
        let broken = |what: &str| BackendError::NotJsonRpc(what.to_owned());
        let reply = Envelope::parse_reply(&answer).map_err(|error| broken(&error.to_string()))?;
        let result = reply.result.ok_or_else(|| broken("no result"))?;
        let object = Object::parse(result.get()).map_err(|error| broken(&error.to_string()))?;
        let tasks = object.get("tasks").map_or("[]", |tasks| tasks.get());
        let items = tasks.strip_prefix('[').and_then(|tasks| tasks.strip_suffix(']'));
        let items = items.ok_or_else(|| broken("its tasks are no list"))?.trim_ascii();
        if !items.is_empty() {
            pages.push(items.to_owned());
        }
        match object.get("nextCursor").and_then(Text::of) {
            Some(cursor) => params = json!({ "cursor": cursor.value }).to_string(),
            None => return Ok(pages),
        }
    }
    Err(BackendError::NotJsonRpc(format!("its list of tasks has more than {PAGES} pages")))
}
