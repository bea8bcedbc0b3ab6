use super::*;

/// A backend that answers discovery with `probe`, and everything else as the legacy era does.
async fn probed(probe: impl Fn(&backend::Asked) -> Reply + Send + Sync + 'static) -> Backend {
    Backend::start(move |asked| match asked.method() {
        "server/discover" => probe(asked),
        _ => legacy(|body| Reply::to(body, json!({ "content": [] })))(asked),
    })
    .await
}

async fn call(house: &House) -> Answer {
    house.ask(&request(json!(1), "tools/call", json!({ "name": "t" }))).await
}

fn refusing(status: u16, code: i64, data: Value) -> impl Fn(&backend::Asked) -> Reply {
    move |asked| {
        let error = json!({ "code": code, "message": "no", "data": data });
        let message = json!({ "jsonrpc": "2.0", "id": asked.body["id"], "error": error });
        Reply::Status(status, message.to_string())
    }
}

#[tokio::test]
async fn whatever_is_no_modern_answer_makes_a_backend_legacy() {
    for (status, code) in [(404, -32601), (400, -32600), (200, -32601), (400, -32000)] {
        let backend = probed(refusing(status, code, Value::Null)).await;
        let house = House::over(&backend, "auto").await;
        assert_eq!(call(&house).await.status, 200, "{status} {code}");
        assert_eq!(backend.asked("initialize").len(), 1, "{status} {code}");
    }
    for status in [405, 406, 415, 422] {
        let backend = probed(move |_| Reply::Status(status, "no".to_owned())).await;
        let house = House::over(&backend, "auto").await;
        assert_eq!(call(&house).await.status, 200, "{status}");
        assert_eq!(backend.asked("initialize").len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_refused_version_is_judged_by_the_versions_that_are_offered() {
    let old = json!({ "supported": ["2025-11-25"], "requested": "2026-07-28" });
    let backend = probed(refusing(400, -32022, old)).await;
    let house = House::over(&backend, "auto").await;
    assert_eq!(call(&house).await.status, 200);
    assert_eq!(backend.asked("initialize").len(), 1);

    let newer = json!({ "supported": ["2026-07-28", "2027-01-01"], "requested": "x" });
    let backend = probed(refusing(400, -32022, newer)).await;
    let house = House::over(&backend, "auto").await;
    assert_eq!(call(&house).await.status, 200);
    assert!(backend.asked("initialize").is_empty());
}

#[tokio::test]
async fn an_ill_or_locked_backend_is_asked_again_next_time() {
    for status in [401, 403, 500, 503] {
        let backend = probed(move |_| Reply::Status(status, "wait".to_owned())).await;
        let house = House::over(&backend, "auto").await;
        for times in [1, 2] {
            let answer = call(&house).await;
            assert_eq!(answer.status, 200);
            let error = &answer.json().await["error"];
            assert_eq!(error["data"]["reason"], "backend_status", "{status}");
            assert_eq!(backend.asked("server/discover").len(), times);
        }
        assert!(backend.asked("initialize").is_empty());
    }
}

#[tokio::test]
async fn a_backend_with_both_eras_is_spoken_to_in_the_clients() {
    let backend = probed(|asked| Reply::result(asked, discovered())).await;
    let house = House::over(&backend, "auto").await;
    let (session, _) = house.initialize(json!({})).await;
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "t" } });
    assert_eq!(house.say(&session, &message).await.status, 200);
    assert_eq!(call(&house).await.status, 200);
    let asked = backend.asked("tools/call");
    assert_eq!(asked[0].header("mcp-session-id"), Some("s1"));
    assert_eq!(asked[0].header("mcp-method"), None);
    assert_eq!(asked[1].header("mcp-session-id"), None);
    assert_eq!(asked[1].header("mcp-method"), Some("tools/call"));
    assert_eq!(backend.asked("initialize").len(), 1);
}

#[tokio::test]
async fn a_pinned_era_is_not_asked_for() {
    let backend = probed(|asked| Reply::result(asked, discovered())).await;
    let house = House::over(&backend, "legacy").await;
    assert_eq!(call(&house).await.status, 200);
    assert!(backend.asked("server/discover").is_empty());
    let house = House::over(&backend, "modern").await;
    assert_eq!(call(&house).await.status, 200);
    assert!(backend.asked("server/discover").is_empty());
}

#[tokio::test]
async fn a_backend_that_becomes_a_legacy_one_is_found_out() {
    let old = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = std::sync::Arc::clone(&old);
    let backend = Backend::start(move |asked| {
        let refused = refusing(400, -32022, json!({ "supported": ["2025-11-25"] }));
        match (old.load(std::sync::atomic::Ordering::SeqCst), asked.method()) {
            (false, "server/discover") => Reply::result(asked, discovered()),
            (false, _) => Reply::result(asked, json!({ "content": [] })),
            (true, "server/discover") => refused(asked),
            (true, "tools/call") if asked.header("mcp-session-id").is_none() => refused(asked),
            (true, _) => legacy(|body| Reply::to(body, json!({ "content": [] })))(asked),
        }
    })
    .await;
    let house = House::over(&backend, "auto").await;
    assert_eq!(call(&house).await.status, 200);
    switch.store(true, std::sync::atomic::Ordering::SeqCst);
    // A refused version was not run, so that the same call can be sent again.
    let answer = call(&house).await;
    assert_eq!(answer.json().await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn an_initialize_answered_with_a_modern_version_makes_a_backend_modern() {
    let backend = Backend::start(|asked| match asked.method() {
        "server/discover" => Reply::result(asked, discovered()),
        "initialize" => {
            let mut result = initialized();
            result["protocolVersion"] = json!("2026-07-28");
            Reply::result(asked, result)
        }
        _ => Reply::result(asked, json!({ "resultType": "complete", "tools": [] })),
    })
    .await;
    let house = House::over(&backend, "auto").await;
    let (session, answer) = house.initialize(json!({})).await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    let message = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let answer = house.say(&session, &message).await.json().await;
    assert_eq!(answer["result"], json!({ "tools": [] }));
    assert_eq!(backend.asked("tools/list")[0].header("mcp-method"), Some("tools/list"));
}

#[tokio::test]
async fn a_modern_backend_that_refuses_the_version_once_is_asked_again() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let backend = Backend::start(move |asked| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            refusing(400, -32022, json!({ "supported": ["2026-07-28"] }))(asked)
        } else {
            Reply::result(asked, discovered())
        }
    })
    .await;
    let house = House::over(&backend, "modern").await;
    let (_, answer) = house.initialize(json!({})).await;
    assert_eq!(answer["result"]["instructions"], "read me");
    assert_eq!(backend.asked("server/discover").len(), 2);
}
