//! Rewording: one message → the same with the URIs of resources and the ids of tasks in it under
//! other names. Knows where in MCP such names stand; every byte elsewhere stays as it came.

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::envelope::{Text, span_of};
use crate::meta_key::RELATED_TASK;
use crate::object::Object;
use crate::splice::Splice;

/// The other names. `None` leaves one as it is.
pub trait Words {
    /// Of a resource's URI, or of a template's.
    fn uri(&self, uri: &str) -> Option<String>;
    /// Of a task's id.
    fn task(&self, id: &str) -> Option<String>;
}

/// How deep content may hold content: a tool's result in a sampling message does.
const NESTED: usize = 4;

/// The message in other words; `None` if it stays as it is, which it does too where it is no
/// message: whoever reads it next says so.
pub fn message(body: &Bytes, words: &impl Words) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let object = Object::parse(text).ok()?;
    let mut reworder = Reworder { body, words, splice: Splice::new(body), is_changed: false };
    for member in object.members() {
        match &*member.key {
            "params" => reworder.params(member.value),
            "result" => reworder.result(member.value, 0),
            "error" => reworder.error(member.value),
            _ => {}
        }
    }
    reworder.is_changed.then(|| reworder.splice.finish())
}

struct Reworder<'b, 'w, W> {
    body: &'b [u8],
    words: &'w W,
    splice: Splice<'b>,
    is_changed: bool,
}

impl<W: Words> Reworder<'_, '_, W> {
    /// Parameters of a request or notification, of either side.
    fn params(&mut self, raw: &RawValue) {
        self.members(raw, |this, key, value| match key {
            "uri" => this.uri(value),
            "taskId" => this.task(value),
            "_meta" => this.meta(value),
            "ref" => this.of_key(value, "uri", Self::uri),
            // Sampling.
            "messages" => this.each(value, |this, one| this.spoken(one, 0)),
            "notifications" => this.members(value, |this, key, names| match key {
                "resourceSubscriptions" => this.each(names, Self::uri),
                "taskIds" => this.each(names, Self::task),
                _ => {}
            }),
            "inputResponses" => this.members(value, |this, _, one| this.result(one, 0)),
            // A task that tells how it is (MCP 2026-07-28, tasks extension).
            "inputRequests" => this.asked(value),
            "result" => this.result(value, 0),
            _ => {}
        });
    }

    fn result(&mut self, raw: &RawValue, depth: usize) {
        self.members(raw, |this, key, value| match key {
            "taskId" => this.task(value),
            "task" => this.of_key(value, "taskId", Self::task),
            "tasks" => this.each(value, |this, one| this.of_key(one, "taskId", Self::task)),
            "_meta" => this.meta(value),
            "content" => this.content(value, 0),
            "contents" | "resources" => {
                this.each(value, |this, one| this.of_key(one, "uri", Self::uri));
            }
            "resourceTemplates" => {
                this.each(value, |this, one| this.of_key(one, "uriTemplate", Self::uri));
            }
            "tools" => this.each(value, |this, one| this.of_key(one, "_meta", Self::meta)),
            "messages" => this.each(value, |this, one| this.spoken(one, 0)),
            "inputRequests" => this.asked(value),
            // Of a task that is done.
            "result" if depth == 0 => this.result(value, 1),
            _ => {}
        });
    }

    /// An error about a resource names it (MCP 2025-06-18, resources).
    fn error(&mut self, raw: &RawValue) {
        self.of_key(raw, "data", |this, data| this.of_key(data, "uri", Self::uri));
    }

    /// What a server asks in a result: requests by key (MCP 2026-07-28).
    fn asked(&mut self, raw: &RawValue) {
        self.members(raw, |this, _, request| this.of_key(request, "params", Self::params));
    }

    fn meta(&mut self, raw: &RawValue) {
        self.members(raw, |this, key, value| match key {
            RELATED_TASK => this.of_key(value, "taskId", Self::task),
            // MCP Apps, in both of its spellings.
            "ui" => this.of_key(value, "resourceUri", Self::uri),
            "ui/resourceUri" => this.uri(value),
            _ => {}
        });
    }

    /// A message of a prompt or of sampling.
    fn spoken(&mut self, raw: &RawValue, depth: usize) {
        self.of_key(raw, "content", |this, value| this.content(value, depth));
    }

    /// One content block, or several.
    fn content(&mut self, raw: &RawValue, depth: usize) {
        if raw.get().starts_with('[') {
            return self.each(raw, |this, one| this.block(one, depth));
        }
        self.block(raw, depth);
    }

    fn block(&mut self, raw: &RawValue, depth: usize) {
        let Ok(object) = Object::parse(raw.get()) else { return };
        let kind = object.text("type");
        match kind.as_ref().map(|kind| &*kind.value) {
            Some("resource_link") => object.get("uri").into_iter().for_each(|uri| self.uri(uri)),
            Some("resource") => self.of_key(raw, "resource", |this, value| {
                this.of_key(value, "uri", Self::uri);
            }),
            Some("tool_result") if depth < NESTED => {
                self.of_key(raw, "content", |this, value| this.content(value, depth + 1));
            }
            _ => {}
        }
    }

    fn uri(&mut self, raw: &RawValue) {
        let new = Text::of(raw).and_then(|text| self.words.uri(&text.value));
        self.replace(raw, new);
    }

    fn task(&mut self, raw: &RawValue) {
        let new = Text::of(raw).and_then(|text| self.words.task(&text.value));
        self.replace(raw, new);
    }

    fn replace(&mut self, raw: &RawValue, new: Option<String>) {
        if let Some(new) = new {
            let place = span_of(self.body, raw.get());
            self.splice.replace(place, Value::from(new).to_string().into_bytes());
            self.is_changed = true;
        }
    }

    /// Looks at each member; an object that names a key twice is left alone.
    fn members(&mut self, raw: &RawValue, mut look: impl FnMut(&mut Self, &str, &RawValue)) {
        if let Ok(object) = Object::parse(raw.get()) {
            for member in object.members() {
                look(self, &member.key, member.value);
            }
        }
    }

    fn of_key(&mut self, raw: &RawValue, key: &str, look: impl FnOnce(&mut Self, &RawValue)) {
        if let Some(value) = Object::parse(raw.get()).ok().and_then(|object| object.get(key)) {
            look(self, value);
        }
    }

    fn each(&mut self, raw: &RawValue, mut look: impl FnMut(&mut Self, &RawValue)) {
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            for item in items {
                look(self, item);
            }
        }
    }
}

#[cfg(test)]
mod tests;
