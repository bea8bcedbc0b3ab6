use super::*;

#[tokio::test]
async fn a_request_passes_with_an_id_of_the_gateways_own_and_its_metadata_as_it_was() {
    let backend = Backend::start(modern(|asked| {
        Reply::result(asked, json!({ "resultType": "complete", "content": [] }))
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let mut params = json!({ "name": "t", "_meta": meta(json!({ "sampling": {}, "x": [1] })) });
    params["_meta"]["traceparent"] = json!("00-1-2-3");
    let message = request(json!("mine"), "tools/call", params.clone());
    let answer = house.ask(&message).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json().await;
    assert_eq!(answer["id"], "mine");
    let asked = backend.wait_for("tools/call").await;
    assert!(asked.body["id"].is_u64());
    assert_eq!(asked.body["params"], params);
    assert_eq!(asked.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(asked.header("mcp-method"), Some("tools/call"));
    assert_eq!(asked.header("mcp-name"), Some("t"));
    assert_eq!(asked.header("mcp-session-id"), None);
}

#[tokio::test]
async fn a_renamed_tool_is_renamed_in_the_headers_too() {
    let (one, two) = (
        Backend::start(modern(|asked| Reply::result(asked, json!({ "content": [] })))).await,
        Backend::start(modern(|asked| Reply::result(asked, json!({ "content": [] })))).await,
    );
    let house = House::over_all(&[("a", &one, "modern"), ("b", &two, "modern")]).await;
    let message = request(json!(1), "tools/call", json!({ "name": "b__t" }));
    assert_eq!(house.ask(&message).await.status, 200);
    let asked = two.wait_for("tools/call").await;
    assert_eq!(asked.header("mcp-name"), Some("t"));
    assert_eq!(asked.body["params"]["name"], "t");
    assert!(one.asked("tools/call").is_empty());
}

#[tokio::test]
async fn parameter_headers_travel_on_known_or_not() {
    let backend = Backend::start(modern(|asked| Reply::result(asked, json!({})))).await;
    let house = House::over(&backend, "modern").await;
    let message = request(json!(1), "tools/call", json!({ "name": "t" })).to_string();
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "t"),
        ("Mcp-Param-Region", "eu"),
        ("X-Other", "stays here"),
    ];
    assert_eq!(house.post(&headers, &message).await.status, 200);
    let asked = backend.wait_for("tools/call").await;
    assert_eq!(asked.header("mcp-param-region"), Some("eu"));
    assert_eq!(asked.header("x-other"), None);
}

#[tokio::test]
async fn statuses_tell_of_the_errors_that_the_era_ties_to_them() {
    let backend = Backend::start(modern(|asked| match asked.body["params"]["name"].as_str() {
        Some("capability") => Reply::error(asked, 400, -32021, "declare sampling"),
        Some("arguments") => Reply::error(asked, 400, -32602, "bad"),
        _ => Reply::error(asked, 404, -32601, "no such method"),
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    for (name, status, code) in
        [("capability", 400, -32021), ("arguments", 200, -32602), ("other", 404, -32601)]
    {
        let answer = house.ask(&request(json!(5), "tools/call", json!({ "name": name }))).await;
        assert_eq!(answer.status, status, "{name}");
        let answer = answer.json().await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &json!(5)));
    }
}

#[tokio::test]
async fn unknown_methods_reach_a_single_backend() {
    let backend =
        Backend::start(modern(|asked| Reply::result(asked, json!({ "pong": true })))).await;
    let house = House::over(&backend, "modern").await;
    let answer = house.ask(&request(json!(5), "vendor/thing", json!({ "a": 1 }))).await;
    assert_eq!(answer.json().await["result"]["pong"], true);
    assert_eq!(backend.wait_for("vendor/thing").await.header("mcp-method"), Some("vendor/thing"));
}

#[tokio::test]
async fn an_input_required_result_and_its_state_pass_to_the_byte() {
    let state = r#""a\u0062c""#;
    let result = format!(
        r#"{{"resultType":"input_required","inputRequests":{{"k":{{"method":"roots/list"}}}},"requestState":{state}}}"#
    );
    let given = result.clone();
    let backend = Backend::start(modern(move |asked| {
        let id = &asked.body["id"];
        Reply::Status(200, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{given}}}"#))
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let text = request(json!(1), "tools/call", json!({ "name": "t" })).to_string();
    let text = text.replacen(
        r#""name":"t""#,
        &format!(r#""name":"t","inputResponses":{{"k":{{"roots":[]}}}},"requestState":{state}"#),
        1,
    );
    let headers =
        [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "t")];
    let answer = house.post(&headers, &text).await;
    assert_eq!(answer.json().await["result"], serde_json::from_str::<Value>(&result).unwrap());
    let asked = backend.wait_for("tools/call").await;
    assert_eq!(asked.body["params"]["requestState"], "abc");
    assert_eq!(asked.body["params"]["inputResponses"], json!({ "k": { "roots": [] } }));
}

#[tokio::test]
async fn notifications_come_before_the_answer_on_one_stream() {
    let backend = Backend::start(modern(|asked| {
        let progress = json!({ "progressToken": "p", "progress": 1 });
        Reply::Events(vec![
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": progress }),
            json!({ "jsonrpc": "2.0", "id": asked.body["id"], "result": { "content": [] } }),
        ])
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let mut answer = house.ask(&request(json!(5), "tools/call", json!({ "name": "t" }))).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.event().await.unwrap()["method"], "notifications/progress");
    assert_eq!(answer.event().await.unwrap()["id"], 5);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_request() {
    let backend = Backend::start(modern(|_| {
        let params = json!({ "progressToken": 1, "progress": 1 });
        Reply::Open(vec![
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }),
        ])
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let mut answer = house.ask(&request(json!(5), "tools/call", json!({ "name": "t" }))).await;
    assert!(answer.event().await.is_some());
    drop(answer);
    backend.hung_up().await;
}

#[tokio::test]
async fn discovery_keeps_a_single_backends_words_and_is_asked_once_while_it_holds() {
    let backend = Backend::start(modern(|asked| Reply::result(asked, json!({})))).await;
    let house = House::over(&backend, "modern").await;
    for id in [1, 2] {
        let answer = house.ask(&request(json!(id), "server/discover", json!({}))).await;
        assert_eq!(
            answer.json().await,
            json!({ "jsonrpc": "2.0", "id": id, "result": discovered() })
        );
    }
    assert_eq!(backend.asked("server/discover").len(), 1);
}

#[tokio::test]
async fn several_backends_discoveries_and_lists_are_merged_with_the_strictest_hints() {
    let list = |ttl: u64, scope: &'static str, name: &'static str| {
        modern(move |asked| {
            let tools = json!([{ "name": name, "inputSchema": { "type": "object" } }]);
            let result = json!({
                "resultType": "complete", "tools": tools, "ttlMs": ttl, "cacheScope": scope,
            });
            Reply::result(asked, result)
        })
    };
    let one = Backend::start(list(50, "public", "t")).await;
    let two = Backend::start(list(90, "private", "u")).await;
    let house = House::over_all(&[("a", &one, "modern"), ("b", &two, "modern")]).await;
    let answer = house.ask(&request(json!(1), "tools/list", json!({}))).await.json().await;
    let result = &answer["result"];
    assert_eq!(result["resultType"], "complete");
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(50), &json!("private")));
    assert_eq!(result["tools"][0]["name"], "a__t");
    assert_eq!(result["tools"][1]["name"], "b__u");

    let answer = house.ask(&request(json!(1), "server/discover", json!({}))).await.json().await;
    let result = &answer["result"];
    assert_eq!(result["capabilities"]["x-vendor"], json!({ "a": 1 }));
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "sealgate");
}

#[tokio::test]
async fn tools_whose_header_annotations_are_not_valid_are_left_out() {
    let backend = Backend::start(modern(|asked| {
        let tool = |name: &str, header: &str| {
            let region = json!({ "type": "string", "x-mcp-header": header });
            let schema = json!({ "type": "object", "properties": { "region": region } });
            json!({ "name": name, "inputSchema": schema })
        };
        Reply::result(
            asked,
            json!({ "tools": [tool("good", "Region"), tool("bad", "not a token")] }),
        )
    }))
    .await;
    let (single, several) = (
        House::over(&backend, "modern").await,
        House::over_all(&[("a", &backend, "modern"), ("b", &backend, "modern")]).await,
    );
    let names = |answer: &Value| -> Vec<String> {
        let tools = answer["result"]["tools"].as_array().unwrap().iter();
        tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    let message = request(json!(1), "tools/list", json!({}));
    assert_eq!(names(&single.ask(&message).await.json().await), ["good"]);
    assert_eq!(names(&several.ask(&message).await.json().await), ["a__good", "b__good"]);
    let (session, _) = single.initialize(json!({})).await;
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    assert_eq!(names(&single.say(&session, &message).await.json().await), ["good"]);
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_the_answer_ends_the_request() {
    let backend = Backend::start(modern(|_| Reply::Silence)).await;
    let house = House::over(&backend, "modern").await;
    let client = house.begin(&request(json!(1), "tools/call", json!({ "name": "t" }))).await;
    backend.wait_for("tools/call").await;
    drop(client);
    backend.hung_up().await;
}
