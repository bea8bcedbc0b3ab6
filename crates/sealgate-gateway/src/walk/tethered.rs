//! Enters: GET and POST of a client of HTTP+SSE (MCP 2024-11-05). Leaves: an event stream, and on
//! it the answer to each POST, which walks through the same rooms as any other.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sealgate_mcp::envelope::{Kind, Malformed};
use sealgate_mcp::method::Method;
use sealgate_mcp::sse::{self, PieceWriter};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Record, Worker, batch, fail};
use crate::authenticate;
use crate::fail::{Failure, body as error};
use crate::method;
use crate::plan::RoutePlan;
use crate::receive::{self, Carriage};
use crate::reply::{ReplyBody, event};
use crate::seal::SESSION_ID;
use crate::session::{NewTether, Session, Tether, Work};

/// What the ticket is called in the query.
const TICKET: &str = "sessionId=";
/// Above this, an answer is written in parts instead of being held whole, in bytes.
const HELD: usize = 64 * 1024;
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// A POST of one client, ready to be answered on its event stream.
struct Asked {
    route: Arc<RoutePlan>,
    tether: Arc<Tether>,
    headers: HeaderMap,
    body: Bytes,
    /// The client's id, as JSON.
    id: Option<Box<str>>,
    is_batch: bool,
    initializes: bool,
    is_modern: bool,
}

/// The ticket in the query of a POST.
pub(super) fn ticket(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix(TICKET))
}

