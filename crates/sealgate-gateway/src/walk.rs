//! Enters: an HTTP request on a listener. Leaves: its HTTP response. The rooms, in the order in
//! which a request walks through them.

mod batch;
mod record;
mod tethered;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method as Verb, Request, Response};
use hyper::body::Incoming;
use sealgate_mcp::envelope::Kind;

use crate::authenticate::{self, authenticate};
use crate::authorize::authorize;
use crate::fail::{self, Failure, respond};
use crate::gateway::Gateway;
use crate::listen::{Answer, ListenerId};
use crate::method::{self, Call};
use crate::observe::access::Log;
use crate::plan::RoutePlan;
use crate::receive::{self, Carriage};
use crate::reply::ReplyBody;
use crate::seal::SESSION_ID;
use crate::session::{KnownTokens, Session};
use crate::upstream::Pool;

pub(crate) use record::Record;

/// One worker's share of the gateway: the shared state and what is its own. Cloning shares it.
#[derive(Clone)]
pub struct Worker(Arc<Share>);

/// What a worker's requests have in common.
pub struct Share {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) tokens: KnownTokens,
    log: Arc<Log>,
}

impl Worker {
    /// A worker with its own pool and its own end of the access log.
    pub fn new(gateway: Arc<Gateway>, pool: Arc<Pool>, log: Arc<Log>) -> Self {
        Self(Arc::new(Share { gateway, pool, tokens: KnownTokens::default(), log }))
    }

    /// Answers one request; whatever goes wrong is in the answer.
    async fn walk(
        &self,
        listener: ListenerId,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        let mut record = Record::begin(&self.log, peer, request.method());
        let plan = self.gateway.plan();
        let (head, body) = request.into_parts();
        let response = match receive::route(&plan, listener, &head) {
            Ok(route) => {
                record.route(route);
                self.serve(route, &head, body, &mut record).await
            }
            Err(failure) => fail(&failure, None, &mut record),
        };
        ReplyBody::recorded(response, record)
    }

    async fn serve(
        &self,
        route: &Arc<RoutePlan>,
        head: &http::request::Parts,
        body: Incoming,
        record: &mut Record,
    ) -> Response<ReplyBody> {
        let result = match head.method {
            Verb::POST => return self.post(route, head, body, record).await,
            // Boxed, as is all that is rare below: the future of a call is moved a few times on
            // its way, so it had better not hold room for what calls do not do.
            Verb::GET => Box::pin(self.get(route, head, record)).await,
            Verb::DELETE => Box::pin(self.delete(route, head, record)).await,
            ref other => Err(Failure::MethodNotAllowed(other.clone())),
        };
        result.unwrap_or_else(|failure| fail(&failure, None, record))
    }

    async fn post(
        &self,
        route: &Arc<RoutePlan>,
        head: &http::request::Parts,
        body: Incoming,
        record: &mut Record,
    ) -> Response<ReplyBody> {
        if route.legacy_sse
            && let Some(ticket) = tethered::ticket(&head.uri)
        {
            return Box::pin(self.tethered(route, head, ticket, body, record)).await;
        }
        let limits = &self.gateway.limits;
        let alarms = self.pool.alarms();
        let body = match receive::body(body, limits.body, limits.body_patience, alarms).await {
            Ok(body) => body,
            Err(failure) => return fail(&failure, None, record),
        };
        if batch::is_batch(&body) {
            return Box::pin(self.batch(route, &head.headers, &body, Carriage::Response, record))
                .await;
        }
        self.message(route, &head.headers, &body, Carriage::Response, record).await
    }

    async fn message(
        &self,
        route: &Arc<RoutePlan>,
        headers: &HeaderMap,
        body: &Bytes,
        carriage: Carriage,
        record: &mut Record,
    ) -> Response<ReplyBody> {
        let received = match receive::message(headers, body, route, carriage) {
            Ok(received) => received,
            Err(failure) => {
                let id = match &failure {
                    Failure::Malformed(malformed) => malformed.id().map(|id| id.get()),
                    _ => None,
                };
                return fail(&failure, id, record);
            }
        };
        record.message(&received);
        let is_modern = received.is_modern();
        let id = received.message.id.filter(|_| received.kind == Kind::Request);
        let id = id.map(|id| id.get());
        let result = async {
            let authenticated = authenticate(received)?;
            authenticated.received.agree()?;
            let permit = authorize(authenticated)?;
            method::answer(Call { worker: self, permit, record }).await
        };
        match result.await {
            Ok(response) => response,
            Err(failure) => {
                let mut response = fail(&failure, id, record);
                if let Some(status) = fail::status_of(failure.code()).filter(|_| is_modern) {
                    *response.status_mut() = status;
                }
                response
            }
        }
    }

    async fn get(
        &self,
        route: &Arc<RoutePlan>,
        head: &http::request::Parts,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Failure> {
        legacy_only(head)?;
        receive::version(&head.headers)?;
        receive::accept(&head.headers)?;
        if route.legacy_sse && !head.headers.contains_key(SESSION_ID) {
            return self.tether(route, head, record);
        }
        let session = self.session(route, &head.headers, record)?;
        let response = method::stream(self, route, &session, &head.headers).await?;
        record.streams();
        Ok(response)
    }

    async fn delete(
        &self,
        route: &Arc<RoutePlan>,
        head: &http::request::Parts,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Failure> {
        legacy_only(head)?;
        let session = self.session(route, &head.headers, record)?;
        method::close(self, route, &session, &head.headers).await
    }

    fn session(
        &self,
        route: &RoutePlan,
        headers: &HeaderMap,
        record: &mut Record,
    ) -> Result<Session, Failure> {
        let principal = authenticate::principal();
        let session = Session::open(self, headers, route, &principal)?;
        record.session(session.fingerprint);
        Ok(session)
    }
}

impl Answer for Worker {
    type Body = ReplyBody;

    async fn answer(
        &self,
        listener: ListenerId,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        self.walk(listener, peer, request).await
    }
}

impl std::ops::Deref for Worker {
    type Target = Share;

    fn deref(&self) -> &Share {
        &self.0
    }
}

/// A modern endpoint has neither streams to get nor sessions to delete.
fn legacy_only(head: &http::request::Parts) -> Result<(), Failure> {
    match receive::names_modern(&head.headers) {
        true => Err(Failure::MethodNotAllowed(head.method.clone())),
        false => Ok(()),
    }
}

fn fail(failure: &Failure, id: Option<&str>, record: &mut Record) -> Response<ReplyBody> {
    record.failed(failure);
    respond(failure, id)
}

#[cfg(test)]
mod tests;
