//! What holds for an object in; conditions of the Kubernetes API out, whose transition times move
//! only when what they say does.

use k8s_openapi::jiff::{Timestamp, Unit};
use serde_json::{Value, json};

/// One condition.
pub(super) struct Condition {
    pub(super) kind: &'static str,
    pub(super) holds: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// The time of writing.
pub(super) struct Stamp(String);

/// The same as conditions of a list, in order.
pub(super) fn list(conditions: &[Condition], generation: i64, old: &Value, stamp: &Stamp) -> Value {
    conditions.iter().map(|condition| condition.value(generation, old, stamp)).collect()
}

// === impl Condition ===

impl Condition {
    pub(super) fn holds(kind: &'static str, reason: &'static str, message: &str) -> Self {
        Self { kind, holds: true, reason, message: message.to_owned() }
    }

    pub(super) fn fails(kind: &'static str, reason: &'static str, message: String) -> Self {
        Self { kind, holds: false, reason, message }
    }

    fn value(&self, generation: i64, old: &Value, stamp: &Stamp) -> Value {
        let status = if self.holds { "True" } else { "False" };
        let same = old
            .as_array()
            .into_iter()
            .flatten()
            .find(|old| old["type"] == self.kind && old["status"] == status);
        let since = same.and_then(|old| old["lastTransitionTime"].as_str()).unwrap_or(&stamp.0);
        json!({
            "type": self.kind,
            "status": status,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": generation,
            "lastTransitionTime": since,
        })
    }
}

// === impl Stamp ===

impl Stamp {
    pub(super) fn now() -> Self {
        let now = Timestamp::now();
        Self(now.round(Unit::Second).unwrap_or(now).to_string())
    }
}
