//! Subscriptions: the filter of `subscriptions/listen`, its acknowledgement, and the stamp that
//! each notification on its stream carries (MCP 2026-07-28).

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::envelope::{Envelope, span};
use crate::meta_key;
use crate::method::Method;
use crate::object::{Object, ObjectFault};
use crate::splice::Splice;

/// How many resources, and tasks, one filter may name.
pub const MAX_NAMED: usize = 1024;

/// What a listen stream is to carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `toolsListChanged`
    pub tools: bool,
    /// `promptsListChanged`
    pub prompts: bool,
    /// `resourcesListChanged`
    pub resources: bool,
    /// `resourceSubscriptions`: the URIs to watch.
    pub uris: Vec<String>,
    /// `taskIds`: the tasks to watch (extension).
    pub task_ids: Vec<String>,
}

/// A filter that cannot be read: -32602.
#[derive(Debug, thiserror::Error)]
pub enum FilterFault {
    /// `notifications` is missing or no object.
    #[error("`params.notifications` must be an object: {0}")]
    NotObject(#[from] ObjectFault),
    /// A member has the wrong type.
    #[error("`params.notifications.{0}` has the wrong type")]
    Type(&'static str),
    /// More than [`MAX_NAMED`].
    #[error("`params.notifications.{0}` names more than {MAX_NAMED}")]
    TooMany(&'static str),
}

impl Filter {
    /// Reads `params.notifications`; what it does not know it leaves out, as the acknowledgement
    /// then tells.
    ///
    /// # Errors
    /// [`FilterFault`]: -32602.
    pub fn read(notifications: &RawValue) -> Result<Self, FilterFault> {
        let object = Object::parse(notifications.get())?;
        let flag = |key: &'static str| match object.get(key).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(FilterFault::Type(key)),
        };
        let names = |key: &'static str| {
            let raw = object.get(key).map_or("[]", RawValue::get);
            let names: Vec<String> =
                serde_json::from_str(raw).map_err(|_| FilterFault::Type(key))?;
            if names.len() > MAX_NAMED { Err(FilterFault::TooMany(key)) } else { Ok(names) }
        };
        Ok(Self {
            tools: flag("toolsListChanged")?,
            prompts: flag("promptsListChanged")?,
            resources: flag("resourcesListChanged")?,
            uris: names("resourceSubscriptions")?,
            task_ids: names("taskIds")?,
        })
    }

    /// Writes it as raw JSON, with what is wanted only.
    pub fn write(&self) -> String {
        let flags = [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ];
        let flags = flags.iter().filter(|(_, on)| *on).map(|(key, _)| format!("\"{key}\":true"));
        let names = [("resourceSubscriptions", &self.uris), ("taskIds", &self.task_ids)];
        let names = names
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(key, names)| format!("\"{key}\":{}", Value::from(names.as_slice())));
        format!("{{{}}}", flags.chain(names).collect::<Vec<_>>().join(","))
    }

    /// Whether a stream with this filter carries a notification; `subject` is the URI or the id
    /// of the task that it is about.
    pub fn wants(&self, method: &Method<'_>, subject: Option<&str>) -> bool {
        let is_named = |names: &[String]| names.iter().any(|name| Some(name.as_str()) == subject);
        match method {
            Method::ToolsListChanged => self.tools,
            Method::PromptsListChanged => self.prompts,
            Method::ResourcesListChanged => self.resources,
            Method::ResourcesUpdated => is_named(&self.uris),
            Method::TasksNotification => is_named(&self.task_ids),
            _ => false,
        }
    }

    /// Adds what another backend accepted.
    pub fn unite(&mut self, other: Self) {
        self.tools |= other.tools;
        self.prompts |= other.prompts;
        self.resources |= other.resources;
        for (own, others) in [(&mut self.uris, other.uris), (&mut self.task_ids, other.task_ids)] {
            for name in others {
                if !own.contains(&name) {
                    own.push(name);
                }
            }
        }
    }

    /// Keeps only what `asked` has too: a client must not hear what it did not ask for.
    pub fn narrow(&mut self, asked: &Self) {
        self.tools &= asked.tools;
        self.prompts &= asked.prompts;
        self.resources &= asked.resources;
        self.uris.retain(|uri| asked.uris.contains(uri));
        self.task_ids.retain(|id| asked.task_ids.contains(id));
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The first message of a listen stream. `id` is the raw id of the listen request: the stamp has
/// the same JSON type.
pub fn acknowledgement(id: &RawValue, accepted: &Filter) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"{}","params":{{"_meta":{{"{}":{}}},"notifications":{}}}}}"#,
        Method::SubscriptionsAcknowledged.as_str(),
        meta_key::SUBSCRIPTION_ID,
        id.get(),
        accepted.write(),
    )
}

/// The last message of a listen stream that ends in good order.
pub fn farewell(id: &RawValue) -> String {
    let id = id.get();
    let key = meta_key::SUBSCRIPTION_ID;
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{{"{key}":{id}}}}}}}"#
    )
}

/// A notification without parameters of its own (a list changed) for a listen stream.
pub fn notification(method: &Method<'_>, id: &RawValue) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"{}","params":{{"_meta":{{"{}":{}}}}}}}"#,
        method.as_str(),
        meta_key::SUBSCRIPTION_ID,
        id.get(),
    )
}

/// Stamps a notification for the client's stream, whatever stamp it came with.
pub fn stamp(body: &[u8], envelope: &Envelope<'_>, id: &RawValue) -> Bytes {
    let mut splice = Splice::new(body);
    let member = format!(r#""{}":{}"#, meta_key::SUBSCRIPTION_ID, id.get());
    match (&envelope.params, envelope.meta()) {
        (_, Some(meta)) => match meta.subscription_id {
            Some(old) => splice.replace(span(body, old), id.get().as_bytes()),
            None => splice.insert_members(meta.open_brace, meta.is_empty, member.as_bytes()),
        },
        (Some(params), None) => {
            let meta = format!(r#""_meta":{{{member}}}"#);
            splice.insert_members(params.open_brace, params.is_empty, meta.as_bytes());
        }
        (None, None) => {
            let params = format!(r#","params":{{"_meta":{{{member}}}}}"#);
            splice.insert(envelope.close_brace, params.into_bytes());
        }
    }
    splice.finish()
}

#[cfg(test)]
mod tests;
