use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const PUBLIC: (u64, &str) = (60_000, "public");

/// A modern backend whose list of tools is `pages` pages of one tool, each named by its number.
async fn paged(pages: usize, (ttl, scope): (u64, &'static str)) -> Backend {
    Backend::start(modern(move |asked| {
        let cursor = asked.body["params"]["cursor"].as_str().unwrap_or("0");
        let number: usize = cursor.parse().unwrap();
        let mut result = page(&[&format!("t{number}")]);
        result["resultType"] = json!("complete");
        (result["ttlMs"], result["cacheScope"]) = (json!(ttl), json!(scope));
        if number + 1 < pages {
            result["nextCursor"] = json!((number + 1).to_string());
        }
        Reply::result(asked, result)
    }))
    .await
}

/// A legacy backend with one tool.
async fn old(tool: &'static str) -> Backend {
    Backend::start(move |asked| match asked.method() {
        "tools/list" => Reply::result(asked, page(&[tool])),
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await
}

fn page(tools: &[&str]) -> Value {
    let tools: Vec<_> =
        tools.iter().map(|name| json!({ "name": name, "inputSchema": {} })).collect();
    json!({ "tools": tools })
}

fn list(params: Value) -> Value {
    request(json!(1), "tools/list", params)
}

fn legacy_list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })
}

