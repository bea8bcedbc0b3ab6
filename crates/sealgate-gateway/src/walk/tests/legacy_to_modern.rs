use super::*;

fn call(id: i64) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "t", "arguments": {} } })
}

fn complete() -> Value {
    json!({ "resultType": "complete", "content": [], "_meta": { "v/k": 1 } })
}

#[tokio::test]
async fn initialize_is_answered_from_discovery() {
    let backend = Backend::start(modern(|asked| Reply::result(asked, complete()))).await;
    for era in ["auto", "modern"] {
        let house = House::over(&backend, era).await;
        let (session, answer) = house.initialize(json!({})).await;
        assert!(!session.is_empty());
        let result = &answer["result"];
        assert_eq!(result["protocolVersion"], "2025-11-25");
        assert_eq!(result["capabilities"]["x-vendor"], json!({ "a": 1 }));
        assert_eq!(
            (&result["serverInfo"]["name"], &result["instructions"]),
            (&json!("b"), &json!("read me"))
        );
        assert!(result.get("resultType").is_none());
    }
}

#[tokio::test]
async fn a_call_carries_what_the_session_knows_and_its_answer_loses_what_is_new() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        _ => Reply::result(asked, complete()),
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({ "roots": { "listChanged": true } })).await;
    let answer = house.say(&session, &call(4)).await.json().await;
    assert_eq!(
        answer,
        json!({ "jsonrpc": "2.0", "id": 4, "result": { "content": [], "_meta": { "v/k": 1 } } })
    );
    let asked = backend.wait_for("tools/call").await;
    let meta = &asked.body["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({ "roots": {} }));
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "test");
    assert_eq!(asked.header("mcp-name"), Some("t"));
    assert_eq!(asked.header("mcp-session-id"), None);
}

#[tokio::test]
async fn parameter_headers_are_made_from_the_tools_schema() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => {
            let region = json!({ "type": "string", "x-mcp-header": "Region" });
            let schema = json!({ "type": "object", "properties": { "region": region } });
            Reply::result(asked, json!({ "tools": [{ "name": "t", "inputSchema": schema }] }))
        }
        _ => Reply::result(asked, complete()),
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({})).await;
    let mut message = call(1);
    message["params"]["arguments"]["region"] = json!("Köln");
    assert_eq!(house.say(&session, &message).await.status, 200);
    let asked = backend.wait_for("tools/call").await;
    assert_eq!(asked.header("mcp-param-region"), Some("=?base64?S8O2bG4=?="));
}

#[tokio::test]
async fn what_the_backend_wants_to_know_is_asked_on_the_pending_stream() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        _ if asked.body["params"].get("inputResponses").is_none() => {
            let form = json!({ "mode": "form", "message": "name?", "requestedSchema": {} });
            let asks = json!({
                "who": { "method": "elicitation/create", "params": form },
                "where": { "method": "roots/list" },
            });
            let result =
                json!({ "resultType": "input_required", "inputRequests": asks, "requestState": "s" });
            Reply::result(asked, result)
        }
        _ => Reply::result(asked, complete()),
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({ "elicitation": {}, "roots": {} })).await;
    let mut answer = house.say(&session, &call(4)).await;
    for _ in 0..2 {
        let question = answer.event().await.unwrap();
        let result = match question["method"].as_str() {
            Some("roots/list") => json!({ "roots": [] }),
            _ => json!({ "action": "accept", "content": { "name": "Ada" } }),
        };
        let response = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
        assert_eq!(house.say(&session, &response).await.status, 202);
    }
    assert_eq!(answer.event().await.unwrap()["result"]["content"], json!([]));
    let retry = backend.asked("tools/call").pop().unwrap();
    let params = &retry.body["params"];
    assert_eq!(params["requestState"], "s");
    assert_eq!(params["inputResponses"]["where"], json!({ "roots": [] }));
    assert_eq!(params["inputResponses"]["who"]["content"]["name"], "Ada");
    assert_eq!(params["arguments"], json!({}));
}

