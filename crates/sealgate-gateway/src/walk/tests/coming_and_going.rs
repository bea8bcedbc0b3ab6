use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::*;

const TOOLS: &str = "notifications/tools/list_changed";
const LOG: &str = "notifications/message";

fn notification(method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": method })
}

/// A legacy backend whose event stream says `first` and, once notified, `last`.
async fn saying(first: &[&str], go: &Arc<Notify>, last: &'static str) -> Backend {
    let first: Vec<_> = first.iter().map(|method| notification(method)).collect();
    let go = Arc::clone(go);
    Backend::start(move |asked| match asked.method() {
        "GET" => Reply::Then(first.clone(), Arc::clone(&go), notification(last)),
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await
}

async fn quiet() -> Backend {
    Backend::start(|asked| match asked.method() {
        "GET" => Reply::Open(Vec::new()),
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await
}

/// The legacy stream of a session.
async fn stream(house: &House, session: &str) -> Answer {
    house.send("GET", &[("Mcp-Session-Id", session)], "").await
}

/// A modern stream, of which the client was told that it stands.
async fn listening(house: &House) -> Answer {
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let mut answer = house.ask(&request(json!(3), "subscriptions/listen", filter)).await;
    let acknowledged = answer.event().await.unwrap();
    assert_eq!(acknowledged["params"]["notifications"], json!({ "toolsListChanged": true }));
    answer
}

async fn methods(stream: &mut Answer, count: usize) -> Vec<String> {
    let mut methods = Vec::new();
    for _ in 0..count {
        let event = stream.event().await.expect("the stream has ended");
        methods.push(event["method"].as_str().unwrap().to_owned());
    }
    methods
}

#[tokio::test]
async fn a_backend_that_a_reload_adds_is_heard_on_open_streams_and_one_that_goes_is_not() {
    let (go, old) = (Arc::new(Notify::new()), quiet().await);
    let new = saying(&[], &go, LOG).await;
    let house = House::over_all(&[("a", &old, "legacy")]).await;
    let (session, _) = house.initialize(json!({})).await;
    let mut stream = stream(&house, &session).await;
    old.wait_for("GET").await;

    house.reload(&[("a", &old, "legacy"), ("b", &new, "legacy")]).await;
    assert_eq!(stream.event().await.unwrap()["method"], TOOLS);
    assert_eq!(methods(&mut stream, 1).await, ["notifications/resources/list_changed"]);
    new.wait_for("GET").await;
    go.notify_one();
    assert_eq!(methods(&mut stream, 1).await, [LOG]);

    house.reload(&[("b", &new, "legacy")]).await;
    old.hung_up().await;
    assert_eq!(stream.event().await.unwrap()["method"], TOOLS);
}

#[tokio::test]
async fn a_modern_stream_stands_while_backends_of_any_era_come_and_go() {
    let (go, old) = (Arc::new(Notify::new()), quiet().await);
    let new = saying(&[], &go, TOOLS).await;
    let house = House::over_all(&[("a", &old, "legacy")]).await;
    let mut stream = listening(&house).await;
    old.wait_for("GET").await;

    house.reload(&[("a", &old, "legacy"), ("b", &new, "legacy")]).await;
    assert_eq!(methods(&mut stream, 1).await, [TOOLS]);
    new.wait_for("GET").await;
    go.notify_one();
    assert_eq!(methods(&mut stream, 1).await, [TOOLS]);

    let modern = Backend::start(modern(|asked| {
        let acknowledged = json!({
            "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": { "notifications": asked.body["params"]["notifications"] },
        });
        Reply::Open(vec![acknowledged])
    }))
    .await;
    house.reload(&[("c", &modern, "modern")]).await;
    assert_eq!(methods(&mut stream, 1).await, [TOOLS]);
    modern.wait_for("subscriptions/listen").await;
    house.reload(&[("a", &old, "legacy")]).await;
    assert_eq!(methods(&mut stream, 1).await, [TOOLS]);
    modern.hung_up().await;
}

#[tokio::test]
async fn a_list_that_changes_several_times_in_a_row_is_told_of_once_in_either_era() {
    for is_modern in [false, true] {
        let go = Arc::new(Notify::new());
        let backend = saying(&[TOOLS, TOOLS, TOOLS], &go, TOOLS).await;
        let house = House::over_all(&[("a", &backend, "legacy")]).await;
        let (session, _) = house.initialize(json!({})).await;
        let mut stream = match is_modern {
            true => listening(&house).await,
            false => stream(&house, &session).await,
        };
        assert_eq!(methods(&mut stream, 1).await, [TOOLS]);
        // The next one is the last one.
        go.notify_one();
        assert_eq!(methods(&mut stream, 1).await, [TOOLS]);
    }
}

#[tokio::test]
async fn a_backend_that_was_away_at_the_start_joins_the_stream_when_it_is_there() {
    let (is_there, go) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let (switch, later) = (Arc::clone(&is_there), Arc::clone(&go));
    let late = Backend::start(move |asked| match asked.method() {
        _ if !switch.load(Ordering::SeqCst) => Reply::Status(503, String::new()),
        "GET" => Reply::Then(Vec::new(), Arc::clone(&later), notification(LOG)),
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await;
    let old = quiet().await;
    let house = House::over_all(&[("a", &old, "legacy"), ("b", &late, "legacy")]).await;
    let (session, _) = house.initialize(json!({})).await;
    let mut stream = stream(&house, &session).await;
    is_there.store(true, Ordering::SeqCst);
    // Its tools are news to the client.
    assert_eq!(methods(&mut stream, 1).await, [TOOLS]);
    assert_eq!(methods(&mut stream, 1).await, ["notifications/resources/list_changed"]);
    late.wait_for("GET").await;
    go.notify_one();
    assert_eq!(methods(&mut stream, 1).await, [LOG]);
}

#[tokio::test]
async fn the_gateway_declares_that_it_tells_of_changed_lists() {
    let plain = || async {
        Backend::start(|asked| match asked.method() {
            "initialize" => {
                let mut said = initialized();
                said["capabilities"] = json!({ "tools": {}, "logging": {} });
                Reply::result(asked, said).in_session("s1")
            }
            _ => legacy(|body| Reply::to(body, json!({})))(asked),
        })
        .await
    };
    let (one, two) = (plain().await, plain().await);
    let expected = json!({ "tools": { "listChanged": true }, "logging": {} });
    for house in [
        House::over(&one, "legacy").await,
        House::over_all(&[("a", &one, "legacy"), ("b", &two, "legacy")]).await,
    ] {
        let (_, said) = house.initialize(json!({})).await;
        assert_eq!(said["result"]["capabilities"], expected);
        let said = house.ask(&request(json!(1), "server/discover", json!({}))).await.json().await;
        assert_eq!(said["result"]["capabilities"], expected);
        // And keeps its word: the acknowledgement says so.
        listening(&house).await;
    }
}
