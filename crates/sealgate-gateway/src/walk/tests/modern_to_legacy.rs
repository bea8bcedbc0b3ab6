use std::sync::Arc;

use tokio::sync::Notify;

use super::*;

fn done() -> Value {
    json!({ "content": [{ "type": "text", "text": "done" }] })
}

#[tokio::test]
async fn a_backend_without_discovery_is_found_to_be_legacy_and_asked_in_a_session() {
    let backend = Backend::start(legacy(|body| Reply::to(body, done()))).await;
    let house = House::over(&backend, "auto").await;
    let mut params = json!({ "name": "t", "_meta": meta(json!({ "roots": {} })) });
    params["_meta"]["progressToken"] = json!("p");
    params["_meta"]["vendor/key"] = json!(1);
    for id in [1, 2] {
        let answer = house.ask(&request(json!(id), "tools/call", params.clone())).await;
        let expected = json!({ "content": done()["content"], "resultType": "complete" });
        assert_eq!(answer.json().await, json!({ "jsonrpc": "2.0", "id": id, "result": expected }));
    }
    // One probe, one session.
    assert_eq!(backend.asked("server/discover").len(), 1);
    let opened = backend.asked("initialize");
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].body["params"]["capabilities"], json!({ "roots": {} }));
    assert_eq!(opened[0].body["params"]["clientInfo"]["name"], "test");
    assert_eq!(opened[0].body["params"]["protocolVersion"], "2025-11-25");
    let asked = &backend.asked("tools/call")[1];
    assert_eq!(asked.header("mcp-session-id"), Some("s1"));
    assert_eq!(asked.header("mcp-protocol-version"), Some("2025-11-25"));
    assert_eq!(asked.body["params"]["_meta"], json!({ "progressToken": "p", "vendor/key": 1 }));
}

#[tokio::test]
async fn clients_with_other_capabilities_get_a_session_of_their_own() {
    let backend = Backend::start(legacy(|body| Reply::to(body, done()))).await;
    let house = House::over(&backend, "legacy").await;
    for capabilities in [json!({}), json!({ "sampling": {} }), json!({})] {
        let params = json!({ "name": "t", "_meta": meta(capabilities) });
        assert_eq!(house.ask(&request(json!(1), "tools/call", params)).await.status, 200);
    }
    assert_eq!(backend.asked("initialize").len(), 2);
}

#[tokio::test]
async fn cacheable_results_get_hints_that_allow_no_caching() {
    let backend = Backend::start(legacy(|body| Reply::to(body, json!({ "contents": [] })))).await;
    let house = House::over(&backend, "legacy").await;
    let answer = house.ask(&request(json!(1), "resources/read", json!({ "uri": "a:b" }))).await;
    let expected = json!({
        "contents": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
    });
    assert_eq!(answer.json().await["result"], expected);
}

#[tokio::test]
async fn a_lost_session_is_opened_again_once() {
    let lost = std::sync::atomic::AtomicBool::new(true);
    let backend = Backend::start(legacy(move |body| {
        match lost.swap(false, std::sync::atomic::Ordering::SeqCst) {
            true => Reply::Status(404, "{}".to_owned()),
            false => Reply::to(body, done()),
        }
    }))
    .await;
    let house = House::over(&backend, "legacy").await;
    let answer = house.ask(&request(json!(1), "tools/call", json!({ "name": "t" }))).await;
    assert_eq!(answer.json().await["result"]["resultType"], "complete");
    assert_eq!(backend.asked("initialize").len(), 2);
}

#[tokio::test]
async fn a_question_in_the_middle_of_a_call_is_refused_on_both_sides() {
    let backend = Backend::start(legacy(|body| {
        let method =
            if body["params"]["name"] == "roots" { "roots/list" } else { "sampling/createMessage" };
        Reply::Open(vec![json!({ "jsonrpc": "2.0", "id": "q", "method": method })])
    }))
    .await;
    let house = House::over(&backend, "legacy").await;
    let params = |name: &str| json!({ "name": name, "_meta": meta(json!({ "sampling": {} })) });
    let answer = house.ask(&request(json!(1), "tools/call", params("roots"))).await;
    assert_eq!(answer.status, 400);
    let error = &answer.json().await["error"];
    assert_eq!(error["code"], -32021);
    assert_eq!(error["data"]["requiredCapabilities"], json!({ "roots": {} }));
    let refusal = backend.wait_for("response").await;
    assert_eq!(
        (&refusal.body["id"], &refusal.body["error"]["code"]),
        (&json!("q"), &json!(-32601))
    );
    backend.wait_for("notifications/cancelled").await;

    let answer = house.ask(&request(json!(1), "tools/call", params("sample"))).await;
    assert_eq!(answer.status, 200);
    let error = &answer.json().await["error"];
    assert_eq!(
        (&error["code"], &error["data"]["reason"]),
        (&json!(-32603), &json!("needs_session"))
    );
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_call_upstream() {
    let backend = Backend::start(legacy(|body| {
        let params =
            json!({ "progressToken": body["params"]["_meta"]["progressToken"], "progress": 1 });
        Reply::Open(vec![
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }),
        ])
    }))
    .await;
    let house = House::over(&backend, "legacy").await;
    let mut params = json!({ "name": "t", "_meta": meta(json!({})) });
    params["_meta"]["progressToken"] = json!(7);
    let mut answer = house.ask(&request(json!(1), "tools/call", params)).await;
    assert!(answer.event().await.is_some());
    drop(answer);
    let told = backend.wait_for("notifications/cancelled").await;
    let call = backend.wait_for("tools/call").await;
    assert_eq!(told.body["params"]["requestId"], call.body["id"]);
}