#[tokio::test]
async fn a_client_that_refuses_elicitation_cancels_it_and_others_fail_the_call() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        _ if asked.body["params"].get("inputResponses").is_none() => {
            let method = asked.body["params"]["arguments"]["ask"].clone();
            let asks = json!({ "k": { "method": method, "params": {} } });
            Reply::result(asked, json!({ "resultType": "input_required", "inputRequests": asks }))
        }
        _ => Reply::result(asked, complete()),
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({ "elicitation": {}, "sampling": {} })).await;
    for (method, has_result) in [("elicitation/create", true), ("sampling/createMessage", false)] {
        let mut message = call(4);
        message["params"]["arguments"]["ask"] = json!(method);
        let mut answer = house.say(&session, &message).await;
        let question = answer.event().await.unwrap();
        let error = json!({ "code": -1, "message": "no" });
        let response = json!({ "jsonrpc": "2.0", "id": question["id"], "error": error });
        assert_eq!(house.say(&session, &response).await.status, 202);
        let last = answer.event().await.unwrap();
        assert_eq!(last.get("result").is_some(), has_result, "{method}");
    }
    let retry = backend.asked("tools/call").pop().unwrap();
    assert_eq!(retry.body["params"]["arguments"]["ask"], "sampling/createMessage");
    let cancelled = &backend.asked("tools/call")[1].body["params"]["inputResponses"];
    assert_eq!(*cancelled, json!({ "k": { "action": "cancel" } }));
}

#[tokio::test]
async fn what_the_client_did_not_declare_is_not_asked() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        _ => {
            let asks = json!({ "k": { "method": "roots/list" } });
            Reply::result(asked, json!({ "resultType": "input_required", "inputRequests": asks }))
        }
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({})).await;
    let answer = house.say(&session, &call(4)).await;
    assert_eq!(answer.status, 200);
    let error = &answer.json().await["error"];
    assert_eq!(error["code"], -32603);
    assert_eq!(error["data"]["reason"], "backend_asks_undeclared");
}

#[tokio::test]
async fn a_backend_that_only_wants_the_call_again_gets_it_three_times() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        _ => Reply::result(asked, json!({ "resultType": "input_required", "requestState": "s" })),
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({})).await;
    let error = house.say(&session, &call(4)).await.json().await["error"].clone();
    assert_eq!(error["data"]["reason"], "backend_asks_too_much");
    assert_eq!(backend.asked("tools/call").len(), 4);
}

#[tokio::test]
async fn a_cancellation_drops_the_request_to_the_backend() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        _ => {
            let params = json!({ "progressToken": 1, "progress": 1 });
            Reply::Open(vec![
                json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }),
            ])
        }
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({})).await;
    let mut answer = house.say(&session, &call(4)).await;
    assert!(answer.event().await.is_some());
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 4 } });
    assert_eq!(house.say(&session, &cancel).await.status, 202);
    backend.hung_up().await;
}

#[tokio::test]
async fn the_log_level_of_the_session_goes_with_each_request() {
    let backend = Backend::start(modern(|asked| match asked.method() {
        "tools/list" => Reply::result(asked, json!({ "tools": [] })),
        _ => Reply::result(asked, complete()),
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({})).await;
    let set = json!({ "jsonrpc": "2.0", "id": 1, "method": "logging/setLevel", "params": { "level": "error" } });
    assert_eq!(house.say(&session, &set).await.json().await["result"], json!({}));
    assert_eq!(house.say(&session, &call(2)).await.status, 200);
    let meta = &backend.wait_for("tools/call").await.body["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "error");
    assert!(backend.asked("logging/setLevel").is_empty());
}

#[tokio::test]
async fn nothing_that_belongs_to_sessions_reaches_the_backend() {
    let backend = Backend::start(modern(|asked| Reply::result(asked, complete()))).await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({})).await;
    for method in ["notifications/initialized", "notifications/roots/list_changed"] {
        let message = json!({ "jsonrpc": "2.0", "method": method });
        assert_eq!(house.say(&session, &message).await.status, 202);
        assert!(backend.asked(method).is_empty());
    }
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(house.say(&session, &ping).await.json().await["result"], json!({}));
    let headers = [("Mcp-Session-Id", session.as_str())];
    assert_eq!(house.send("DELETE", &headers, "").await.status, 200);
    assert!(backend.asked("DELETE").is_empty());
}
