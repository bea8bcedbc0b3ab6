//! An MCP server with three tools that answers nothing unless it is signed: what AWS would be, for
//! the demo.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::verify::Verifier;

/// Largest body that the demo reads, in bytes.
const LIMIT: usize = 1024 * 1024;

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener, verifier: Arc<Verifier>) {
    while let Ok((socket, peer)) = listener.accept().await {
        let verifier = Arc::clone(&verifier);
        let service = hyper::service::service_fn(move |request| {
            let verifier = Arc::clone(&verifier);
            async move { Ok::<_, Infallible>(answer(&verifier, peer, request).await) }
        });
        tokio::spawn(async move {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new());
            // A connection that breaks is the client's affair.
            let _ = builder.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn answer(
    verifier: &Verifier,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = http_body_util::Limited::new(body, LIMIT).collect().await else {
        return reply(StatusCode::PAYLOAD_TOO_LARGE, Some(&json!({ "message": "too large" })));
    };
    let body = body.to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = message["method"].as_str().unwrap_or("-").to_owned();
    let shown = format!("{} {} {method}", head.method, head.uri.path());
    match verifier.verify(&head, &body) {
        Err(reason) => {
            wire(peer, &shown, &format!("403 refused: {reason}"));
            reply(StatusCode::FORBIDDEN, Some(&json!({ "message": reason })))
        }
        Ok(key) => {
            wire(peer, &shown, &format!("accepted, signed by {key}"));
            mcp(&head.method, &message)
        }
    }
}

fn mcp(verb: &Method, message: &Value) -> Response<Full<Bytes>> {
    if verb != Method::POST {
        return reply(StatusCode::METHOD_NOT_ALLOWED, None);
    }
    let Some(id) = message.get("id") else { return reply(StatusCode::ACCEPTED, None) };
    let params = &message["params"];
    let result = match message["method"].as_str() {
        Some("initialize") => Ok(json!({
            "protocolVersion": params["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "sealgate-demo", "version": env!("CARGO_PKG_VERSION") },
        })),
        Some("ping") => Ok(json!({})),
        Some("tools/list") => Ok(json!({ "tools": tools() })),
        Some("tools/call") => call(params),
        other => Err((-32601, format!("Method not found: {}", other.unwrap_or("-")))),
    };
    let body = match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err((code, message)) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
        }
    };
    reply(StatusCode::OK, Some(&body))
}

fn tools() -> Value {
    let tool = |name: &str, description: &str, properties: Value, required: Value| {
        json!({
            "name": name,
            "description": description,
            "inputSchema": {
                "type": "object", "properties": properties, "required": required,
            },
        })
    };
    let number = json!({ "type": "number" });
    json!([
        tool("add", "Adds two numbers.", json!({ "a": number, "b": number }), json!(["a", "b"])),
        tool(
            "echo",
            "Says what it is told.",
            json!({ "text": { "type": "string" } }),
            json!(["text"])
        ),
        tool("time", "Tells the server's time, in seconds since 1970.", json!({}), json!([])),
    ])
}

fn call(params: &Value) -> Result<Value, (i64, String)> {
    let arguments = &params["arguments"];
    let text = match params["name"].as_str() {
        Some("add") => match (arguments["a"].as_f64(), arguments["b"].as_f64()) {
            (Some(a), Some(b)) => (a + b).to_string(),
            _ => return Err((-32602, "a and b must be numbers".to_owned())),
        },
        Some("echo") => arguments["text"].as_str().unwrap_or_default().to_owned(),
        Some("time") => std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
            .to_string(),
        other => return Err((-32602, format!("Unknown tool: {}", other.unwrap_or("-")))),
    };
    Ok(json!({ "content": [{ "type": "text", "text": text }] }))
}

fn reply(status: StatusCode, body: Option<&Value>) -> Response<Full<Bytes>> {
    let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    if body.is_some() {
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    }
    response
}

/// One line for the people who watch.
fn wire(peer: SocketAddr, request: &str, outcome: &str) {
    let _ = writeln!(std::io::stdout(), "  wire  {peer} -> {request}: {outcome}");
}