#[tokio::test]
async fn the_log_level_of_a_request_is_set_in_its_session() {
    let backend = Backend::start(legacy(|body| Reply::to(body, done()))).await;
    let house = House::over(&backend, "legacy").await;
    let mut params = json!({ "name": "t", "_meta": meta(json!({})) });
    params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("warning");
    assert_eq!(house.ask(&request(json!(1), "tools/call", params)).await.status, 200);
    let set = backend.wait_for("logging/setLevel").await;
    assert_eq!(set.body["params"], json!({ "level": "warning" }));
}

#[tokio::test]
async fn discovery_tells_what_initialize_told_without_core_tasks() {
    let backend = Backend::start(legacy(|body| Reply::to(body, done()))).await;
    let house = House::over(&backend, "legacy").await;
    let answer = house.ask(&request(json!(1), "server/discover", json!({}))).await.json().await;
    let result = &answer["result"];
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(result["instructions"], "be kind");
    assert!(result["capabilities"].get("tasks").is_none());
    assert_eq!(
        result["capabilities"]["resources"],
        json!({ "subscribe": true, "listChanged": true })
    );
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "old");
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
}

#[tokio::test]
async fn parameter_headers_are_checked_for_a_backend_that_does_not_look_at_them() {
    let backend = Backend::start(|asked| match asked.method() {
        "tools/list" => {
            let region = json!({ "type": "string", "x-mcp-header": "Region" });
            let schema = json!({ "type": "object", "properties": { "region": region } });
            Reply::result(asked, json!({ "tools": [{ "name": "t", "inputSchema": schema }] }))
        }
        _ => legacy(|body| Reply::to(body, done()))(asked),
    })
    .await;
    let house = House::over(&backend, "legacy").await;
    let params = json!({ "name": "t", "arguments": { "region": "eu" } });
    let message = request(json!(1), "tools/call", params);
    let answer = house.ask(&message).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json().await["error"]["code"], -32020);
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "t"),
        ("Mcp-Param-Region", "eu"),
    ];
    assert_eq!(house.post(&headers, &message.to_string()).await.status, 200);
    assert_eq!(backend.asked("tools/call").len(), 1);
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_the_answer_cancels_the_call_too() {
    let backend = Backend::start(legacy(|_| Reply::Silence)).await;
    let house = House::over(&backend, "legacy").await;
    let client = house.begin(&request(json!(1), "tools/call", json!({ "name": "t" }))).await;
    let call = backend.wait_for("tools/call").await;
    drop(client);
    let told = backend.wait_for("notifications/cancelled").await;
    assert_eq!(told.body["params"]["requestId"], call.body["id"]);
}

#[tokio::test]
async fn a_stream_that_ends_before_its_answer_is_resumed_in_the_clients_stead() {
    let called = std::sync::Mutex::new(Value::Null);
    let backend = Backend::start(move |asked| match asked.method() {
        "tools/call" => {
            *called.lock().unwrap() = asked.body["id"].clone();
            Reply::Text("id: e1\nretry: 50\ndata: \n\n")
        }
        "GET" if asked.header("last-event-id") == Some("e1") => {
            let id = called.lock().unwrap().clone();
            Reply::Events(vec![json!({ "jsonrpc": "2.0", "id": id, "result": done() })])
        }
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await;
    let house = House::over(&backend, "legacy").await;
    let answer = house.ask(&request(json!("x"), "tools/call", json!({ "name": "t" }))).await;
    let answer = answer.json().await;
    assert_eq!((&answer["id"], &answer["result"]["content"]), (&json!("x"), &done()["content"]));
    assert_eq!(backend.asked("GET")[0].header("mcp-session-id"), Some("s1"));
    assert_eq!(backend.asked("notifications/cancelled").len(), 0);
}

/// A legacy backend that asks on the stream of its session while a call runs, and ends the call
/// when it is answered.
pub(super) async fn asking_aside() -> Backend {
    let (called, answered) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    Backend::start(move |asked| match asked.method() {
        "GET" => {
            let question = json!({ "jsonrpc": "2.0", "id": "q", "method": "roots/list" });
            Reply::Then(Vec::new(), Arc::clone(&called), question)
        }
        "tools/call" => {
            called.notify_one();
            let answer = json!({ "jsonrpc": "2.0", "id": asked.body["id"], "result": done() });
            Reply::Then(Vec::new(), Arc::clone(&answered), answer)
        }
        "response" => {
            answered.notify_one();
            Reply::Status(202, String::new())
        }
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await
}

/// A call of a client that has roots.
pub(super) fn rooted(extra: Value) -> Value {
    let mut params = json!({ "name": "t", "_meta": meta(json!({ "roots": {} })) });
    for (key, value) in extra.as_object().unwrap() {
        params[key] = value.clone();
    }
    request(json!(1), "tools/call", params)
}

#[tokio::test]
async fn a_question_on_the_sessions_own_stream_is_refused_and_the_call_goes_on() {
    let backend = asking_aside().await;
    let house = House::over(&backend, "legacy").await;
    let answer = house.ask(&rooted(json!({}))).await.json().await;
    assert_eq!(answer["result"]["content"], done()["content"]);
    let refusal = backend.wait_for("response").await;
    assert_eq!(
        (&refusal.body["id"], &refusal.body["error"]["code"]),
        (&json!("q"), &json!(-32603))
    );
    // Who can be asked nothing is not listened for.
    let plain = request(json!(2), "tools/list", json!({}));
    assert_eq!(house.ask(&plain).await.status, 200);
    assert_eq!(backend.asked("initialize").len(), 2);
    assert_eq!(backend.asked("GET").len(), 1);
}
