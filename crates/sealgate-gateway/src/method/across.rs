//! Enters: a legacy client's request for a modern backend. Leaves: the answer. What the modern
//! era has no request for is kept by the gateway, for the session.

use std::ops::Range;

use bytes::Bytes;
use http::Response;
use sealgate_mcp::envelope::Envelope;
use sealgate_mcp::log_level::LogLevel;
use sealgate_mcp::method::{Method, Span};
use sealgate_mcp::splice::Splice;

use super::Call;
use crate::backend::{Exchange, Speaker, ToModern};
use crate::fail::{BackendError, Failure, Stage};
use crate::gateway::Gateway;
use crate::receive;
use crate::reply::{Bridge, Front, ReplyBody};
use crate::session::Session;

/// Forwards a request; `edit` puts the backend's own name in the place of the client's.
pub(super) async fn forward(
    call: &mut Call<'_, '_>,
    session: &Session,
    exchange: Exchange,
    edit: Option<(Range<usize>, String)>,
) -> Result<Response<ReplyBody>, Failure> {
    let backend = exchange.backend().clone();
    let received = &call.permit.received;
    let method = received.method().unwrap_or(Method::Other(""));
    if method.span() == Span::Legacy {
        return kept(call, session, &exchange, method);
    }
    if matches!(method, Method::TasksGet | Method::TasksCancel) {
        // The tasks of the two eras are not the same thing.
        return Err(Failure::UnknownMethod(method.as_str().to_owned()));
    }
    let mut splice = Splice::new(received.body);
    if let Some((place, text)) = edit {
        splice.replace(place, text.into_bytes());
    }
    let gateway = &call.worker.gateway;
    let bridge = bridge(gateway, session, exchange, &splice.finish(), call.id())
        .map_err(|error| error.of(&backend.name))?;
    let events = receive::accepts_events(received.headers);
    let bridge = Bridge { events, ..bridge };
    let running = gateway.bridged.run(session.fingerprint, call.id());
    let front = Front {
        gateway: gateway.clone(),
        backend: backend.clone(),
        client_id: call.id().into(),
        events,
        statuses: false,
    };
    let conversation = |voice| async move {
        // A legacy client that goes away does not cancel its request: it ends in its own task.
        match tokio::spawn(bridge.run(running, voice)).await {
            Ok(ending) => ending,
            Err(_) => Err(BackendError::BrokenOff("the gateway failed".to_owned())),
        }
    };
    let presented = front.present(conversation).await;
    presented.map_err(|error| error.of(&backend.name).into())
}

/// What a session keeps and a modern backend is told with each request, or by a stream.
fn kept(
    call: &Call<'_, '_>,
    session: &Session,
    exchange: &Exchange,
    method: Method<'_>,
) -> Result<Response<ReplyBody>, Failure> {
    let bridged = &call.worker.gateway.bridged;
    let params = call.permit.received.message.params.as_ref();
    match method {
        Method::LoggingSetLevel => {
            let level = params.and_then(|params| LogLevel::parse(&params.level.as_ref()?.value));
            let unknown = || Failure::InvalidParams("params.level is not a log level".to_owned());
            bridged.set_level(session.fingerprint, level.ok_or_else(unknown)?);
            Ok(call.result("{}"))
        }
        Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            let uri = params.and_then(|params| params.uri.as_ref());
            let missing = || Failure::InvalidParams("params.uri is missing".to_owned());
            let uri = &uri.ok_or_else(missing)?.value;
            let is_watched = method == Method::ResourcesSubscribe;
            match bridged.watch(session.fingerprint, exchange.backend().tag, uri, is_watched) {
                true => Ok(call.result("{}")),
                false => Err(Failure::InvalidParams("too many resources are watched".to_owned())),
            }
        }
        other => Err(Failure::UnknownMethod(other.as_str().to_owned())),
    }
}

/// The same where the gateway compares several backends' answers: the client is asked nothing.
pub(super) async fn ask(
    gateway: &Gateway,
    exchange: &Exchange,
    body: Bytes,
    id: &str,
) -> Result<Bytes, BackendError> {
    let envelope =
        Envelope::parse(&body).map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
    let method = envelope.method().unwrap_or(Method::Other(""));
    let session = exchange.reopen.as_ref().map(|reopen| reopen.session);
    let params = envelope.params.as_ref();
    if method.span() == Span::Legacy {
        let done = match (method, session, params) {
            (Method::LoggingSetLevel, Some(session), Some(params)) => {
                let level = params.level.as_ref().and_then(|text| LogLevel::parse(&text.value));
                level.map(|level| gateway.bridged.set_level(session, level)).is_some()
            }
            (Method::ResourcesSubscribe | Method::ResourcesUnsubscribe, Some(session), Some(p)) => {
                let is_watched = method == Method::ResourcesSubscribe;
                p.uri.as_ref().is_some_and(|uri| {
                    gateway.bridged.watch(session, exchange.backend().tag, &uri.value, is_watched)
                })
            }
            _ => false,
        };
        return match done {
            true => Ok(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#).into()),
            false => Err(BackendError::RpcError {
                code: sealgate_mcp::code::INVALID_PARAMS,
                message: "the parameters do not say what to keep".to_owned(),
            }),
        };
    }
    let speaker = exchange.speaker.as_deref().cloned().unwrap_or_else(Speaker::gateway);
    let request = ToModern::new(&body, &speaker)?;
    let sent = request.mirrored(gateway, exchange).await;
    let within = exchange.backend().deadlines.list;
    let limit = gateway.limits.held_answer;
    let text = request.body(id, &[], None)?;
    let asked = sent.ask_plainly(text, id, limit, within, Stage::Answer).await?;
    let reply = Envelope::parse_reply(&asked.message)
        .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
    if let Some(error) = reply.error {
        return Err(crate::backend::from_error_object(error.get())
            .unwrap_or_else(|| BackendError::NotJsonRpc("its error is no object".to_owned())));
    }
    let answer = request.answer(&asked.message, id);
    answer.ok_or_else(|| BackendError::NotJsonRpc("no result".to_owned()))
}

fn bridge(
    gateway: &std::sync::Arc<Gateway>,
    session: &Session,
    exchange: Exchange,
    request: &Bytes,
    client_id: &str,
) -> Result<Bridge, BackendError> {
    let speaker = exchange.speaker.as_deref().cloned().unwrap_or_else(Speaker::gateway);
    Ok(Bridge {
        gateway: gateway.clone(),
        request: ToModern::new(request, &speaker)?,
        exchange,
        session: session.fingerprint,
        version: session.token.version,
        capabilities: speaker.capabilities,
        client_id: client_id.into(),
        events: false,
    })
}
