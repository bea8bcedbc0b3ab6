//! Error objects: the `error` of a response → code, message and data, and such a response itself.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::object::{Object, ObjectFault};

/// The `error` of a response.
#[derive(Clone, Debug)]
pub struct RpcError<'a> {
    /// The code; an absent one, or one that is no integer of 64 bits, is -32603.
    pub code: i64,
    /// What it says; empty if it says nothing.
    pub message: Cow<'a, str>,
    /// More, in any shape.
    pub data: Option<&'a RawValue>,
}

impl<'a> RpcError<'a> {
    /// Reads an error object.
    ///
    /// # Errors
    /// [`ObjectFault`] if it is no object, or a key stands twice.
    pub fn parse(error: &'a RawValue) -> Result<Self, ObjectFault> {
        let object = Object::parse(error.get())?;
        let code = object.get("code").and_then(|code| code.get().parse().ok());
        Ok(Self {
            code: code.unwrap_or(crate::code::INTERNAL_ERROR),
            message: object.text("message").map(|text| text.value).unwrap_or_default(),
            data: object.get("data"),
        })
    }
}

/// A response with an error. Without an `id` there is no such member, as MCP wants it where the
/// request's could not be read; `data` is raw JSON.
pub fn response(id: Option<&RawValue>, code: i64, message: &str, data: Option<&str>) -> String {
    let message = serde_json::Value::from(message);
    let id = id.map(|id| format!(r#""id":{},"#, id.get())).unwrap_or_default();
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":{code},"message":{message}{data}}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Envelope;

    #[test]
    fn an_error_that_is_written_reads_back() {
        let id: &RawValue = serde_json::from_str("7").unwrap();
        let text = response(Some(id), -32022, "no \"such\"", Some(r#"{"supported":[]}"#));
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        let error = RpcError::parse(envelope.error.unwrap()).unwrap();
        assert_eq!((error.code, &*error.message), (-32022, "no \"such\""));
        assert_eq!(error.data.unwrap().get(), r#"{"supported":[]}"#);
        assert!(!response(None, 1, "", None).contains("\"id\""));
    }
}
