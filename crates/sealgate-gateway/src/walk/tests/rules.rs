use super::*;

/// A backend that must not be asked.
async fn house() -> (House, Backend) {
    let backend = Backend::start(modern(|asked| Reply::result(asked, json!({})))).await;
    (House::over(&backend, "modern").await, backend)
}

async fn refused(answer: Answer) -> (u16, i64, Value) {
    let status = answer.status;
    let body = answer.json().await;
    (status, body["error"]["code"].as_i64().unwrap(), body)
}

#[tokio::test]
async fn missing_metadata_comes_before_wrong_headers() {
    let (house, _backend) = house().await;
    let message = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": {} });
    let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "other")];
    let (status, code, body) = refused(house.post(&headers, &message.to_string()).await).await;
    assert_eq!((status, code, &body["id"]), (400, -32602, &json!("a")));
}

#[tokio::test]
async fn headers_that_differ_from_the_body_come_before_the_version() {
    let (house, backend) = house().await;
    let mut message = request(json!(1), "tools/list", json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("v999.0.0");
    let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/list")];
    let (status, code, _) = refused(house.post(&headers, &message.to_string()).await).await;
    assert_eq!((status, code), (400, -32020));

    let headers = [("MCP-Protocol-Version", "v999.0.0"), ("Mcp-Method", "tools/list")];
    let (status, code, body) = refused(house.post(&headers, &message.to_string()).await).await;
    assert_eq!((status, code), (400, -32022));
    assert_eq!(body["error"]["data"]["requested"], "v999.0.0");
    assert_eq!(body["error"]["data"]["supported"], json!(["2026-07-28"]));
    assert!(backend.asked("tools/list").is_empty());
}

#[tokio::test]
async fn the_body_alone_makes_a_request_modern() {
    let (house, _backend) = house().await;
    let message = request(json!(1), "tools/list", json!({})).to_string();
    let (status, code, _) = refused(house.post(&[], &message).await).await;
    assert_eq!((status, code), (400, -32020));
    // A session id beside it is ignored.
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/list"),
        ("Mcp-Session-Id", "nobody's"),
    ];
    assert_eq!(house.post(&headers, &message).await.status, 200);
}

#[tokio::test]
async fn methods_of_the_other_era_are_404_with_the_id() {
    let (house, backend) = house().await;
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe"] {
        let message = request(json!(7), method, json!({}));
        let (status, code, body) = refused(house.ask(&message).await).await;
        assert_eq!((status, code, &body["id"]), (404, -32601, &json!(7)), "{method}");
    }
    assert!(backend.asked("ping").is_empty());
}

#[tokio::test]
async fn an_encoded_name_is_compared_decoded_and_a_wrong_one_refused() {
    let backend = Backend::start(modern(|asked| Reply::result(asked, json!({})))).await;
    let house = House::over(&backend, "modern").await;
    let message = request(json!(1), "tools/call", json!({ "name": "Grüße" })).to_string();
    let call = |name: &'static str| {
        [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", name)]
    };
    assert_eq!(house.post(&call("=?base64?R3LDvMOfZQ==?="), &message).await.status, 200);
    let asked = backend.wait_for("tools/call").await;
    assert_eq!(asked.header("mcp-name"), Some("=?base64?R3LDvMOfZQ==?="));
    let (status, code, _) = refused(house.post(&call("=?base64?R3Lx?="), &message).await).await;
    assert_eq!((status, code), (400, -32020));
    let (status, code, _) = refused(house.post(&call("gruss"), &message).await).await;
    assert_eq!((status, code), (400, -32020));
}

#[tokio::test]
async fn a_modern_client_has_neither_streams_to_get_nor_sessions_to_delete() {
    let (house, _backend) = house().await;
    for verb in ["GET", "DELETE"] {
        let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Session-Id", "x")];
        assert_eq!(house.send(verb, &headers, "").await.status, 405, "{verb}");
    }
}

#[tokio::test]
async fn a_modern_notification_is_accepted_and_a_response_refused() {
    let (house, _backend) = house().await;
    let headers = [("MCP-Protocol-Version", "2026-07-28")];
    let text = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(house.post(&headers, text).await.status, 202);
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let (status, code, body) = refused(house.post(&headers, text).await).await;
    assert_eq!((status, code), (400, -32600));
    assert!(body.get("id").is_none_or(|id| !id.is_null()));
}

#[tokio::test]
async fn an_unreadable_body_is_refused_without_an_id() {
    let (house, _backend) = house().await;
    let headers = [("MCP-Protocol-Version", "2026-07-28")];
    let (status, code, body) = refused(house.post(&headers, "{").await).await;
    assert_eq!((status, code), (400, -32700));
    assert!(body.get("id").is_none());
}
