//! Enters: a question of the gateway's own, such as a list. Leaves: the request that asks it in
//! the backend's era, on behalf of the client.

use bytes::Bytes;
use sealgate_mcp::envelope::{Envelope, Meta};
use sealgate_mcp::log_level::LogLevel;
use sealgate_mcp::method::Method;
use sealgate_mcp::session::ClientFacts;
use sealgate_mcp::translate::{RequestMeta, add_request_meta};
use serde_json::json;
use serde_json::value::RawValue;

use super::task_id::Binding;
use super::{Asks, Exchange};
use crate::seal::Mirror;

/// Who a modern backend is told is asking. Capabilities are mirrored: never more than the client
/// declared, never less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    /// Raw JSON.
    pub(crate) capabilities: Box<str>,
    /// Raw JSON of an Implementation.
    pub(crate) info: Option<Box<str>>,
    pub(crate) log_level: Option<LogLevel>,
    /// To whom ids are bound, where no session tells.
    pub(crate) binding: Option<Binding>,
}

impl Speaker {
    /// The gateway itself, which can do nothing for a server.
    pub(crate) fn gateway() -> Self {
        let info = json!({ "name": "sealgate", "version": env!("CARGO_PKG_VERSION") });
        Self {
            capabilities: "{}".into(),
            info: Some(info.to_string().into()),
            log_level: None,
            binding: None,
        }
    }

    /// A modern client, as its request says.
    pub(crate) fn of_meta(meta: Option<&Meta<'_>>) -> Self {
        let raw = |part: Option<&RawValue>| part.map(|part| Box::from(part.get()));
        let level = meta.and_then(|meta| meta.log_level.as_ref());
        Self {
            capabilities: raw(meta.and_then(|meta| meta.client_capabilities))
                .unwrap_or_else(|| "{}".into()),
            info: raw(meta.and_then(|meta| meta.client_info)),
            log_level: level.and_then(|level| LogLevel::parse(&level.value)),
            binding: None,
        }
    }

    /// A legacy client, as its session remembers it.
    pub(crate) fn of_session(client: &ClientFacts, log_level: Option<LogLevel>) -> Self {
        let info = json!({ "name": &*client.name, "version": &*client.version });
        Self {
            capabilities: client.capabilities.clone(),
            info: Some(info.to_string().into()),
            log_level,
            binding: None,
        }
    }

    /// Whether a server may ask it anything.
    pub(crate) fn can_be_asked(&self) -> bool {
        Asks::any(&self.capabilities)
    }

    /// The same as metadata of a request.
    pub(crate) fn meta(&self) -> RequestMeta<'_> {
        RequestMeta {
            capabilities: &self.capabilities,
            client_info: self.info.as_deref(),
            log_level: self.log_level,
        }
    }
}

impl Exchange {
    /// Whether requests on it must be modern ones.
    pub(crate) fn is_modern(&self) -> bool {
        self.version.is_some_and(|version| version.is_modern())
    }

    /// The same way, for one request whose headers repeat its body.
    #[must_use]
    pub(crate) fn mirrored(mut self, mirror: Mirror) -> Self {
        self.mirror = Some(mirror.into());
        self
    }

    /// A request of the gateway's own in the backend's era, and the way to send it. `params` is
    /// the raw JSON of an object.
    pub(crate) fn own(&self, method: &Method<'_>, params: &str, id: &str) -> (Self, Bytes) {
        let text = method.as_str();
        let plain = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{text}","params":{params}}}"#);
        if !self.is_modern() {
            return (self.clone(), plain.into());
        }
        let gateway;
        let speaker = match &self.speaker {
            Some(speaker) => speaker,
            None => {
                gateway = Speaker::gateway().into();
                &gateway
            }
        };
        let (target, body) = match Envelope::parse(plain.as_bytes()) {
            Ok(envelope) => {
                let target = envelope.target().ok().flatten().map(|text| text.value.to_string());
                (target, add_request_meta(plain.as_bytes(), &envelope, &speaker.meta()))
            }
            // Cannot be: the text is made right here.
            Err(_) => (None, plain.into()),
        };
        (self.clone().mirrored(Mirror::new(text, target.as_deref())), body)
    }
}
