//! Enters: an `initialize` for one backend. Leaves: the session that it opened.

use std::borrow::Cow;

use bytes::Bytes;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::version::Version;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Exchange, from_error_object};
use crate::fail::{BackendError, Stage};

/// A session that a backend opened.
pub(crate) struct Handshake {
    /// Its id, where the backend gave one.
    pub(crate) session: Option<Box<str>>,
    /// What was negotiated.
    pub(crate) version: Version,
    /// The InitializeResult, to the byte.
    pub(crate) result: Bytes,
}

/// The parts of an InitializeResult that are read here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitializeResult<'a> {
    #[serde(borrow)]
    protocol_version: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) capabilities: &'a RawValue,
    #[serde(borrow, default)]
    pub(crate) instructions: Option<Cow<'a, str>>,
}

impl Handshake {
    /// Sends `body`, an `initialize` request with the id `id`, and reads the answer.
    pub(crate) async fn perform(
        exchange: &Exchange,
        body: Bytes,
        id: &str,
        limit: usize,
    ) -> Result<Self, BackendError> {
        let within = exchange.backend().deadlines.initialize;
        let asked = exchange.ask_plainly(body, id, limit, within, Stage::Initialize).await?;
        let reply = Envelope::parse_reply(&asked.message)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        let Some(raw) = reply.result else {
            let error = reply.error.and_then(|error| from_error_object(error.get()));
            return Err(error.unwrap_or_else(|| BackendError::NotJsonRpc("no result".to_owned())));
        };
        let result = InitializeResult::read(raw.get().as_bytes())?;
        let version = Version::parse(&result.protocol_version)
            .filter(|version| !version.is_modern())
            .ok_or_else(|| {
                BackendError::InitializeResult(format!(
                    "protocol version {:?} is not one that the gateway offered",
                    result.protocol_version
                ))
            })?;
        let span = span(&asked.message, raw);
        Ok(Self { session: asked.session, version, result: asked.message.slice(span) })
    }
}

impl<'a> InitializeResult<'a> {
    /// Reads an InitializeResult.
    pub(crate) fn read(result: &'a [u8]) -> Result<Self, BackendError> {
        serde_json::from_slice(result)
            .map_err(|error| BackendError::InitializeResult(error.to_string()))
    }
}
