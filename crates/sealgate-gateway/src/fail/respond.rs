//! Enters: a failure and the id of the request that it answers. Leaves: the HTTP response.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use sealgate_mcp::code;
use serde_json::json;

use super::{BackendError, Failure};
use crate::reply::ReplyBody;

/// The answer to a request that failed. `id` is the client's, as it wrote it; without one the
/// error names no request (JSON-RPC 2.0 section 5).
pub(crate) fn respond(failure: &Failure, id: Option<&str>) -> http::Response<ReplyBody> {
    let mut response = http::Response::new(ReplyBody::full(body(failure, id)));
    *response.status_mut() = failure.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match failure {
        Failure::MethodNotAllowed(_) => {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
        }
        Failure::Backend(failure) => {
            if let Some(seconds) = failure.error.retry_after() {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
        }
        _ => {}
    }
    response
}

/// The HTTP status that the modern era ties to a JSON-RPC error code, if it does.
pub(crate) fn status_of(error: i64) -> Option<http::StatusCode> {
    match error {
        code::METHOD_NOT_FOUND => Some(http::StatusCode::NOT_FOUND),
        error if code::is_modern(error) => Some(http::StatusCode::BAD_REQUEST),
        _ => None,
    }
}

/// The JSON-RPC error object, whole.
pub(crate) fn body(failure: &Failure, id: Option<&str>) -> Bytes {
    let mut data = json!({ "reason": failure.reason() });
    if let Some(remedy) = failure.remedy() {
        data["remedy"] = remedy.into();
    }
    match failure {
        Failure::Backend(failure) => {
            data["backend"] = (*failure.backend).into();
            say_more(&failure.error, &mut data);
        }
        Failure::MissingCapability { required } => {
            data["requiredCapabilities"] = serde_json::from_str(required).unwrap_or_default();
        }
        Failure::Modern(fault) => {
            let said = fault.data().and_then(|data| serde_json::from_str(&data).ok());
            if let (Some(serde_json::Value::Object(said)), Some(data)) =
                (said, data.as_object_mut())
            {
                data.extend(said);
            }
        }
        Failure::AllBackendsFailed { failures, .. } => {
            data["backends"] = failures
                .iter()
                .map(|failure| {
                    let mut entry = json!({
                        "backend": &*failure.backend,
                        "reason": failure.error.reason(),
                        "message": failure.error.to_string(),
                        "remedy": failure.error.remedy(),
                    });
                    say_more(&failure.error, &mut entry);
                    entry
                })
                .collect();
        }
        _ => {}
    }
    let error = json!({ "code": failure.code(), "message": failure.to_string(), "data": data });
    // The id goes in as the client wrote it: a number too large for f64 must come back whole.
    match id {
        Some(id) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into(),
        None => format!(r#"{{"jsonrpc":"2.0","error":{error}}}"#).into(),
    }
}

/// What some failures can be told apart by, and when to try again.
fn say_more(error: &BackendError, data: &mut serde_json::Value) {
    if let Some(aws) = error.aws() {
        data["aws"] = aws;
    }
    if let Some(seconds) = error.retry_after() {
        data["retryAfter"] = seconds.into();
    }
}
