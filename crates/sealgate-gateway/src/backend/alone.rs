//! Enters: a backend's request that no client can be asked, because the gateway itself made the
//! call, or the client takes no event stream. Leaves: the answer to it, so that the backend does
//! not wait for ever.

use sealgate_mcp::code;
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::method::Method;
use serde_json::json;

use super::Exchange;

impl Exchange {
    /// Answers `data` if it is a request; tells whether it was one.
    pub(crate) fn answer_alone(&self, data: &[u8]) -> bool {
        let Ok(message) = Envelope::parse_reply(data) else { return false };
        let (Kind::Request, Some(id)) = (message.kind(), message.id) else { return false };
        let answer = answer(id.get(), message.method.as_deref().unwrap_or_default());
        self.tell_later(answer);
        true
    }

    /// Sends an answer to a backend's request. Not waited for: the backend may read it only once
    /// it has sent what follows.
    pub(super) fn tell_later(&self, answer: String) {
        let exchange = self.clone();
        tokio::spawn(async move {
            if let Err(error) = exchange.tell(answer.into()).await {
                let backend = &exchange.backend().name;
                tracing::debug!(%backend, %error, "answer to a backend's request not delivered");
            }
        });
    }
}

/// `ping` is always answered (MCP, ping); everything else is for clients.
fn answer(id: &str, method: &str) -> String {
    let outcome = if Method::parse(method) == Method::Ping {
        r#""result":{}"#.to_owned()
    } else {
        let message = format!(
            "the client cannot be asked for {} during this request",
            method.chars().take(100).collect::<String>()
        );
        let error = json!({ "code": code::METHOD_NOT_FOUND, "message": message });
        format!(r#""error":{error}"#)
    };
    format!(r#"{{"jsonrpc":"2.0","id":{id},{outcome}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_answered_and_everything_else_refused() {
        assert_eq!(answer("\"p\"", "ping"), r#"{"jsonrpc":"2.0","id":"p","result":{}}"#);
        let refused: serde_json::Value = serde_json::from_str(&answer("7", "roots/list")).unwrap();
        assert_eq!(refused["id"], 7);
        assert_eq!(refused["error"]["code"], -32601);
    }
}
