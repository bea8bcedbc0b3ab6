//! Why a modern request is refused: a named variant → code, HTTP status and data of the answer.

use super::ValueFault;
use crate::code;
use crate::envelope::TargetFault;
use crate::version::Version;

/// A modern request that is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModernFault {
    /// A response or a notification, where requests go.
    #[error("the body is no request; a modern client sends only requests here")]
    NotARequest,
    /// No `params._meta`.
    #[error("`params._meta` is missing; every request of MCP 2026-07-28 needs it")]
    NoMeta,
    /// A key of `_meta` is missing.
    #[error("`params._meta[\"{key}\"]` is missing")]
    MetaMissing {
        /// The key.
        key: &'static str,
    },
    /// A key of `_meta` has a value of the wrong type.
    #[error("`params._meta[\"{key}\"]` has a value of the wrong type")]
    MetaType {
        /// The key.
        key: &'static str,
    },
    /// A header is missing.
    #[error("the header `{header}` is missing; it must repeat what the body says")]
    HeaderMissing {
        /// The header's name.
        header: Box<str>,
    },
    /// A header stands more than once.
    #[error("the header `{header}` stands more than once")]
    HeaderRepeated {
        /// The header's name.
        header: Box<str>,
    },
    /// A header's value cannot be read.
    #[error("the header `{header}` cannot be read: {fault}")]
    HeaderValue {
        /// The header's name.
        header: Box<str>,
        /// What is wrong with the value.
        fault: ValueFault,
    },
    /// A header says something else than the body.
    #[error("the header `{header}` differs from the body")]
    Differs {
        /// The header's name.
        header: Box<str>,
    },
    /// A version that is not spoken in this era.
    #[error("protocol version `{requested}` is not supported here")]
    Version {
        /// What was asked for.
        requested: String,
        /// What may be asked for.
        supported: Vec<Version>,
    },
    /// A method that is not served.
    #[error("method `{0}` does not exist in MCP 2026-07-28")]
    Method(String),
    /// What the request is about is missing.
    #[error(transparent)]
    Target(#[from] TargetFault),
}

impl ModernFault {
    /// The JSON-RPC code of the answer.
    pub fn code(&self) -> i64 {
        match self {
            Self::NotARequest => code::INVALID_REQUEST,
            Self::NoMeta | Self::MetaMissing { .. } | Self::MetaType { .. } | Self::Target(_) => {
                code::INVALID_PARAMS
            }
            Self::HeaderMissing { .. }
            | Self::HeaderRepeated { .. }
            | Self::HeaderValue { .. }
            | Self::Differs { .. } => code::HEADER_MISMATCH,
            Self::Version { .. } => code::UNSUPPORTED_PROTOCOL_VERSION,
            Self::Method(_) => code::METHOD_NOT_FOUND,
        }
    }

    /// The HTTP status of the answer. A missing target is a 200: clients of both eras take a 400
    /// without a modern code for a sign of a legacy server.
    pub fn status(&self) -> u16 {
        match self {
            Self::Method(_) => 404,
            Self::Target(_) => 200,
            _ => 400,
        }
    }

    /// `error.data` of the answer, as raw JSON.
    pub fn data(&self) -> Option<String> {
        let Self::Version { requested, supported } = self else { return None };
        let supported: Vec<_> = supported.iter().map(|version| version.as_str()).collect();
        let supported = serde_json::Value::from(supported);
        let requested = serde_json::Value::from(requested.as_str());
        Some(format!(r#"{{"supported":{supported},"requested":{requested}}}"#))
    }
}
