use std::sync::Arc;

use super::*;

fn json(failure: &Failure, id: Option<&str>) -> serde_json::Value {
    serde_json::from_slice(&respond::body(failure, id)).unwrap()
}

#[test]
fn an_error_echoes_the_id_as_the_client_wrote_it() {
    let id = "123456789012345678901234567890";
    let body = respond::body(&Failure::NoSession, Some(id));
    assert!(std::str::from_utf8(&body).unwrap().contains(&format!("\"id\":{id},")));
}

#[test]
fn an_error_without_a_readable_id_has_none() {
    assert!(json(&Failure::NoSession, None).get("id").is_none());
}

#[test]
fn a_backend_failure_names_the_backend_and_the_reason() {
    let name: Arc<str> = "orders".into();
    let value = json(&BackendError::AcceptedRequest.of(&name).into(), Some("1"));
    assert_eq!(value["error"]["data"]["backend"], "orders");
    assert_eq!(value["error"]["data"]["reason"], "backend_accepted_request");
    assert_eq!(value["error"]["code"], -32603);
}

#[test]
fn an_unknown_session_is_404_so_that_clients_initialize_again() {
    assert_eq!(Failure::UnknownSession(SessionFault::Expired).status(), 404);
}
