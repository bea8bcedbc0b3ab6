mod backend;
mod coming_and_going;
mod house;
mod legacy_to_modern;
mod listening;
mod lists;
mod modern_to_legacy;
mod modern_to_modern;
mod parking;
mod probing;
mod rules;
mod sizes;

use backend::{Backend, Reply};
use house::{Answer, House};
use serde_json::{Value, json};

/// `_meta` of a modern request.
fn meta(capabilities: Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}

/// A modern request with nothing special to it.
fn request(id: Value, method: &str, mut params: Value) -> Value {
    if params.get("_meta").is_none() {
        params["_meta"] = meta(json!({}));
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// What a modern server says of itself.
fn discovered() -> Value {
    json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"],
        "capabilities": { "tools": { "listChanged": true }, "logging": {}, "x-vendor": { "a": 1 } },
        "instructions": "read me", "ttlMs": 60_000, "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "b", "version": "9" } },
    })
}

/// What a legacy server says of itself.
fn initialized() -> Value {
    json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {
            "tools": { "listChanged": true }, "resources": { "subscribe": true }, "logging": {},
            "tasks": { "list": {} },
        },
        "serverInfo": { "name": "old", "version": "1" }, "instructions": "be kind",
    })
}

/// A legacy server that answers `call` with `answer`.
fn legacy(
    answer: impl Fn(&Value) -> Reply + Send + Sync + 'static,
) -> impl Fn(&backend::Asked) -> Reply {
    move |asked| {
        match asked.method() {
        "initialize" => Reply::result(asked, initialized()).in_session("s1"),
        "GET" => Reply::Status(405, String::new()),
        "server/discover" => Reply::Status(
            400,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}"#.to_owned(),
        ),
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        "logging/setLevel" => Reply::result(asked, json!({})),
        _ if asked.body.get("id").is_none() || asked.body.get("method").is_none() => {
            Reply::Status(202, String::new())
        }
        _ => answer(&asked.body),
    }
    }
}

/// A modern server that answers everything but discovery with `answer`.
fn modern(
    answer: impl Fn(&backend::Asked) -> Reply + Send + Sync + 'static,
) -> impl Fn(&backend::Asked) -> Reply {
    move |asked| match asked.method() {
        "server/discover" => Reply::result(asked, discovered()),
        "initialize" => Reply::error(asked, 404, -32601, "Method not found"),
        _ => answer(asked),
    }
}
