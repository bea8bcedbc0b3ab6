//! Enters: a method of the protocol, or the HTTP verbs beside it. Leaves: one of a closed set of
//! labels, so that no caller can grow the metrics.

use sealgate_mcp::method::Method;

/// What a request is for, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation(u8);

/// How a request ended, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Answered with a result, or accepted.
    Success,
    /// Answered with a result that says `isError: true`.
    ToolError,
    /// Answered with a backend's JSON-RPC error.
    RpcError,
    /// Refused by the gateway: a bad request, no permission, no such session.
    Refused,
    /// No answer from a backend, or the gateway's own failure.
    Failed,
    /// The client went away first.
    Cancelled,
}

macro_rules! operations {
    ($($method:ident,)+) => {
        const LABELS: &[&str] = &[
            "invalid", "other", "stream", "session/close", $(Method::$method.as_label(),)+
        ];

        /// Positions in `LABELS`.
        #[repr(u8)]
        enum Position { Invalid, Other, Stream, Close, $($method,)+ }

        impl From<Method<'_>> for Operation {
            fn from(method: Method<'_>) -> Self {
                Self(match method {
                    $(Method::$method => Position::$method as u8,)+
                    _ => Position::Other as u8,
                })
            }
        }
    };
}

// What clients send. Anything else that reaches a gateway from a client is `other`.
operations! {
    Initialize, Initialized, Ping, ServerDiscover, SubscriptionsListen, ToolsList, ToolsCall,
    PromptsList, PromptsGet, ResourcesList, ResourcesTemplatesList, ResourcesRead,
    ResourcesSubscribe, ResourcesUnsubscribe, CompletionComplete, LoggingSetLevel, Progress,
    Cancelled, RootsListChanged, TasksGet, TasksResult, TasksList, TasksCancel, TasksUpdate,
}

// === impl Operation ===

impl Operation {
    /// How many there are.
    pub(super) const COUNT: usize = LABELS.len();
    /// A request whose method could not be read.
    pub const INVALID: Self = Self(Position::Invalid as u8);
    /// A method that clients are not known to send, or a response to a server's request.
    pub const OTHER: Self = Self(Position::Other as u8);
    /// A GET that opens a legacy stream.
    pub const STREAM: Self = Self(Position::Stream as u8);
    /// A DELETE that closes a legacy session.
    pub const CLOSE: Self = Self(Position::Close as u8);

    /// The label.
    pub fn label(self) -> &'static str {
        LABELS[usize::from(self.0)]
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome.
    pub(super) const ALL: [Self; 6] = [
        Self::Success,
        Self::ToolError,
        Self::RpcError,
        Self::Refused,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ToolError => "tool_error",
            Self::RpcError => "rpc_error",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The peer's label: `status` of `mcp_method_count`.
    pub(super) const fn status(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ToolError => "failed",
            _ => "error",
        }
    }
}
