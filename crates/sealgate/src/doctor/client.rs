//! Enters: an MCP request. Leaves: its result, or the error object of the answer, as a plain
//! client of the gateway sees them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Longer than the gateway itself waits for `initialize` or a list.
const PATIENCE: Duration = Duration::from_secs(90);

/// One session with the gateway.
pub(super) struct Client {
    address: SocketAddr,
    path: String,
    session: Option<HeaderValue>,
    next_id: u64,
}

/// What the version of the doctor's own requests is.
const VERSION: &str = "2025-11-25";

impl Client {
    pub(super) fn new(address: SocketAddr, path: String) -> Self {
        Self { address, path, session: None, next_id: 1 }
    }

    /// The message that opens a session.
    pub(super) fn opening() -> Value {
        json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {
                "protocolVersion": VERSION,
                "capabilities": {},
                "clientInfo": { "name": "sealgate-doctor", "version": env!("CARGO_PKG_VERSION") },
            },
        })
    }

    /// Opens the session; its result.
    pub(super) async fn initialize(&mut self) -> Result<Value, Value> {
        let result = self.request(&Self::opening()).await?;
        let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.exchange(Method::POST, Some(&done)).await.map_err(|error| broken(&error))?;
        Ok(result)
    }

    /// All tools, page by page.
    pub(super) async fn tools(&mut self) -> Result<Vec<Value>, Value> {
        let mut tools = Vec::new();
        let mut params = json!({});
        loop {
            self.next_id += 1;
            let message = json!({
                "jsonrpc": "2.0", "id": self.next_id, "method": "tools/list", "params": params,
            });
            let mut page = self.request(&message).await?;
            if let Some(items) = page["tools"].as_array_mut() {
                tools.append(items);
            }
            match page["nextCursor"].as_str() {
                Some(cursor) if self.next_id < 1000 => params = json!({ "cursor": cursor }),
                _ => return Ok(tools),
            }
        }
    }

    /// Ends the session, if one was opened.
    pub(super) async fn close(mut self) {
        if self.session.is_some() {
            // The session ends by itself too.
            let _ = self.exchange(Method::DELETE, None).await;
        }
    }

    async fn request(&mut self, message: &Value) -> Result<Value, Value> {
        let body = match tokio::time::timeout(PATIENCE, self.exchange(Method::POST, Some(message)))
            .await
        {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => return Err(broken(&error)),
            Err(_) => return Err(broken(&format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        let mut answer = answer_to(&message["id"], &body)
            .ok_or_else(|| broken(&"the answer holds no JSON-RPC response"))?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(answer["error"].take()),
        }
    }

    async fn exchange(
        &mut self,
        verb: Method,
        message: Option<&Value>,
    ) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(verb)
            .uri(&self.path)
            .header(HOST, self.address.to_string())
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json");
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
            request = request.header("mcp-protocol-version", VERSION);
        }
        let body = message.map(ToString::to_string).unwrap_or_default();
        let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        if let Some(session) = response.headers().get("mcp-session-id") {
            self.session = Some(session.clone());
        }
        Ok(response.into_body().collect().await?.to_bytes())
    }
}

/// The response to `id` in a JSON body, or among the events of a stream.
fn answer_to(id: &Value, body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    std::iter::once(text)
        .chain(events)
        .filter_map(|text| serde_json::from_str::<Value>(text).ok())
        .find(|message| message.get("method").is_none() && message["id"] == *id)
}

fn broken(error: &impl ToString) -> Value {
    json!({ "message": error.to_string(), "data": { "reason": "doctor" } })
}
