//! Enters: what happens to a request on its way. Leaves, when its last byte is out: one line in
//! the access log and one count in the metrics.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use sealgate_mcp::method::Method;

use crate::fail::Failure;
use crate::observe::access::{Line, Log};
use crate::observe::metrics::{OpenStream, Operation, Outcome, SpokenEras};
use crate::plan::{BackendPlan, RoutePlan};
use crate::receive::Received;
use crate::reply::BrokenOff;

/// What is known of one request so far. Written when it is dropped.
pub(crate) struct Record {
    log: Arc<Log>,
    started: Instant,
    client: SocketAddr,
    http: http::Method,
    status: StatusCode,
    route: Option<Arc<RoutePlan>>,
    method: Option<Cow<'static, str>>,
    operation: Operation,
    eras: SpokenEras,
    tool: Option<Box<str>>,
    backend: Option<Arc<BackendPlan>>,
    session: Option<u32>,
    error: Option<&'static str>,
    outcome: Outcome,
    bytes_in: u64,
    bytes_out: u64,
    stream: Option<OpenStream>,
}

impl Record {
    /// Boxed, because it goes with the request and then with the answer.
    pub(super) fn begin(log: &Arc<Log>, client: SocketAddr, http: &http::Method) -> Box<Self> {
        let operation = match *http {
            http::Method::GET => Operation::STREAM,
            http::Method::DELETE => Operation::CLOSE,
            _ => Operation::INVALID,
        };
        Box::new(Self {
            log: Arc::clone(log),
            started: Instant::now(),
            client,
            http: http.clone(),
            status: StatusCode::OK,
            route: None,
            method: None,
            operation,
            // Only the legacy era has streams to get and sessions to delete.
            eras: SpokenEras {
                client: (operation != Operation::INVALID).then_some(false),
                backend: None,
            },
            tool: None,
            backend: None,
            session: None,
            error: None,
            outcome: Outcome::Success,
            bytes_in: 0,
            bytes_out: 0,
            stream: None,
        })
    }

    pub(super) fn route(&mut self, route: &Arc<RoutePlan>) {
        self.route = Some(Arc::clone(route));
    }

    pub(super) fn message(&mut self, received: &Received<'_>) {
        self.bytes_in = received.body.len() as u64;
        self.eras.client = Some(received.is_modern());
        self.operation =
            received.method().map_or(Operation::OTHER, |method: Method<'_>| method.into());
        let label = self.operation.label();
        self.method = received.message.method.as_deref().map(|method| match method == label {
            true => Cow::Borrowed(label),
            false => Cow::Owned(method.to_owned()),
        });
    }

    /// The request carries messages, in so many bytes, that have records of their own.
    pub(super) fn several(&mut self, name: &str, bytes: usize) {
        self.bytes_in = bytes as u64;
        self.operation = Operation::OTHER;
        self.method = Some(Cow::Owned(name.to_owned()));
    }

    /// A record of one of these messages.
    pub(super) fn part(&self) -> Box<Self> {
        let mut part = Self::begin(&self.log, self.client, &self.http);
        part.route.clone_from(&self.route);
        part
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.error = Some(failure.reason());
        self.outcome = match failure {
            Failure::AllBackendsFailed { .. } | Failure::Backend(_) => Outcome::Failed,
            _ => Outcome::Refused,
        };
    }

    /// Tells sessions apart in the log.
    pub(crate) fn session(&mut self, fingerprint: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "half of it tells them apart")]
        let short = fingerprint as u32;
        self.session = Some(short);
    }

    /// The backend that answers.
    pub(crate) fn backend(&mut self, backend: &Arc<BackendPlan>) {
        self.backend = Some(Arc::clone(backend));
    }

    /// The era in which the backend is spoken to.
    pub(crate) fn spoke(&mut self, is_modern: bool) {
        self.eras.backend = Some(is_modern);
    }

    /// The tool, prompt or resource, as the backend calls it.
    pub(crate) fn named(&mut self, name: &str) {
        self.tool = Some(name.into());
    }

    /// A session was opened.
    pub(crate) fn opened(&mut self) {
        if let Some(route) = &self.route {
            route.metrics.session_opened();
        }
    }

    /// The answer is a stream that stays open.
    pub(crate) fn streams(&mut self) {
        self.stream = self.route.as_ref().map(|route| route.metrics.stream_opened());
    }

    /// The answer that is on its way.
    pub(crate) fn status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Bytes of the answer's body.
    pub(crate) fn bytes_out(&mut self, count: usize) {
        self.bytes_out += count as u64;
    }

    /// The answer ended early.
    pub(crate) fn broken_off(&mut self, _: &BrokenOff) {
        self.error = Some("answer_broke_off");
        self.outcome = Outcome::Failed;
    }

    /// The client went away before the end.
    pub(crate) fn abandoned(&mut self) {
        if self.error.is_none() && self.operation != Operation::STREAM {
            self.outcome = Outcome::Cancelled;
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        match (&self.backend, &self.route) {
            (Some(backend), _) => {
                backend.metrics.request(self.operation, self.outcome, took);
                backend.metrics.spoken(self.eras);
            }
            (None, Some(route)) => {
                route.metrics.request(self.operation, self.outcome, took);
                route.metrics.spoken(self.eras);
            }
            (None, None) => {}
        }
        self.log.write(&Line {
            route: self.route.as_ref().map(|route| &*route.name),
            http: self.http.as_str(),
            status: self.status.as_u16(),
            method: self.method.as_deref(),
            tool: self.tool.as_deref(),
            backend: self.backend.as_ref().map(|backend| &*backend.name),
            duration: took,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            session: self.session,
            error: self.error,
            client: self.client,
            request_id: None,
        });
    }
}
