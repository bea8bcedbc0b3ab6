//! A gateway in the test's own runtime, and a client of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sealgate_config::resolved::Resolved;
use sealgate_config::{Options, Source};
use sealgate_mcp::keyring::Keyring;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Backend;
use crate::gateway::{Gateway, Limits};
use crate::listen::{Answer as _, ListenerId};
use crate::observe::Metrics;
use crate::observe::access::Writer;
use crate::observe::logs::Format;
use crate::upstream::{Pool, PoolLimits};
use crate::walk::Worker;

/// A gateway with one route.
pub(super) struct House {
    address: SocketAddr,
    gateway: Arc<Gateway>,
}

/// What a client got.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    stream: TcpStream,
    unread: Vec<u8>,
}

impl House {
    /// A route without prefixes to one backend, whose era is pinned or `auto`.
    pub(super) async fn over(backend: &Backend, era: &str) -> Self {
        Self::route(&[("b", backend, era)], "Never").await
    }

    /// The same over a legacy backend whose questions park calls.
    pub(super) async fn parking(backend: &Backend) -> Self {
        Self::route(&[("b", backend, "legacy, sealgate.dev/questions: park")], "Never").await
    }

    /// A route that prefixes the names of these backends.
    pub(super) async fn over_all(backends: &[(&str, &Backend, &str)]) -> Self {
        Self::route(backends, "Always").await
    }

    /// Puts another route in the place of the one of [`House::over_all`].
    pub(super) async fn reload(&self, backends: &[(&str, &Backend, &str)]) {
        self.gateway.reload(&Self::resolved(backends, "Always")).await;
    }

    async fn route(backends: &[(&str, &Backend, &str)], prefix: &str) -> Self {
        let limits = Limits {
            body: 1 << 20,
            body_patience: Duration::from_secs(20),
            held_answer: 1 << 24,
            keep_alive: Duration::from_secs(20),
        };
        let metrics = Arc::new(Metrics::new());
        let writer = Writer::start(std::io::sink(), Format::Json, metrics.process()).unwrap();
        let runtime = tokio::runtime::Handle::current();
        let keyring = Keyring::generate().unwrap();
        let resolved = Self::resolved(backends, prefix);
        let gateway = Arc::new(Gateway::new(&resolved, keyring, limits, metrics, runtime));
        let pool = Pool::new(PoolLimits::default());
        let worker = Worker::new(Arc::clone(&gateway), pool, writer.log());
        std::mem::forget(writer);
        Self { address: serve(worker).await, gateway }
    }

    fn resolved(backends: &[(&str, &Backend, &str)], prefix: &str) -> Resolved {
        let mut text = format!(
            "apiVersion: aigateway.envoyproxy.io/v1beta1\nkind: MCPRoute\n\
             metadata: {{ name: r }}\nspec:\n  parentRefs: [{{ name: g }}]\n  \
             prefixMode: {prefix}\n  backendRefs:\n"
        );
        for (name, ..) in backends {
            text.push_str(&format!(
                "    - {{ name: {name}, group: gateway.envoyproxy.io, kind: Backend }}\n"
            ));
        }
        for (name, backend, era) in backends {
            text.push_str(&format!(
                "---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\n\
                 metadata: {{ name: {name}, annotations: {{ sealgate.dev/era: {era} }} }}\n\
                 spec: {{ endpoints: [{{ ip: {{ address: 127.0.0.1, port: {} }} }}] }}\n",
                backend.address.port()
            ));
        }
        let source = Source::text("test.yaml", text);
        let outcome = sealgate_config::load(&[source], &Options::default());
        let errors: Vec<_> = outcome.findings.iter().map(|finding| finding.render(false)).collect();
        assert!(!outcome.has_errors(), "{}", errors.join("\n"));
        outcome.resolved
    }

    /// POSTs a modern request with the headers that repeat it.
    pub(super) async fn ask(&self, message: &Value) -> Answer {
        let mut headers = vec![
            ("MCP-Protocol-Version", "2026-07-28".to_owned()),
            ("Mcp-Method", message["method"].as_str().unwrap_or_default().to_owned()),
        ];
        let params = &message["params"];
        if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
            headers.push(("Mcp-Name", name.to_owned()));
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post(&headers, &message.to_string()).await
    }

    /// POSTs within a legacy session.
    pub(super) async fn say(&self, session: &str, message: &Value) -> Answer {
        let headers = [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
        self.post(&headers, &message.to_string()).await
    }

    /// Opens a legacy session; also gives the InitializeResult.
    pub(super) async fn initialize(&self, capabilities: Value) -> (String, Value) {
        let message = serde_json::json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25", "capabilities": capabilities,
                "clientInfo": { "name": "test", "version": "1" },
            },
        });
        let answer = self.post(&[], &message.to_string()).await;
        let session = answer.header("mcp-session-id").unwrap_or_default().to_owned();
        (session, answer.json().await)
    }

    pub(super) async fn post(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("POST", headers, body).await
    }

    /// Sends a modern request and does not wait for the answer.
    pub(super) async fn begin(&self, message: &Value) -> TcpStream {
        let text = message.to_string();
        let name = message["params"]["name"].as_str().unwrap_or_default();
        let method = message["method"].as_str().unwrap_or_default();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n\
             Content-Length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(super) async fn send(&self, verb: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{verb} /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{headers}Connection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(stream).await
    }
}

impl Answer {
    async fn read(mut stream: TcpStream) -> Self {
        let mut unread = Vec::new();
        let end = loop {
            if let Some(end) = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            assert_ne!(stream.read_buf(&mut unread).await.unwrap(), 0, "no answer came");
        };
        let head = String::from_utf8(unread[..end].to_vec()).unwrap();
        unread.drain(..end + 4);
        let status = head[9..12].parse().unwrap();
        Self { status, head, stream, unread }
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The whole body, as JSON.
    pub(super) async fn json(mut self) -> Value {
        while self.stream.read_buf(&mut self.unread).await.unwrap() > 0 {}
        let text = String::from_utf8(std::mem::take(&mut self.unread)).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The next message of an event stream; `None` at its end.
    pub(super) async fn event(&mut self) -> Option<Value> {
        loop {
            let text = String::from_utf8_lossy(&self.unread).into_owned();
            if let Some(at) = text.find("data: ")
                && let Some(length) = text[at..].find("\n\n")
            {
                let message = text[at + 6..at + length].to_owned();
                self.unread.drain(..at + length + 2);
                return Some(serde_json::from_str(&message).unwrap());
            }
            if self.stream.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

async fn serve(worker: Worker) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let id = ListenerId::of(Options::default().listen);
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let worker = worker.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let worker = worker.clone();
                    async move {
                        Ok::<_, std::convert::Infallible>(worker.answer(id, peer, request).await)
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}
