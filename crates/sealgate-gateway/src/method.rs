//! Enters: a [`Permit`]. Leaves: the response. One file a family of methods.

mod across;
mod call;
mod client_stream;
mod close;
mod everywhere;
mod initialize;
mod list;
mod modern;
mod notify;
mod resources;
mod stream;
mod tasks;
mod watch;

pub(crate) use close::close;
pub(crate) use resources::Owners;
pub(crate) use stream::stream;

use bytes::Bytes;
use http::Response;
use sealgate_mcp::envelope::Kind;
use sealgate_mcp::list::ListKind;
use sealgate_mcp::method::Method;

use crate::authorize::Permit;
use crate::backend::Exchange;
use crate::fail::Failure;
use crate::reply::ReplyBody;
use crate::session::Session;
use crate::walk::Record;
use crate::walk::Worker;

/// A permitted message, the worker that serves it and what is noted about it.
pub(crate) struct Call<'a, 'r> {
    pub(crate) worker: &'a Worker,
    pub(crate) permit: Permit<'a>,
    pub(crate) record: &'r mut Record,
}

/// Does what the message asks.
pub(crate) async fn answer(call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    if call.permit.received.is_modern() {
        return Box::pin(modern::answer(call)).await;
    }
    match call.permit.received.kind {
        Kind::Request => request(call).await,
        Kind::Notification => Box::pin(notify::notification(call)).await,
        Kind::Response => Box::pin(notify::response(call)).await,
    }
}

async fn request(mut call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let text = call.permit.received.message.method.clone().unwrap_or_default();
    let method = Method::parse(&text);
    if method == Method::Initialize {
        return Box::pin(initialize::initialize(call)).await;
    }
    let session = call.session()?;
    call.worker.gateway.openings.settled(session.fingerprint).await;
    match method {
        Method::ToolsCall | Method::PromptsGet => call::named(call, &session).await,
        _ => Box::pin(rare(call, &session, method)).await,
    }
}

/// Requests that are not calls.
async fn rare(
    call: Call<'_, '_>,
    session: &Session,
    method: Method<'_>,
) -> Result<Response<ReplyBody>, Failure> {
    match method {
        Method::Ping => Ok(call.result("{}")),
        Method::ToolsList => list::list(call, session, ListKind::Tools).await,
        Method::PromptsList => list::list(call, session, ListKind::Prompts).await,
        Method::ResourcesList => list::list(call, session, ListKind::Resources).await,
        Method::ResourcesTemplatesList => {
            list::list(call, session, ListKind::ResourceTemplates).await
        }
        // A prompt's name has the prefix with one backend too.
        Method::CompletionComplete => resources::complete(call, session).await,
        _ if call.permit.received.route.single().is_some() => call::only(call, session).await,
        Method::LoggingSetLevel => everywhere::set_level(call, session).await,
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            resources::by_uri(call, session, method).await
        }
        Method::TasksGet | Method::TasksResult | Method::TasksCancel => {
            tasks::by_id(call, session).await
        }
        Method::TasksList => tasks::list(call, session).await,
        other => Err(Failure::UnknownMethod(other.as_str().chars().take(100).collect())),
    }
}

impl<'a> Call<'a, '_> {
    /// The session that the message belongs to.
    fn session(&mut self) -> Result<Session, Failure> {
        let session = Session::open(
            self.worker,
            self.permit.received.headers,
            self.permit.received.route,
            &self.permit.principal,
        )?;
        self.record.session(session.fingerprint);
        Ok(session.carried_by(self.permit.received.carriage))
    }

    /// The way to one backend.
    fn exchange(&self, session: &Session, index: usize) -> Exchange {
        let received = &self.permit.received;
        session.exchange(self.worker, received.route, index, received.headers)
    }

    /// The way to every backend.
    fn exchanges(&self, session: &Session) -> Vec<Exchange> {
        let indices = 0..self.permit.received.route.backends.len();
        indices.map(|index| self.exchange(session, index)).collect()
    }

    /// The client's request id as it wrote it.
    fn id(&self) -> &'a str {
        self.permit.received.message.id.map_or("null", |id| id.get())
    }

    /// A result of the gateway's own.
    fn result(&self, json: &str) -> Response<ReplyBody> {
        ReplyBody::json(Bytes::from(format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{json}}}"#,
            self.id()
        )))
    }
}
