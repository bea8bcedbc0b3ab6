//! Enters: an `initialize` for one backend. Leaves: the session that it opened.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use sealgate_config::resolved::EraSetting;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::era::Era;
use sealgate_mcp::object::Object;
use sealgate_mcp::version::{LATEST, Version};
use sealgate_mcp::{code, discover, translate};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Asked, Exchange, Spoken, from_error_object, line};
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;

/// A session that a backend opened.
pub(crate) struct Handshake {
    /// Its id, where the backend gave one.
    pub(crate) session: Option<Box<str>>,
    /// What was negotiated; a modern backend has nothing to negotiate.
    pub(crate) era: Era,
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
        let asked = Self::ask(exchange, body, id, limit, within).await?;
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
        Ok(Self {
            session: asked.session,
            era: Era::Legacy(version),
            result: asked.message.slice(span),
        })
    }

    /// Asks by POST; where that is refused, as the transport of 2024-11-05 has it.
    async fn ask(
        exchange: &Exchange,
        body: Bytes,
        id: &str,
        limit: usize,
        within: Duration,
    ) -> Result<Asked, BackendError> {
        let lines = &exchange.backend().memory.lines;
        let refused = match lines.is_known() {
            true => None,
            false => {
                let asked =
                    exchange.ask_plainly(body.clone(), id, limit, within, Stage::Initialize).await;
                match asked {
                    Err(error) if line::may_be_line(&error) => Some(error),
                    result => return result,
                }
            }
        };
        let session = match Box::pin(exchange.open_line()).await {
            Ok(session) => session,
            Err(error) => {
                lines.learn(false);
                return Err(refused.unwrap_or(error));
            }
        };
        lines.learn(true);
        let on_line = Exchange { session: Some(session), ..exchange.clone() };
        on_line.ask_plainly(body, id, limit, within, Stage::Initialize).await
    }

    /// The same for a backend of any era: what a legacy client is to talk with. A backend that
    /// has both is spoken to in the client's. `version` is what was agreed on with the client.
    pub(crate) async fn with_any(
        gateway: &Gateway,
        exchange: &Exchange,
        body: Bytes,
        id: &str,
        version: Version,
    ) -> Result<Self, BackendError> {
        let limit = gateway.limits.held_answer;
        let backend = exchange.backend();
        let is_modern = match backend.era {
            EraSetting::Legacy => return Self::perform(exchange, body, id, limit).await,
            EraSetting::Modern => true,
            EraSetting::Auto => backend.memory.is_modern_only(),
        };
        let direct = Exchange { version: Some(LATEST), session: None, ..exchange.clone() };
        if is_modern {
            return Self::introduce(gateway, &direct, version).await;
        }
        let refused = match Self::perform(exchange, body, id, limit).await {
            Err(error) if may_be_modern(&error) => error,
            result => return result,
        };
        match direct.spoken(gateway).await {
            Ok(Spoken::Modern) => {
                let introduced = Self::introduce(gateway, &direct, version).await?;
                backend.memory.learn_modern_only();
                Ok(introduced)
            }
            Ok(Spoken::Legacy) | Err(_) => Err(refused),
        }
    }

    /// A modern backend's word on itself, as an InitializeResult.
    async fn introduce(
        gateway: &Gateway,
        direct: &Exchange,
        version: Version,
    ) -> Result<Self, BackendError> {
        let result = direct.discover(gateway).await?;
        let broken =
            |fault: &dyn std::fmt::Display| BackendError::DiscoverResult(fault.to_string());
        let raw: &RawValue = serde_json::from_slice(&result).map_err(|error| broken(&error))?;
        let said = discover::read(raw).map_err(|error| broken(&error))?;
        let unknown = r#"{"name":"unknown","version":"0"}"#;
        let capabilities = said.capabilities.map_or("{}", RawValue::get);
        let mut text = format!(
            r#"{{"protocolVersion":"{version}","capabilities":{},"serverInfo":{}"#,
            translate::server_capabilities(capabilities),
            said.server_info
                .filter(|info| Object::parse(info.get()).is_ok())
                .map_or(unknown, RawValue::get),
        );
        if let Some(instructions) = said.instructions {
            let instructions = serde_json::Value::from(&*instructions);
            text.push_str(&format!(r#","instructions":{instructions}"#));
        }
        text.push('}');
        Ok(Self { session: None, era: Era::Modern, result: text.into() })
    }
}

/// Whether a server without sessions may have refused `initialize` like this.
fn may_be_modern(error: &BackendError) -> bool {
    match error {
        BackendError::RpcError { code: error, .. } => {
            code::is_modern(*error)
                || [code::METHOD_NOT_FOUND, code::INVALID_PARAMS, code::INVALID_REQUEST]
                    .contains(error)
        }
        BackendError::Status { status, .. } => {
            status.is_client_error() && ![401, 403, 408, 429].contains(&status.as_u16())
        }
        // Some answer each method alike, and name the one version that they have.
        BackendError::InitializeResult(_) => true,
        _ => false,
    }
}

impl<'a> InitializeResult<'a> {
    /// Reads an InitializeResult.
    pub(crate) fn read(result: &'a [u8]) -> Result<Self, BackendError> {
        serde_json::from_slice(result)
            .map_err(|error| BackendError::InitializeResult(error.to_string()))
    }
}