impl Worker {
    /// Opens an event stream and says where to POST.
    pub(super) fn tether(
        &self,
        route: &Arc<RoutePlan>,
        head: &http::request::Parts,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Failure> {
        if !receive::accepts_events(&head.headers) {
            return Err(Failure::NotAcceptable);
        }
        let principal = authenticate::principal();
        let gateway = &self.gateway;
        let opened = gateway.tethers.open(&gateway.keyring(), route.tag, &principal)?;
        let NewTether { tether, ticket, events, work } = opened;
        let endpoint = format!("event: endpoint\ndata: {}?{TICKET}{ticket}\n\n", head.uri.path());
        let (worker, route, headers) = (self.clone(), Arc::clone(route), head.headers.clone());
        tokio::spawn(async move {
            tether.write(endpoint.into()).await;
            worker.hold(&tether, work).await;
            worker.gateway.tethers.end(&tether);
            worker.let_go(&route, headers, &tether).await;
        });
        record.streams();
        Ok(ReplyBody::events(events))
    }

    /// Does what is asked until the client has gone, or the gateway ends and all is answered.
    async fn hold(&self, tether: &Tether, mut work: mpsc::UnboundedReceiver<Work>) {
        let mut running = JoinSet::new();
        let interval = self.gateway.limits.keep_alive;
        let drained = async {
            self.gateway.drained().await;
            tether.settled().await;
        };
        tokio::pin!(drained);
        loop {
            tokio::select! {
                () = tether.over() => return,
                () = &mut drained => return,
                Some(work) = work.recv() => drop(running.spawn(work(self.clone()))),
                Some(_) = running.join_next() => {}
                () = tokio::time::sleep(interval) => tether.keep_alive().await,
            }
        }
    }

    /// Ends the session everywhere.
    async fn let_go(&self, route: &Arc<RoutePlan>, mut headers: HeaderMap, tether: &Tether) {
        let Some(id) = tether.session() else { return };
        headers.insert(SESSION_ID, id);
        let principal = authenticate::principal();
        if let Ok(session) = Session::open(self, &headers, route, &principal) {
            // What fails is logged where it does.
            let _ = method::close(self, route, &session, &headers).await;
        }
    }

    /// Takes a POST to the announced endpoint.
    pub(super) async fn tethered(
        &self,
        route: &Arc<RoutePlan>,
        head: &http::request::Parts,
        ticket: &str,
        body: Incoming,
        record: &mut Record,
    ) -> Response<ReplyBody> {
        match self.take(route, head, ticket, body, record).await {
            Ok(response) => response,
            Err(failure) => fail(&failure, None, record),
        }
    }

    async fn take(
        &self,
        route: &Arc<RoutePlan>,
        head: &http::request::Parts,
        ticket: &str,
        body: Incoming,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Failure> {
        let (gateway, limits) = (&self.gateway, &self.gateway.limits);
        let principal = authenticate::principal();
        let tether = gateway.tethers.find(&gateway.keyring(), route.tag, &principal, ticket)?;
        let alarms = self.pool.alarms();
        let body = receive::body(body, limits.body, limits.body_patience, alarms).await?;
        let mut headers = head.headers.clone();
        headers.insert(ACCEPT, BOTH);
        headers.remove(SESSION_ID);
        if let Some(session) = tether.session() {
            headers.insert(SESSION_ID, session);
        }
        let mut asked = Asked {
            route: Arc::clone(route),
            is_batch: batch::is_batch(&body),
            tether,
            headers,
            body,
            id: None,
            initializes: false,
            is_modern: false,
        };
        if !asked.is_batch {
            let received = receive::message(&asked.headers, &asked.body, route, Carriage::Tether)?;
            if received.kind != Kind::Request {
                let listens = received.method() == Some(Method::Initialized);
                return Ok(asked.tell(self, listens, record).await);
            }
            let id = received.message.id.map(|id| id.get().into());
            let initializes = received.method() == Some(Method::Initialize);
            let is_modern = received.is_modern();
            (asked.id, asked.initializes, asked.is_modern) = (id, initializes, is_modern);
        }
        let room = asked.tether.room()?;
        if asked.initializes && !asked.tether.begin() {
            let reason = "this event stream has its session already; open another for a new one";
            return Err(Failure::Malformed(Malformed::NotJsonRpc { reason, id: None }));
        }
        record.several("post", asked.body.len());
        let part = record.part();
        let tether = Arc::clone(&asked.tether);
        tether.run(Box::new(move |worker| {
            Box::pin(async move {
                asked.run(&worker, part).await;
                drop(room);
            })
        }));
        Ok(ReplyBody::empty(StatusCode::ACCEPTED))
    }
}

impl Asked {
    /// What asks for no answer: the response to the POST says how it went.
    async fn tell(
        self,
        worker: &Worker,
        listens: bool,
        record: &mut Record,
    ) -> Response<ReplyBody> {
        let Self { route, headers, body, .. } = &self;
        let told = worker.message(route, headers, body, Carriage::Tether, record).await;
        if listens && told.status().is_success() && self.tether.listens() {
            let tether = Arc::clone(&self.tether);
            tether.run(Box::new(move |worker| Box::pin(async move { self.listen(&worker).await })));
        }
        told
    }

    /// What backends say unasked, which others GET.
    async fn listen(&self, worker: &Worker) {
        let Self { route, tether, headers, .. } = self;
        let principal = authenticate::principal();
        let session = Session::open(worker, headers, route, &principal)
            .map(|session| session.carried_by(Carriage::Tether));
        let stream = match session {
            Ok(session) => method::stream(worker, route, &session, headers).await,
            Err(failure) => Err(failure),
        };
        match stream {
            Ok(stream) => pass(tether, stream.into_body()).await,
            Err(error) => tracing::debug!(route = %route.name, %error, "no stream of the session"),
        }
    }

    /// Answers on the event stream.
    async fn run(self, worker: &Worker, part: Box<Record>) {
        if self.initializes {
            // Not given up half-way: the sessions that it opens are to be closed.
            let worker = worker.clone();
            let _ = tokio::spawn(async move { self.answer(&worker, part).await }).await;
        } else {
            self.answer(worker, part).await;
        }
    }

    async fn answer(self, worker: &Worker, mut part: Box<Record>) {
        let Self { route, tether, headers, body, .. } = &self;
        let response = match self.is_batch {
            true => worker.batch(route, headers, body, Carriage::Tether, &mut part).await,
            false => worker.message(route, headers, body, Carriage::Tether, &mut part).await,
        };
        if self.initializes {
            tether.began(response.headers().get(SESSION_ID).cloned());
            if tether.is_over() {
                return worker.let_go(route, headers.clone(), tether).await;
            }
        }
        // A legacy request meets 404 only where its session is lost; there is no way to tell this
        // client so but to end the stream, which is its session.
        let is_lost = response.status() == StatusCode::NOT_FOUND
            && headers.contains_key(SESSION_ID)
            && !self.is_modern;
        let events = response.headers().get(CONTENT_TYPE);
        let is_events = events.is_some_and(|kind| kind == "text/event-stream");
        let answer = ReplyBody::recorded(response, part).into_body();
        match is_events {
            true => pass(tether, answer).await,
            false => self.write(answer).await,
        }
        if is_lost {
            tether.end();
        }
    }

    /// Writes one JSON message; in parts, if it is large: its backend waits for the client.
    async fn write(&self, mut answer: ReplyBody) {
        let tether = &self.tether;
        let mut held = BytesMut::new();
        while held.len() <= HELD {
            match next(&mut answer).await {
                Some(Ok(part)) => held.extend_from_slice(&part),
                Some(Err(reason)) => return tether.write(self.lost(reason)).await,
                None if held.is_empty() => return,
                None => return tether.write(event(&held)).await,
            }
        }
        let pen = tether.pen().await;
        let mut writer = PieceWriter::default();
        pen.write_part(writer.piece(held.freeze())).await;
        loop {
            match next(&mut answer).await {
                Some(Ok(part)) => pen.write_part(writer.piece(part)).await,
                None => return pen.write_part(writer.end(None).into()).await,
                Some(Err(reason)) => {
                    pen.write_part(Bytes::from_static(PieceWriter::abandon())).await;
                    return pen.write_part(self.lost(reason)).await;
                }
            }
        }
    }

    fn lost(&self, reason: String) -> Bytes {
        event(&error(&Failure::AnswerLost(reason), self.id.as_deref()))
    }
}

/// Passes an event stream on, one event at a time.
async fn pass(tether: &Tether, mut events: ReplyBody) {
    while let Some(Ok(part)) = next(&mut events).await {
        if part == sse::KEEP_ALIVE {
            continue;
        }
        let pen = tether.pen().await;
        let mut is_whole = part.ends_with(b"\n\n");
        pen.write_part(part).await;
        while !is_whole {
            match next(&mut events).await {
                Some(Ok(part)) => {
                    is_whole = part.ends_with(b"\n\n");
                    pen.write_part(part).await;
                }
                _ => return pen.write_part(Bytes::from_static(PieceWriter::abandon())).await,
            }
        }
    }
}

async fn next(body: &mut ReplyBody) -> Option<Result<Bytes, String>> {
    let frame = body.frame().await?;
    Some(
        frame.map(|frame| frame.into_data().unwrap_or_default()).map_err(|error| error.to_string()),
    )
}
