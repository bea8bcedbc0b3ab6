//! Enters: what belongs to no route. Leaves: its counters and gauges.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Counters of the process.
#[derive(Default)]
pub struct ProcessMetrics {
    pub(super) connections: AtomicI64,
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) lines_dropped: AtomicU64,
    pub(super) reloads: [AtomicU64; 3],
    identities: Mutex<Option<IdentitySource>>,
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReloadResult {
    /// Nothing that is served changed.
    Unchanged,
    /// A new plan serves; nothing was left out.
    Applied,
    /// A new plan serves, and something was left out because of an error.
    Partial,
}

/// What is told about an AWS identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFacts {
    /// Which identity, without secrets.
    pub name: String,
    /// When its current credentials end, where they do.
    pub expires_at: Option<SystemTime>,
    /// Successful refreshes so far.
    pub refreshes: u64,
    /// Failed refreshes so far, by a stable code.
    pub failures: Vec<(&'static str, u64)>,
}

type IdentitySource = Box<dyn Fn() -> Vec<IdentityFacts> + Send>;

// === impl ProcessMetrics ===

impl ProcessMetrics {
    /// A client connected.
    pub fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A client's connection ended.
    pub fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// A client was turned away because there were too many connections.
    pub fn connection_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Access lines were lost because nobody read them fast enough.
    pub fn lines_dropped(&self, count: u64) {
        self.lines_dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// A reload ended.
    pub fn reloaded(&self, result: ReloadResult) {
        self.reloads[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Whom to ask for identities when metrics are read.
    pub fn identities(&self, source: impl Fn() -> Vec<IdentityFacts> + Send + 'static) {
        *self.identities.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(source));
    }

    pub(super) fn identity_facts(&self) -> Vec<IdentityFacts> {
        let source = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        united(source.as_ref().map(|source| source()).unwrap_or_default())
    }
}

impl std::fmt::Debug for ProcessMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProcessMetrics")
    }
}

/// One of each name. Two identities of one name live side by side while a Secret is exchanged, and
/// a sample must not be told twice: counts are added, and the end that comes first is told.
fn united(all: Vec<IdentityFacts>) -> Vec<IdentityFacts> {
    let mut by_name: BTreeMap<String, IdentityFacts> = BTreeMap::new();
    for facts in all {
        let Some(known) = by_name.get_mut(&facts.name) else {
            by_name.insert(facts.name.clone(), facts);
            continue;
        };
        known.refreshes += facts.refreshes;
        known.expires_at = known.expires_at.into_iter().chain(facts.expires_at).min();
        for (kind, count) in facts.failures {
            match known.failures.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, total)) => *total += count,
                None => known.failures.push((kind, count)),
            }
        }
    }
    by_name.into_values().collect()
}

// === impl ReloadResult ===

impl ReloadResult {
    pub(super) const ALL: [Self; 3] = [Self::Unchanged, Self::Applied, Self::Partial];

    /// The label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Applied => "applied",
            Self::Partial => "partial",
        }
    }
}
