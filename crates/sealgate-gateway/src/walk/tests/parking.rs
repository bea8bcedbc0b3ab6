use super::modern_to_legacy::{asking_aside, rooted};
use super::*;

const QUESTION: &str = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"mode":"form","message":"name?","requestedSchema":{},"_meta":{"progressToken":3,"v":1}}}"#;

/// A legacy backend that asks in the middle of each call and ends it when it is answered.
async fn asking() -> Backend {
    let answered = std::sync::Arc::new(tokio::sync::Notify::new());
    let told = std::sync::Arc::clone(&answered);
    Backend::start(move |asked| match asked.method() {
        "tools/call" => {
            let done = json!({ "content": [{ "type": "text", "text": "done" }] });
            let answer = json!({ "jsonrpc": "2.0", "id": asked.body["id"], "result": done });
            let question = serde_json::from_str(QUESTION).unwrap();
            Reply::Then(vec![question], std::sync::Arc::clone(&answered), answer)
        }
        "response" => {
            told.notify_one();
            Reply::Status(202, String::new())
        }
        _ => legacy(|body| Reply::to(body, json!({})))(asked),
    })
    .await
}

fn call(extra: Value) -> Value {
    let mut params = json!({
        "name": "t", "arguments": { "a": 1 }, "_meta": meta(json!({ "elicitation": {} })),
    });
    for (key, value) in extra.as_object().unwrap() {
        params[key] = value.clone();
    }
    request(json!(1), "tools/call", params)
}

async fn parked(house: &House) -> Value {
    let answer = house.ask(&call(json!({}))).await;
    assert_eq!(answer.status, 200);
    let result = answer.json().await["result"].clone();
    assert_eq!(result["resultType"], "input_required");
    let asked = &result["inputRequests"]["q0"];
    assert_eq!(
        (&asked["method"], &asked["params"]["message"]),
        (&json!("elicitation/create"), &json!("name?"))
    );
    assert_eq!(asked["params"]["_meta"], json!({ "v": 1 }));
    result["requestState"].clone()
}

#[tokio::test]
async fn a_parked_call_goes_on_with_the_clients_answer_and_runs_once() {
    let backend = asking().await;
    let house = House::parking(&backend).await;
    let state = parked(&house).await;
    let accepted = json!({ "action": "accept", "content": { "name": "Ada" } });
    let retry =
        call(json!({ "requestState": state, "inputResponses": { "q0": accepted, "x": 1 } }));
    let answer = house.ask(&retry).await.json().await;
    assert_eq!(answer["result"]["content"][0]["text"], "done");
    assert_eq!((&answer["result"]["resultType"], &answer["id"]), (&json!("complete"), &json!(1)));
    let response = backend.wait_for("response").await;
    assert_eq!(response.body, json!({ "jsonrpc": "2.0", "id": "q", "result": accepted }));
    assert_eq!(backend.asked("tools/call").len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_missing_is_asked_for_again() {
    let backend = asking().await;
    let house = House::parking(&backend).await;
    let state = parked(&house).await;
    let retry = call(json!({ "requestState": state, "inputResponses": { "other": {} } }));
    let again = house.ask(&retry).await.json().await["result"].clone();
    assert_eq!(again["resultType"], "input_required");
    assert_ne!(again["requestState"], state);
    let answers = json!({ "q0": { "action": "cancel" } });
    let retry = call(json!({ "requestState": again["requestState"], "inputResponses": answers }));
    assert_eq!(house.ask(&retry).await.json().await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn a_state_holds_for_its_own_call_once() {
    let backend = asking().await;
    let house = House::parking(&backend).await;
    let state = parked(&house).await;
    let answers = json!({ "q0": { "action": "cancel" } });
    let mut other = call(json!({ "requestState": state, "inputResponses": answers }));
    other["params"]["arguments"]["a"] = json!(2);
    assert_eq!(house.ask(&other).await.json().await["error"]["code"], -32602);
    let text = state.as_str().unwrap();
    let tampered = call(json!({ "requestState": format!("{text}x"), "inputResponses": answers }));
    assert_eq!(house.ask(&tampered).await.json().await["error"]["code"], -32602);
    let retry = call(json!({ "requestState": state, "inputResponses": answers }));
    assert_eq!(house.ask(&retry).await.json().await["result"]["resultType"], "complete");
    assert_eq!(house.ask(&retry).await.json().await["error"]["code"], -32602);
}

#[tokio::test]
async fn what_the_client_did_not_declare_is_refused_all_the_same() {
    let backend = asking().await;
    let house = House::parking(&backend).await;
    let mut message = call(json!({}));
    message["params"]["_meta"] = meta(json!({}));
    let answer = house.ask(&message).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json().await["error"]["code"], -32021);
}

#[tokio::test]
async fn a_question_on_the_sessions_own_stream_parks_the_call_that_runs_there() {
    let backend = asking_aside().await;
    let house = House::parking(&backend).await;
    let asked = house.ask(&rooted(json!({}))).await.json().await["result"].clone();
    assert_eq!(asked["resultType"], "input_required");
    assert_eq!(asked["inputRequests"]["q0"]["method"], "roots/list");
    let roots = json!({ "roots": [] });
    let state = json!({ "requestState": asked["requestState"], "inputResponses": { "q0": roots } });
    let answer = house.ask(&rooted(state)).await.json().await;
    assert_eq!(answer["result"]["content"][0]["text"], "done");
    let response = backend.wait_for("response").await;
    assert_eq!(response.body, json!({ "jsonrpc": "2.0", "id": "q", "result": roots }));
    assert_eq!(backend.asked("tools/call").len(), 1);
}

#[tokio::test]
async fn calls_that_may_be_parked_have_a_session_each_while_they_run() {
    let backend = asking().await;
    let house = House::parking(&backend).await;
    let first = parked(&house).await;
    let second = parked(&house).await;
    assert_ne!(first, second);
    assert_eq!(backend.asked("initialize").len(), 2);
    let answers = json!({ "q0": { "action": "cancel" } });
    let retry = call(json!({ "requestState": first, "inputResponses": answers }));
    assert_eq!(house.ask(&retry).await.json().await["result"]["resultType"], "complete");
    // The first one's session is free again.
    parked(&house).await;
    assert_eq!(backend.asked("initialize").len(), 2);
}
