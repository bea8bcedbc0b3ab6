//! Parameters: the members of `params` and `params._meta` that routing and translation read.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Text;
use super::read::{Level, Notes};
use crate::key::Key;
use crate::meta_key;

/// The head of `params`. A member of the wrong type counts as absent and is named in
/// [`Params::ill_typed`], because whether that matters depends on the method.
#[derive(Clone, Debug, Default)]
pub struct Params<'a> {
    /// `name`: of a tool or prompt.
    pub name: Option<Text<'a>>,
    /// `uri`: of a resource.
    pub uri: Option<Text<'a>>,
    /// `cursor`: of a list. The empty string is a valid one.
    pub cursor: Option<Text<'a>>,
    /// `taskId`.
    pub task_id: Option<Text<'a>>,
    /// `level`: of `logging/setLevel` and log messages.
    pub level: Option<Text<'a>>,
    /// `requestId`: of `notifications/cancelled`.
    pub request_id: Option<&'a RawValue>,
    /// `progressToken`: of `notifications/progress`.
    pub progress_token: Option<&'a RawValue>,
    /// `elicitationId`: of URL elicitations (2025-11-25).
    pub elicitation_id: Option<Text<'a>>,
    /// `protocolVersion`: of `initialize`.
    pub protocol_version: Option<Text<'a>>,
    /// `capabilities`: of `initialize`.
    pub capabilities: Option<&'a RawValue>,
    /// `clientInfo`: of `initialize`.
    pub client_info: Option<&'a RawValue>,
    /// `ref`: of `completion/complete`.
    pub reference: Option<Reference<'a>>,
    /// `arguments`: of a call, unread.
    pub arguments: Option<&'a RawValue>,
    /// `inputResponses`: of a retry (2026-07-28).
    pub input_responses: Option<&'a RawValue>,
    /// `requestState`: of a retry (2026-07-28).
    pub request_state: Option<Text<'a>>,
    /// `notifications`: of `subscriptions/listen`.
    pub notifications: Option<&'a RawValue>,
    /// `task`: asks for a task (2025-11-25).
    pub task: Option<&'a RawValue>,
    /// `_meta`.
    pub meta: Option<Meta<'a>>,
    /// Where the opening brace stands in the body; members are inserted right behind it.
    pub open_brace: usize,
    /// Whether there is no member at all: an inserted one then needs no comma.
    pub is_empty: bool,
    /// Keys of this struct whose value had the wrong type.
    pub ill_typed: Vec<&'static str>,
}

/// The head of `params._meta`.
#[derive(Clone, Debug, Default)]
pub struct Meta<'a> {
    /// `progressToken`.
    pub progress_token: Option<&'a RawValue>,
    /// `io.modelcontextprotocol/protocolVersion`.
    pub protocol_version: Option<Text<'a>>,
    /// `io.modelcontextprotocol/clientInfo`.
    pub client_info: Option<&'a RawValue>,
    /// `io.modelcontextprotocol/clientCapabilities`.
    pub client_capabilities: Option<&'a RawValue>,
    /// `io.modelcontextprotocol/logLevel`.
    pub log_level: Option<Text<'a>>,
    /// `io.modelcontextprotocol/subscriptionId`, of notifications on a listen stream.
    pub subscription_id: Option<&'a RawValue>,
    /// Where the opening brace stands in the body.
    pub open_brace: usize,
    /// Whether there is no member at all.
    pub is_empty: bool,
    /// Keys of this struct whose value had the wrong type.
    pub ill_typed: Vec<&'static str>,
}

/// What `completion/complete` completes.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    /// `type`: `ref/prompt` or `ref/resource`.
    pub kind: Cow<'a, str>,
    /// The prompt's name.
    pub name: Option<Text<'a>>,
    /// The resource's (template) URI.
    pub uri: Option<Text<'a>>,
}

#[derive(Default)]
struct ReferenceLevel<'a> {
    kind: Option<Text<'a>>,
    name: Option<Text<'a>>,
    uri: Option<Text<'a>>,
    ill_typed: Vec<&'static str>,
}

/// Reads a value into a slot for text, minding duplicates and types.
macro_rules! text {
    ($self:ident.$slot:ident, $key:expr, $notes:ident, $map:ident) => {{
        let raw: &RawValue = $map.next_value()?;
        if $self.$slot.is_some() || $self.ill_typed.contains(&$key) {
            $notes.duplicate(Self::PLACE, $key);
        }
        match Text::of(raw) {
            Some(text) => $self.$slot = Some(text),
            None => $self.ill_typed.push($key),
        }
    }};
}