fn names(result: &Value) -> Vec<&str> {
    let tools = result["tools"].as_array().unwrap_or_else(|| panic!("{result}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

async fn listed(house: &House, params: Value) -> Value {
    house.ask(&list(params)).await.json().await["result"].clone()
}

#[tokio::test]
async fn a_list_that_holds_is_asked_for_once_on_any_route_and_by_clients_of_any_era() {
    for is_single in [true, false] {
        let (one, two) = (paged(1, PUBLIC).await, paged(1, (50_000, "public")).await);
        let house = match is_single {
            true => House::over(&one, "modern").await,
            false => House::over_all(&[("a", &one, "modern"), ("b", &two, "modern")]).await,
        };
        for _ in 0..3 {
            let result = listed(&house, json!({})).await;
            let expected: &[&str] = if is_single { &["t0"] } else { &["a__t0", "b__t0"] };
            assert_eq!(names(&result), expected);
            assert_eq!(result["resultType"], "complete");
            assert_eq!(result["cacheScope"], "public");
            let most = if is_single { 60_000 } else { 50_000 };
            assert!((1..=most).contains(&result["ttlMs"].as_u64().unwrap()), "{result}");
        }
        let (session, _) = house.initialize(json!({})).await;
        let result = house.say(&session, &legacy_list()).await.json().await["result"].clone();
        assert_eq!(names(&result).len(), if is_single { 1 } else { 2 });
        assert!(result.get("ttlMs").is_none() && result.get("resultType").is_none(), "{result}");
        assert_eq!(one.asked("tools/list").len(), 1);
    }
}

#[tokio::test]
async fn hints_of_several_backends_are_the_most_restrictive() {
    let (one, two) = (paged(1, PUBLIC).await, paged(1, (90_000, "private")).await);
    let house = House::over_all(&[("a", &one, "modern"), ("b", &two, "modern")]).await;
    let result = listed(&house, json!({})).await;
    assert_eq!(result["cacheScope"], "private");
    assert!(result["ttlMs"].as_u64().unwrap() <= 60_000);
    let old = old("t").await;
    let house = House::over_all(&[("a", &one, "modern"), ("b", &old, "legacy")]).await;
    let result = listed(&house, json!({})).await;
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
}

#[tokio::test]
async fn a_backend_without_hints_is_asked_each_time_unless_configured() {
    let expected = [
        ("legacy", 3),
        ("legacy, sealgate.dev/list-cache: 60s", 2),
        ("legacy, sealgate.dev/list-cache: 60s public", 1),
    ];
    for (settings, times) in expected {
        for is_single in [true, false] {
            let backend = old("t").await;
            let house = match is_single {
                true => House::over(&backend, settings).await,
                false => House::over_all(&[("a", &backend, settings)]).await,
            };
            let (one, _) = house.initialize(json!({})).await;
            let (two, _) = house.initialize(json!({})).await;
            for session in [&one, &one, &two] {
                let result = house.say(session, &legacy_list()).await.json().await;
                assert_eq!(names(&result["result"]).len(), 1, "{result}");
            }
            assert_eq!(backend.asked("tools/list").len(), times, "{settings} {is_single}");
        }
    }
}

#[tokio::test]
async fn a_modern_client_is_told_how_long_a_legacy_backends_list_is_kept() {
    let backend = old("t").await;
    let house = House::over(&backend, "legacy, sealgate.dev/list-cache: 60s public").await;
    for _ in 0..2 {
        let result = listed(&house, json!({})).await;
        assert_eq!(names(&result), ["t"]);
        assert_eq!(result["cacheScope"], "public");
        assert!((1..=60_000).contains(&result["ttlMs"].as_u64().unwrap()));
    }
    assert_eq!(backend.asked("tools/list").len(), 1);
}

#[tokio::test]
async fn a_list_that_a_backend_says_has_changed_is_asked_for_again() {
    let changed = json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" });
    let go = std::sync::Arc::new(tokio::sync::Notify::new());
    let later = std::sync::Arc::clone(&go);
    let backend = Backend::start(move |asked| match asked.method() {
        "GET" => Reply::Then(Vec::new(), std::sync::Arc::clone(&later), changed.clone()),
        "tools/list" => Reply::result(asked, page(&["t"])),
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await;
    let house = House::over(&backend, "legacy, sealgate.dev/list-cache: 60s public").await;
    let (session, _) = house.initialize(json!({})).await;
    let mut stream = house.send("GET", &[("Mcp-Session-Id", session.as_str())], "").await;
    for _ in 0..2 {
        house.say(&session, &legacy_list()).await.json().await;
    }
    assert_eq!(backend.asked("tools/list").len(), 1);
    go.notify_one();
    assert_eq!(stream.event().await.unwrap()["method"], "notifications/tools/list_changed");
    house.say(&session, &legacy_list()).await.json().await;
    assert_eq!(backend.asked("tools/list").len(), 2);
}

#[tokio::test]
async fn no_page_of_a_long_list_is_lost() {
    let (long, short) = (paged(150, (0, "private")).await, paged(3, (0, "private")).await);
    let house = House::over_all(&[("a", &long, "modern"), ("b", &short, "modern")]).await;
    let (mut found, mut params, mut answers) = (Vec::new(), json!({}), 0);
    loop {
        let result = listed(&house, params).await;
        found.extend(names(&result).into_iter().map(str::to_owned));
        answers += 1;
        match result.get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => break,
        }
    }
    let expected = (0..150).map(|n| format!("a__t{n}")).chain((0..3).map(|n| format!("b__t{n}")));
    let mut expected: Vec<_> = expected.collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(answers, 3);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_route_only() {
    let long = paged(70, (0, "private")).await;
    let house = House::over_all(&[("a", &long, "modern")]).await;
    let cursor = listed(&house, json!({})).await["nextCursor"].clone();
    let stranger = House::over_all(&[("a", &long, "modern")]).await;
    for (house, method, cursor) in [
        (&house, "tools/list", json!("0")),
        (&house, "tools/list", json!("")),
        (&house, "prompts/list", cursor.clone()),
        (&stranger, "tools/list", cursor.clone()),
    ] {
        let answer =
            house.ask(&request(json!(1), method, json!({ "cursor": cursor }))).await.json().await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains("invalid cursor"), "{said}");
    }
    let more = listed(&house, json!({ "cursor": cursor })).await;
    assert_eq!(names(&more).len(), 6);
}

#[tokio::test]
async fn a_list_that_leads_back_to_itself_is_told_of_and_ended() {
    let backend = Backend::start(modern(|asked| {
        let mut result = page(&["t"]);
        result["nextCursor"] = json!("again");
        Reply::result(asked, result)
    }))
    .await;
    let house = House::over_all(&[("a", &backend, "modern")]).await;
    let result = listed(&house, json!({})).await;
    assert!(result.get("nextCursor").is_none());
    assert_eq!(names(&result), ["a__t", "a__t"]);
    let said = &result["_meta"]["sealgate.dev/unavailable"][0];
    assert_eq!((&said["backend"], &said["partial"]), (&json!("a"), &json!(true)));
    assert!(said["error"].as_str().unwrap().contains("never end"), "{said}");
}

/// A backend that can be switched off; then it answers like a proxy whose server is away.
async fn switched(is_on: &std::sync::Arc<AtomicBool>) -> Backend {
    let is_on = std::sync::Arc::clone(is_on);
    Backend::start(modern(move |asked| match is_on.load(Ordering::SeqCst) {
        true => Reply::result(asked, page(&["t"])),
        false => Reply::Status(503, String::new()),
    }))
    .await
}

#[tokio::test]
async fn tools_of_a_backend_that_is_down_keep_their_place_for_a_while() {
    let is_on = std::sync::Arc::new(AtomicBool::new(true));
    let (one, two) = (switched(&is_on).await, paged(1, (0, "private")).await);
    let house = House::over_all(&[("a", &one, "modern"), ("b", &two, "modern")]).await;
    assert_eq!(names(&listed(&house, json!({})).await), ["a__t", "b__t0"]);
    is_on.store(false, Ordering::SeqCst);
    let result = listed(&house, json!({})).await;
    assert_eq!(names(&result), ["a__t", "b__t0"]);
    let said = &result["_meta"]["sealgate.dev/unavailable"][0];
    assert_eq!((&said["backend"], &said["kept"]), (&json!("a"), &json!(true)));
    assert_eq!(result["ttlMs"], 0);
    is_on.store(true, Ordering::SeqCst);
    let result = listed(&house, json!({})).await;
    assert!(result.get("_meta").is_none(), "{result}");
}

#[tokio::test]
async fn without_grace_they_vanish_at_once() {
    let is_on = std::sync::Arc::new(AtomicBool::new(true));
    let (one, two) = (switched(&is_on).await, paged(1, (0, "private")).await);
    let settings = "modern, sealgate.dev/list-grace: 0s";
    let house = House::over_all(&[("a", &one, settings), ("b", &two, "modern")]).await;
    listed(&house, json!({})).await;
    is_on.store(false, Ordering::SeqCst);
    let result = listed(&house, json!({})).await;
    assert_eq!(names(&result), ["b__t0"]);
    assert!(result["_meta"]["sealgate.dev/unavailable"][0].get("kept").is_none());
}

#[tokio::test]
async fn a_backend_that_refuses_is_not_taken_for_one_that_is_away() {
    let is_on = std::sync::Arc::new(AtomicBool::new(true));
    let switch = std::sync::Arc::clone(&is_on);
    let refusing = Backend::start(modern(move |asked| match switch.load(Ordering::SeqCst) {
        true => Reply::result(asked, page(&["t"])),
        false => Reply::Status(403, String::new()),
    }))
    .await;
    let other = paged(1, (0, "private")).await;
    let house = House::over_all(&[("a", &refusing, "modern"), ("b", &other, "modern")]).await;
    listed(&house, json!({})).await;
    is_on.store(false, Ordering::SeqCst);
    assert_eq!(names(&listed(&house, json!({})).await), ["b__t0"]);
}
