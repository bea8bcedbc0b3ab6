//! Enters: a question that a legacy backend asks a modern client. Leaves: whether that client can
//! be asked it at all, and the answer where it cannot be asked now.

use sealgate_mcp::code;
use sealgate_mcp::method::Method;
use sealgate_mcp::object::Object;

use crate::fail::Failure;

/// What a server may ask its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    Elicitation,
    Roots,
    Sampling,
}

/// What becomes of a question that a legacy backend asks in the middle of a call.
pub(crate) struct Refusal {
    /// For the backend.
    pub(crate) answer: String,
    /// For the client, where the call ends with it.
    pub(crate) failure: Option<Failure>,
}

impl Asks {
    /// All of it.
    const ALL: [Self; 3] = [Self::Elicitation, Self::Roots, Self::Sampling];

    /// What this method asks, if it asks anything.
    pub(crate) fn of(method: &str) -> Option<Self> {
        match Method::parse(method) {
            Method::ElicitationCreate => Some(Self::Elicitation),
            Method::RootsList => Some(Self::Roots),
            Method::SamplingCreateMessage => Some(Self::Sampling),
            _ => None,
        }
    }

    /// Whether a client with these capabilities can be asked anything.
    pub(crate) fn any(capabilities: &str) -> bool {
        Self::ALL.iter().any(|asks| asks.is_declared(capabilities))
    }

    /// Whether a client with these capabilities can be asked this.
    pub(crate) fn is_declared(self, capabilities: &str) -> bool {
        let key = match self {
            Self::Elicitation => "elicitation",
            Self::Roots => "roots",
            Self::Sampling => "sampling",
        };
        Object::parse(capabilities).is_ok_and(|all| all.get(key).is_some())
    }

    /// The ClientCapabilities that this needs, raw JSON.
    fn required(self) -> &'static str {
        match self {
            Self::Elicitation => r#"{"elicitation":{}}"#,
            Self::Roots => r#"{"roots":{}}"#,
            Self::Sampling => r#"{"sampling":{}}"#,
        }
    }
}

/// Answers a question to a modern client with these capabilities, which cannot be asked it now.
pub(crate) fn refuse(capabilities: &str, id: &str, method: &str, backend: &str) -> Refusal {
    let Some(asks) = Asks::of(method) else {
        let answer = match Method::parse(method) {
            Method::Ping => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
            _ => refused(id, code::METHOD_NOT_FOUND, "Method not found"),
        };
        return Refusal { answer, failure: None };
    };
    match asks.is_declared(capabilities) {
        false => Refusal {
            answer: refused(id, code::METHOD_NOT_FOUND, "the client does not offer this"),
            failure: Some(Failure::MissingCapability { required: asks.required() }),
        },
        true => Refusal {
            answer: refused(
                id,
                code::INTERNAL_ERROR,
                "the client speaks an era in which it cannot be asked during a call",
            ),
            failure: Some(Failure::NeedsSession {
                backend: backend.to_owned(),
                method: method.chars().take(100).collect(),
            }),
        },
    }
}

fn refused(id: &str, code: i64, message: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#)
}