/// Reads a value into a slot for raw JSON, minding duplicates.
macro_rules! raw {
    ($self:ident.$slot:ident, $key:expr, $notes:ident, $map:ident) => {{
        let raw: &RawValue = $map.next_value()?;
        if $self.$slot.replace(raw).is_some() {
            $notes.duplicate(Self::PLACE, $key);
        }
    }};
}

impl<'a> Level<'a> for Params<'a> {
    const PLACE: &'static str = "`params`";

    fn take<A: serde::de::MapAccess<'a>>(
        &mut self,
        key: Key<'a>,
        notes: &mut Notes<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.is_empty = false;
        match key.text() {
            "name" => text!(self.name, "name", notes, map),
            "uri" => text!(self.uri, "uri", notes, map),
            "cursor" => text!(self.cursor, "cursor", notes, map),
            "taskId" => text!(self.task_id, "taskId", notes, map),
            "level" => text!(self.level, "level", notes, map),
            "requestId" => raw!(self.request_id, "requestId", notes, map),
            "progressToken" => raw!(self.progress_token, "progressToken", notes, map),
            "elicitationId" => text!(self.elicitation_id, "elicitationId", notes, map),
            "protocolVersion" => text!(self.protocol_version, "protocolVersion", notes, map),
            "capabilities" => raw!(self.capabilities, "capabilities", notes, map),
            "clientInfo" => raw!(self.client_info, "clientInfo", notes, map),
            "arguments" => raw!(self.arguments, "arguments", notes, map),
            "inputResponses" => raw!(self.input_responses, "inputResponses", notes, map),
            "requestState" => text!(self.request_state, "requestState", notes, map),
            "notifications" => raw!(self.notifications, "notifications", notes, map),
            "task" => raw!(self.task, "task", notes, map),
            "ref" => {
                let mut level = ReferenceLevel::default();
                let is_object = key.object(&mut level, notes, map)?.is_some();
                if self.reference.is_some() || self.ill_typed.contains(&"ref") {
                    notes.duplicate(Self::PLACE, "ref");
                }
                match level.kind {
                    Some(kind) if is_object => {
                        let (name, uri) = (level.name, level.uri);
                        self.reference = Some(Reference { kind: kind.value, name, uri });
                    }
                    _ => self.ill_typed.push("ref"),
                }
            }
            "_meta" => {
                if self.meta.is_some() {
                    notes.duplicate(Self::PLACE, "_meta");
                }
                let meta = self.meta.insert(Meta { is_empty: true, ..Meta::default() });
                match key.object(meta, notes, map)? {
                    Some(open_brace) => meta.open_brace = open_brace,
                    None => notes.not_object("_meta"),
                }
            }
            other => {
                notes.look_alike_param(other);
                let _: serde::de::IgnoredAny = map.next_value()?;
            }
        }
        Ok(())
    }
}

impl<'a> Level<'a> for Meta<'a> {
    const PLACE: &'static str = "`params._meta`";

    fn take<A: serde::de::MapAccess<'a>>(
        &mut self,
        key: Key<'a>,
        notes: &mut Notes<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        use meta_key as known;
        self.is_empty = false;
        match key.text() {
            known::PROGRESS_TOKEN => raw!(self.progress_token, known::PROGRESS_TOKEN, notes, map),
            known::PROTOCOL_VERSION => {
                text!(self.protocol_version, known::PROTOCOL_VERSION, notes, map);
            }
            known::CLIENT_INFO => raw!(self.client_info, known::CLIENT_INFO, notes, map),
            known::CLIENT_CAPABILITIES => {
                raw!(self.client_capabilities, known::CLIENT_CAPABILITIES, notes, map);
            }
            known::LOG_LEVEL => text!(self.log_level, known::LOG_LEVEL, notes, map),
            known::SUBSCRIPTION_ID => {
                raw!(self.subscription_id, known::SUBSCRIPTION_ID, notes, map);
            }
            _ => {
                let _: serde::de::IgnoredAny = map.next_value()?;
            }
        }
        Ok(())
    }
}

impl<'a> Level<'a> for ReferenceLevel<'a> {
    const PLACE: &'static str = "`params.ref`";

    fn take<A: serde::de::MapAccess<'a>>(
        &mut self,
        key: Key<'a>,
        notes: &mut Notes<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key.text() {
            "type" => text!(self.kind, "type", notes, map),
            "name" => text!(self.name, "name", notes, map),
            "uri" => text!(self.uri, "uri", notes, map),
            _ => {
                let _: serde::de::IgnoredAny = map.next_value()?;
            }
        }
        Ok(())
    }
}
