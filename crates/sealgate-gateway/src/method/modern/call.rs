//! Enters: a modern request that concerns one backend. Leaves: that backend's answer.

use std::ops::Range;

use http::Response;
use sealgate_config::resolved::UriMode;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::method::Method;
use sealgate_mcp::modern_headers::ModernFault;
use sealgate_mcp::splice::Splice;
use sealgate_mcp::translate::strip_request_meta;
use tokio::sync::mpsc;

use super::super::resources::unknown;
use super::super::{Call, tasks};
use super::parameters;
use super::reach::Reached;
use crate::authorize::Target;
use crate::backend::{FromLegacy, Speaker};
use crate::fail::{BackendError, Failure};
use crate::receive;
use crate::reply::{Conversation, Ending, Front, Parked, ReplyBody, Resumed, Rules};
use crate::seal::Mirror;

/// A part of the request that the backend knows under another name.
#[derive(Clone)]
pub(super) struct Renamed {
    place: Range<usize>,
    name: String,
}

/// `tools/call` and `prompts/get`: the backend is in the name.
pub(super) async fn named(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let Target::Named { backend, name } = &call.permit.target else {
        return Err(Failure::InvalidParams("params.name is missing".to_owned()));
    };
    let index = *backend;
    call.record.named(name);
    let received = &call.permit.received;
    let written = received.message.params.as_ref().and_then(|params| params.name.as_ref());
    let renamed = written
        .filter(|written| written.value != *name)
        .map(|written| Renamed { place: span(received.body, written.raw), name: name.clone() });
    forward(&mut call, index, renamed).await
}

/// Any request on a route with one backend: also methods that nobody here knows.
pub(super) async fn only(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    forward(&mut call, 0, None).await
}

/// `tasks/get`, `tasks/update` and `tasks/cancel` on a route with several backends: the backend is
/// in the id.
pub(super) async fn by_task(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let index = tasks::owner(&call)?;
    forward(&mut call, index, None).await
}

/// `resources/read` on a route with several backends: whose the URI is, or who answers to it.
pub(super) async fn by_uri(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let params = call.permit.received.message.params.as_ref();
    let Some(uri) = params.and_then(|params| params.uri.as_ref()) else {
        return Err(Failure::InvalidParams("params.uri is missing".to_owned()));
    };
    let uri = uri.value.clone().into_owned();
    call.record.named(&uri);
    owned(&mut call, &uri).await
}

/// `completion/complete` on a route with several backends: by the prompt's name, or the URI.
pub(super) async fn complete(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    let reference = received.message.params.as_ref().and_then(|params| params.reference.as_ref());
    let Some(reference) = reference else {
        return Err(Failure::InvalidParams("params.ref is missing".to_owned()));
    };
    if let Some(name) = &reference.name {
        let unknown = || Failure::UnknownName {
            kind: "prompt",
            name: name.value.chars().take(200).collect(),
        };
        let (index, bare) = received.route.owner(&name.value).ok_or_else(unknown)?;
        let renamed = Renamed { place: span(received.body, name.raw), name: bare.to_owned() };
        return forward(&mut call, index, Some(renamed)).await;
    }
    let Some(uri) = &reference.uri else {
        return Err(Failure::InvalidParams("params.ref has neither name nor uri".to_owned()));
    };
    let uri = uri.value.clone().into_owned();
    owned(&mut call, &uri).await
}

/// Forwards to the owner of the URI; if that is not known, to each backend until one has it.
async fn owned(call: &mut Call<'_, '_>, uri: &str) -> Result<Response<ReplyBody>, Failure> {
    let route = call.permit.received.route;
    if route.uris == UriMode::Prefix {
        let index = route.uri_owner(uri).ok_or_else(|| unknown(uri))?;
        return forward(call, index, None).await;
    }
    if let Some(index) = route.owners.find(uri).and_then(|tag| route.by_tag(tag)) {
        return forward(call, index, None).await;
    }
    let mut failed = None;
    for (index, backend) in route.backends.iter().enumerate() {
        let (conversation, resumed) = match prepare(call, index, None).await {
            Ok(prepared) => prepared,
            Err(failure) => {
                failed = Some(failure);
                continue;
            }
        };
        let is_modern = matches!(conversation.rules, Rules::Same(_));
        // Nobody listens to what comes before: it may be another's resource.
        let (voice, _) = mpsc::channel(1);
        match conversation.held(resumed, voice).await {
            Ok(Ending::Message(message, None)) => {
                route.owners.learn(uri, backend.tag);
                call.record.backend(backend);
                call.record.spoke(is_modern);
                return Ok(ReplyBody::json(message));
            }
            Ok(_) => {}
            Err(error) => failed = Some(error.of(&backend.name).into()),
        }
    }
    // The resource may be on one that failed: its failure is the better answer.
    Err(failed.unwrap_or_else(|| unknown(uri)))
}

/// Sends the request to one backend in the era that it speaks.
async fn forward(
    call: &mut Call<'_, '_>,
    index: usize,
    renamed: Option<Renamed>,
) -> Result<Response<ReplyBody>, Failure> {
    match attempt(call, index, renamed.clone(), false).await {
        // A refused version was not run, so that the call can be sent again, in another era.
        Err(Failure::Backend(failure)) if matches!(failure.error, BackendError::EraFound) => {
            attempt(call, index, renamed, true).await
        }
        answered => answered,
    }
}

