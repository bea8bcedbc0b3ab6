//! Enters: requests on the admin address. Leaves: health, readiness and metrics, for people and
//! probes. GET and HEAD only; nothing here changes anything.

mod overview;

pub use overview::{BackendOverview, IdentityOverview, Overview, Readiness, RouteOverview, Status};

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::listen::{self, Answer, Door, Drain, Limits, ListenError, ListenerId, bind};
use crate::observe::Metrics;

/// Answers on the admin address. [`serve`] opens one.
#[derive(Clone)]
pub struct Admin {
    status: Arc<dyn Status>,
    metrics: Arc<Metrics>,
}

/// OpenMetrics 1.0, section "Protocol Negotiation".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const INDEX: &str = include_str!("admin/index.html");

/// Listens on `address` and answers there, on the runtime that runs the returned future, until
/// `drain`. Returns the bound address as well, which has a port where `address` had none.
///
/// # Errors
/// [`ListenError`] when the system refuses the address.
pub fn serve(
    address: SocketAddr,
    admin: Admin,
    drain: Drain,
) -> Result<(SocketAddr, impl Future<Output = ()> + Send + 'static), ListenError> {
    let refused = |error| ListenError::Socket { name: "admin".to_owned(), address, error };
    let mut sockets = bind(address, 1).map_err(refused)?;
    let socket = sockets.pop().ok_or_else(|| refused(std::io::ErrorKind::Other.into()))?;
    let bound = socket.local_addr().map_err(refused)?;
    tracing::info!(listener = "admin", address = %bound, "listening");
    // Connections here are not those that the metrics count.
    let door = Door::new(ListenerId::of(address), None, Limits::default(), Arc::default());
    let serving = async move {
        match TcpListener::from_std(socket) {
            Ok(socket) => listen::serve(socket, door, admin, drain).await,
            Err(error) => tracing::error!(%error, "cannot watch the admin socket"),
        }
    };
    Ok((bound, serving))
}

// === impl Admin ===

impl Admin {
    /// Tells what `status` and `metrics` know.
    pub fn new(status: Arc<dyn Status>, metrics: Arc<Metrics>) -> Self {
        Self { status, metrics }
    }

    fn respond(&self, method: &Method, path: &str, query: &str) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut response = reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/" => reply(StatusCode::OK, HTML, INDEX),
            "/healthz" => reply(StatusCode::OK, TEXT, "ok\n"),
            "/metrics" => reply(StatusCode::OK, OPEN_METRICS, self.metrics.render()),
            "/readyz" => self.ready(query),
            _ => reply(StatusCode::NOT_FOUND, TEXT, "not found; see / for what there is\n"),
        }
    }

    fn ready(&self, query: &str) -> Response<Full<Bytes>> {
        let readiness = self.status.readiness();
        let status = match readiness {
            Readiness::Ready => StatusCode::OK,
            Readiness::Draining | Readiness::Starting => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut text = format!("{readiness}\n");
        let verbose = query
            .split('&')
            .any(|part| matches!(part.split_once('=').map_or(part, |(name, _)| name), "verbose"));
        if verbose {
            text.push_str(&self.status.overview().to_string());
        }
        reply(status, TEXT, text)
    }
}

impl Answer for Admin {
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        _listener: ListenerId,
        _peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        // The body of a GET means nothing; hyper reads past it.
        self.respond(
            request.method(),
            request.uri().path(),
            request.uri().query().unwrap_or_default(),
        )
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin")
    }
}

fn reply(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
