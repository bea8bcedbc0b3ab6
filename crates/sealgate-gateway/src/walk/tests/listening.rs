use super::*;

const STAMP: &str = "io.modelcontextprotocol/subscriptionId";

/// A modern backend whose listen stream says these methods.
async fn talkative(methods: &'static [&'static str]) -> Backend {
    Backend::start(modern(move |asked| {
        let stamp = json!({ STAMP: asked.body["id"] });
        let mut messages = vec![json!({
            "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": { "_meta": stamp, "notifications": asked.body["params"]["notifications"] },
        })];
        messages.extend(methods.iter().map(|method| {
            let params = json!({ "uri": "a:b", "_meta": stamp });
            json!({ "jsonrpc": "2.0", "method": method, "params": params })
        }));
        Reply::Open(messages)
    }))
    .await
}

fn listen(id: Value, filter: Value) -> Value {
    request(id, "subscriptions/listen", json!({ "notifications": filter }))
}

#[tokio::test]
async fn the_acknowledgement_comes_first_and_only_what_was_asked_for_after_it() {
    let backend = talkative(&[
        "notifications/prompts/list_changed",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    ])
    .await;
    let house = House::over(&backend, "modern").await;
    let id = json!(1_795_395_723_000_i64);
    let mut answer = house.ask(&listen(id.clone(), json!({ "toolsListChanged": true }))).await;
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let first = answer.event().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["notifications"], json!({ "toolsListChanged": true }));
    assert_eq!(first["params"]["_meta"][STAMP], id);
    let second = answer.event().await.unwrap();
    assert_eq!(second["method"], "notifications/tools/list_changed");
    assert_eq!(second["params"]["_meta"][STAMP], id);
}

#[tokio::test]
async fn a_stamp_keeps_the_json_type_of_the_clients_id() {
    let backend = talkative(&["notifications/tools/list_changed"]).await;
    let house = House::over(&backend, "modern").await;
    let mut answer = house.ask(&listen(json!("l1"), json!({ "toolsListChanged": true }))).await;
    for _ in 0..2 {
        assert_eq!(answer.event().await.unwrap()["params"]["_meta"][STAMP], "l1");
    }
}

#[tokio::test]
async fn several_backends_feed_one_stream() {
    let one = talkative(&["notifications/tools/list_changed"]).await;
    let two = talkative(&["notifications/prompts/list_changed"]).await;
    let house = House::over_all(&[("a", &one, "modern"), ("b", &two, "modern")]).await;
    let filter = json!({ "toolsListChanged": true, "promptsListChanged": true });
    let mut answer = house.ask(&listen(json!(3), filter.clone())).await;
    assert_eq!(answer.event().await.unwrap()["params"]["notifications"], filter);
    let mut said = [
        answer.event().await.unwrap()["method"].clone(),
        answer.event().await.unwrap()["method"].clone(),
    ];
    said.sort_by_key(Value::to_string);
    assert_eq!(said, ["notifications/prompts/list_changed", "notifications/tools/list_changed"]);
}

#[tokio::test]
async fn a_client_that_stops_listening_ends_the_backends_stream() {
    let backend = talkative(&[]).await;
    let house = House::over(&backend, "modern").await;
    let mut answer = house.ask(&listen(json!(3), json!({ "toolsListChanged": true }))).await;
    assert!(answer.event().await.is_some());
    drop(answer);
    backend.hung_up().await;
}

#[tokio::test]
async fn a_feed_that_breaks_is_opened_again_and_what_was_missed_announced() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let backend = Backend::start(modern(move |asked| {
        let acknowledged = json!({
            "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": { "notifications": asked.body["params"]["notifications"] },
        });
        match first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            true => Reply::Events(vec![acknowledged]),
            false => Reply::Open(vec![acknowledged]),
        }
    }))
    .await;
    let house = House::over(&backend, "modern").await;
    let mut answer = house.ask(&listen(json!(3), json!({ "toolsListChanged": true }))).await;
    assert!(answer.event().await.is_some());
    assert_eq!(answer.event().await.unwrap()["method"], "notifications/tools/list_changed");
    assert_eq!(backend.asked("subscriptions/listen").len(), 2);
}

#[tokio::test]
async fn a_legacy_backends_stream_is_heard_through_its_session() {
    let backend = Backend::start(|asked| match asked.method() {
        "GET" => Reply::Open(vec![
            json!({ "jsonrpc": "2.0", "method": "notifications/prompts/list_changed" }),
            json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }),
        ]),
        "resources/subscribe" => Reply::result(asked, json!({})),
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await;
    let house = House::over(&backend, "legacy").await;
    let filter = json!({ "toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["a:b"] });
    let mut answer = house.ask(&listen(json!(3), filter)).await;
    let first = answer.event().await.unwrap();
    // The backend announces no changed prompts.
    let accepted = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:b"] });
    assert_eq!(first["params"]["notifications"], accepted);
    let watched = backend.wait_for("resources/subscribe").await;
    assert_eq!(watched.body["params"], json!({ "uri": "a:b" }));
}

#[tokio::test]
async fn a_backend_that_cannot_listen_says_so() {
    let backend =
        Backend::start(modern(|asked| Reply::error(asked, 404, -32601, "no listening here"))).await;
    let house = House::over(&backend, "modern").await;
    let answer = house.ask(&listen(json!(3), json!({ "toolsListChanged": true }))).await;
    assert_eq!(answer.status, 404);
    let error = &answer.json().await["error"];
    assert_eq!(error["code"], -32601);
}

#[tokio::test]
async fn a_legacy_clients_stream_is_fed_by_listening() {
    let backend = talkative(&["notifications/tools/list_changed"]).await;
    let house = House::over(&backend, "modern").await;
    let (session, _) = house.initialize(json!({})).await;
    let headers = [("Mcp-Session-Id", session.as_str())];
    let mut stream = house.send("GET", &headers, "").await;
    let said = stream.event().await.unwrap();
    assert_eq!(said["method"], "notifications/tools/list_changed");
    assert!(said["params"]["_meta"].get(STAMP).is_none());

    // Watching a resource opens the stream anew, with the resource in it.
    let watch = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": { "uri": "a:b" } });
    assert_eq!(house.say(&session, &watch).await.json().await["result"], json!({}));
    backend.wait_until("subscriptions/listen", 2).await;
    let asked = backend.asked("subscriptions/listen").pop().unwrap();
    assert_eq!(
        asked.body["params"]["notifications"],
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:b"] })
    );
}