async fn attempt(
    call: &mut Call<'_, '_>,
    index: usize,
    renamed: Option<Renamed>,
    is_last: bool,
) -> Result<Response<ReplyBody>, Failure> {
    let (mut conversation, resumed) = prepare(call, index, renamed).await?;
    conversation.is_last = is_last;
    let received = &call.permit.received;
    let backend = &received.route.backends[index];
    call.record.backend(backend);
    call.record.spoke(matches!(conversation.rules, Rules::Same(_)));
    let front = Front {
        gateway: call.worker.gateway.clone(),
        backend: backend.clone(),
        client_id: call.id().into(),
        events: receive::accepts_events(received.headers),
        statuses: true,
    };
    let presented = front.present(|voice| conversation.run(resumed, voice)).await;
    presented.map_err(|error| error.of(&backend.name).into())
}

/// The request as its backend takes it, and how to read the answer; or the call that it resumes.
async fn prepare(
    call: &Call<'_, '_>,
    index: usize,
    renamed: Option<Renamed>,
) -> Result<(Conversation, Option<Box<Resumed>>), Failure> {
    let received = &call.permit.received;
    let backend = &received.route.backends[index];
    let named = |error: BackendError| Failure::from(error.of(&backend.name));
    let gateway = &call.worker.gateway;
    let upstream_id = gateway.upstream_id();
    let mut splice = Splice::new(received.body);
    if let Some(id) = received.message.id {
        splice.replace(span(received.body, id), upstream_id.as_bytes());
    }
    if let Some(Renamed { place, name }) = &renamed {
        let name = serde_json::Value::from(name.as_str()).to_string();
        splice.replace(place.clone(), name.into_bytes());
    }
    let body = splice.finish();
    let method = received.method().unwrap_or(Method::Other(""));
    let params = received.message.params.as_ref();
    let bind = (backend.parks && method.allows_input_required()).then(|| bind(call, backend.tag));
    let state = params.and_then(|params| params.request_state.as_ref());
    if let (Some(bind), Some(params), Some(state)) = (&bind, params, state)
        && let Some(waiting) = Parked::resume(gateway, bind, &state.value)
    {
        return Ok(waiting.go_on(call.id(), params.input_responses));
    }
    let may_be_asked = bind.is_some() && Speaker::of_meta(received.message.meta()).can_be_asked();
    let reached = match may_be_asked {
        true => call.reach_alone(index).await,
        false => call.reach(index).await,
    };
    let (rules, body) = match reached.map_err(named)? {
        Reached::Modern(exchange) => {
            let target = received.message.target().ok().flatten();
            let target = match (&target, &renamed) {
                (Some(_), Some(renamed)) => Some(renamed.name.as_str()),
                (Some(target), None) => Some(&*target.value),
                (None, _) => None,
            };
            let method = received.message.method.as_deref().unwrap_or_default();
            let mirror = Mirror::new(method, target).forwarding(received.headers);
            (Rules::Same(exchange.mirrored(mirror)), body)
        }
        Reached::Legacy(mut lease) => {
            if matches!(method, Method::TasksGet | Method::TasksUpdate | Method::TasksCancel) {
                // The tasks of the two eras are not the same thing.
                let method = method.as_str().to_owned();
                return Err(Failure::Modern(ModernFault::Method(method)));
            }
            if bind.is_some() && state.is_some() {
                let text = "requestState is of no call that waits here; call without it";
                return Err(Failure::InvalidParams(text.to_owned()));
            }
            parameters::check(call, &mut lease).await?;
            let speaker = Speaker::of_meta(received.message.meta());
            let rules = FromLegacy::new(&received.message, &speaker);
            let body = match Envelope::parse(&body) {
                Ok(envelope) => strip_request_meta(&body, &envelope),
                // Cannot be: it is a good message with two good parts replaced.
                Err(malformed) => return Err(Failure::Malformed(malformed)),
            };
            (Rules::Across(*lease, rules), body)
        }
    };
    let conversation = Conversation {
        gateway: gateway.clone(),
        client_id: call.id().into(),
        upstream_id: (*upstream_id).into(),
        body,
        rules,
        lists_tools: received.method() == Some(Method::ToolsList),
        is_last: true,
        bind,
    };
    Ok((conversation, None))
}

/// What a parked call is bound to: who called what, where, with which arguments.
fn bind(call: &Call<'_, '_>, backend: u32) -> Box<[u8]> {
    let received = &call.permit.received;
    let params = received.message.params.as_ref();
    // Read and written again, so that order and blanks do not count.
    let arguments = params
        .and_then(|params| params.arguments)
        .and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok())
        .map(|value| value.to_string());
    let target = received.message.target().ok().flatten().map(|target| target.value.as_ref());
    let parts = [
        &received.route.tag.to_le_bytes()[..],
        &backend.to_le_bytes(),
        &call.permit.principal.digest(),
        received.message.method.as_deref().unwrap_or_default().as_bytes(),
        b"\n",
        target.unwrap_or_default().as_bytes(),
        b"\n",
        arguments.as_deref().unwrap_or_default().as_bytes(),
    ];
    parts.concat().into()
}
