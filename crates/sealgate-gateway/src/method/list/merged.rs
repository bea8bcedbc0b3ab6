//! Enters: the parts of several backends. Leaves: one list in the order of the route, which says
//! what is missing and where it goes on.

use sealgate_mcp::caching::CachingHints;
use sealgate_mcp::list::ListKind;
use serde_json::{Value, json};

use super::part::Part;
use crate::fail::BackendFailure;
use crate::fanout::Gathered;
use crate::plan::RoutePlan;

/// A list of several backends' items.
pub(in crate::method) struct Merged {
    kind: ListKind,
    /// With the index of the backend.
    parts: Vec<(usize, Part)>,
    /// What `_meta` says of backends whose items are missing, or are those of before.
    unavailable: Vec<Value>,
}

impl Merged {
    /// Joins what was gathered, and says in the log what is missing.
    pub(in crate::method) fn new(
        route: &RoutePlan,
        kind: ListKind,
        gathered: Gathered<Part>,
    ) -> Self {
        let mut unavailable = Vec::new();
        for BackendFailure { backend, error } in &gathered.failures {
            unavailable.push(json!({ "backend": &**backend, "error": error.to_string() }));
            warn(backend, kind, error, "backend missing from the list");
        }
        for (index, part) in &gathered.answers {
            let Some(error) = &part.trouble else { continue };
            let backend = &route.backends[*index].name;
            let how = if part.is_kept { "kept" } else { "partial" };
            unavailable
                .push(json!({ "backend": &**backend, "error": error.to_string(), how: true }));
            warn(backend, kind, error, "the list of the backend is not its list of now");
        }
        Self { kind, parts: gathered.answers, unavailable }
    }

    /// What goes on behind the last item: the backend's index, its cursor and how many pages of it
    /// there were.
    pub(super) fn rest(&self) -> impl Iterator<Item = (usize, &str, u32)> {
        self.parts
            .iter()
            .filter_map(|(index, part)| Some((*index, part.next.as_deref()?, part.pages)))
    }

    /// Says of every list that goes on why it does not.
    pub(super) fn end(&mut self, route: &RoutePlan, why: &crate::fail::BackendError) {
        for (index, part) in &mut self.parts {
            if part.next.take().is_some() {
                let backend = &route.backends[*index].name;
                let error = why.to_string();
                self.unavailable
                    .push(json!({ "backend": &**backend, "error": error, "partial": true }));
                warn(backend, self.kind, why, "the list of the backend is not whole");
            }
        }
    }

    /// How long all of it holds; what is missing now may be back at once.
    pub(in crate::method) fn hints(&self) -> CachingHints {
        if !self.unavailable.is_empty() {
            return CachingHints::NONE;
        }
        let hints = self.parts.iter().filter_map(|(_, part)| part.hints);
        hints.reduce(CachingHints::merge).unwrap_or(CachingHints::NONE)
    }

    /// The result, behind `members` of the caller's own.
    pub(in crate::method) fn write(&self, members: &str, cursor: Option<&str>) -> String {
        let size: usize = self.parts.iter().map(|(_, part)| part.items.len() + 1).sum();
        let mut out = Vec::with_capacity(size + 256);
        out.extend_from_slice(format!("{{{members}\"{}\":[", self.kind.key()).as_bytes());
        let full = self.parts.iter().filter(|(_, part)| !part.items.is_empty());
        for (count, (_, part)) in full.enumerate() {
            if count > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&part.items);
        }
        out.push(b']');
        if let Some(cursor) = cursor {
            out.extend_from_slice(format!(",\"nextCursor\":{}", json!(cursor)).as_bytes());
        }
        if !self.unavailable.is_empty() {
            let meta = json!({ "sealgate.dev/unavailable": self.unavailable });
            out.extend_from_slice(format!(",\"_meta\":{meta}").as_bytes());
        }
        out.push(b'}');
        // Items are slices of parsed JSON, so that this is UTF-8 always.
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn warn(backend: &str, kind: ListKind, error: &crate::fail::BackendError, what: &str) {
    tracing::warn!(%backend, %error, method = kind.method().as_label(), "{what}");
}
