//! Enters: who asks for a page of a backend's list, and how to ask the backend. Leaves: the page,
//! from memory for as long, and for whom, the backend or the configuration says that it holds
//! (MCP 2026-07-28, caching), asked for once however many clients want it.
//!
//! What is kept are the backend's own bytes, before anything is renamed or left out for a client.

mod asker;
mod flights;
mod shelf;

pub(crate) use asker::Asker;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sealgate_config::resolved::{Backend, ListCacheSetting, ListSettings};
use sealgate_mcp::caching::{CacheScope, CachingHints};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::list::{self, ListKind};

use crate::fail::BackendError;
use crate::observe::BackendMetrics;
use flights::{Flight, Flights};
use shelf::{Bounds, Kept, Key, Shelf, What};

/// The lists of every backend of the process.
pub(crate) struct Lists {
    shelf: Arc<Shelf>,
    /// By route and backend: a reload that changes nothing finds the lists again.
    backends: Mutex<HashMap<(String, String), Weak<BackendLists>>>,
    next: AtomicU64,
}

/// The lists of one backend of one route, in one configuration.
pub(crate) struct BackendLists {
    configured: Backend,
    id: u64,
    shelf: Arc<Shelf>,
    flights: Flights,
    metrics: BackendMetrics,
    kinds: [State; ListKind::ALL.len()],
    /// Since when no list could be had of it.
    failing: Mutex<Option<Instant>>,
}

/// What is known of one kind of list.
#[derive(Default)]
struct State {
    /// Grows whenever the list may have changed.
    generation: AtomicU64,
    /// What the backend last said about keeping it.
    said: AtomicU8,
}

/// A page, and what is left of the time that it holds.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The result, to the byte.
    pub(crate) result: Bytes,
    /// How long it holds and for whom; nothing where nobody says.
    pub(crate) hints: Option<CachingHints>,
}

/// Beyond this much, in bytes and pages, what was longest unused makes room.
const BOUNDS: Bounds = Bounds { pages: 8192, bytes: 64 * 1024 * 1024 };
/// The longest time that a page is kept, whatever a backend says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Values of [`State::said`], which is 0 before the backend has said anything.
mod said {
    pub(super) const NOT_TO_KEEP: u8 = 1;
    pub(super) const PRIVATE: u8 = 2;
    pub(super) const PUBLIC: u8 = 3;
}

// === impl Lists ===

impl Default for Lists {
    fn default() -> Self {
        Self {
            shelf: Arc::new(Shelf::new(BOUNDS)),
            backends: Mutex::default(),
            next: AtomicU64::new(1),
        }
    }
}

impl Lists {
    /// The lists of a backend: those that are there, if it is configured as it was, and none
    /// otherwise: another server, another identity or another selection has other lists.
    pub(crate) fn of(
        &self,
        route: &str,
        backend: &Backend,
        metrics: &BackendMetrics,
    ) -> Arc<BackendLists> {
        let key = (route.to_owned(), backend.name.clone());
        let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
        let before = backends.get(&key).and_then(Weak::upgrade);
        if let Some(lists) = before.filter(|lists| lists.configured == *backend) {
            return lists;
        }
        backends.retain(|_, lists| lists.strong_count() > 0);
        let lists = Arc::new(BackendLists {
            configured: backend.clone(),
            id: self.next.fetch_add(1, Ordering::Relaxed),
            shelf: Arc::clone(&self.shelf),
            flights: Flights::default(),
            metrics: metrics.clone(),
            kinds: Default::default(),
            failing: Mutex::default(),
        });
        backends.insert(key, Arc::downgrade(&lists));
        lists
    }

    /// Forgets the lists of a session that has ended.
    pub(crate) fn end(&self, session: u64) {
        self.shelf.end(session);
    }
}

// === impl BackendLists ===

impl BackendLists {
    /// Whether it may pay to look for a list here.
    pub(crate) fn keeps(&self, kind: ListKind, is_modern: bool) -> bool {
        match self.configured.lists.cache {
            ListCacheSetting::Off => false,
            ListCacheSetting::For { .. } => true,
            // Legacy servers know nothing of hints.
            ListCacheSetting::Hinted => {
                is_modern && self.state(kind).said.load(Ordering::Relaxed) != said::NOT_TO_KEEP
            }
        }
    }

    /// A page: the one that is kept if it still holds, otherwise what `fetch` brings from the
    /// backend. `None` from a backend that has no such list.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub(crate) async fn page<F>(
        &self,
        asker: &Asker,
        kind: ListKind,
        cursor: Option<&str>,
        is_modern: bool,
        fetch: F,
    ) -> Result<Option<Page>, BackendError>
    where
        F: Future<Output = Result<Option<Bytes>, BackendError>>,
    {
        if !self.keeps(kind, is_modern) {
            // A backend that says at last how long its lists hold is taken at its word.
            let page = fetch.await?.map(|result| self.read(kind, result));
            if let Some(page) = &page
                && is_modern
                && self.configured.lists.cache == ListCacheSetting::Hinted
            {
                self.note(kind, page.hints);
            }
            return Ok(page);
        }
        let public = self.key(What::Page(kind, cursor.map(Into::into)), asker.told);
        let private = Key { owner: Some(asker.owner), ..public.clone() };
        if let Some(page) = self.look_up(kind, &public, &private) {
            self.metrics.list_found(true);
            return Ok(Some(page));
        }
        // Whether it is one question for all or one for each is known once it was answered.
        let may_be_public = self.state(kind).said.load(Ordering::Relaxed) != said::PRIVATE;
        let mut leading = None;
        for key in [Some(&public).filter(|_| may_be_public), Some(&private)].into_iter().flatten() {
            match self.flights.join(key) {
                Flight::Leading(flight) => {
                    leading = Some(flight);
                    break;
                }
                Flight::Joined(mut flight) => {
                    // Closes when the other has its answer, or none.
                    let _ = flight.changed().await;
                    if let Some(page) = self.look_up(kind, &public, &private) {
                        self.metrics.list_found(true);
                        return Ok(Some(page));
                    }
                }
            }
        }
        // Another may have been answered between the look and the question.
        if let Some(page) = self.look_up(kind, &public, &private) {
            self.metrics.list_found(true);
            return Ok(Some(page));
        }
        self.metrics.list_found(false);
        let generation = self.state(kind).generation.load(Ordering::Acquire);
        let fetched = fetch.await;
        if cursor.is_some() && matches!(fetched, Err(BackendError::RpcError { .. })) {
            // A cursor that holds no more: none of the pages belong together any more.
            self.changed(kind);
        }
        let page = fetched?.map(|result| self.read(kind, result));
        if let Some(page) = &page {
            self.note(kind, page.hints);
            if let Some(hints) = page.hints.filter(|hints| hints.ttl_ms > 0) {
                let key = if hints.scope == CacheScope::Public { public } else { private };
                let bytes = page.result.clone();
                let kept = Kept { bytes, hints, since: Instant::now(), generation };
                self.shelf.put(key, kept);
            }
        }
        drop(leading);
        Ok(page)
    }

    /// A backend's message: if it says that a list changed, what is kept of it is over.
    pub(crate) fn heard(&self, message: &[u8]) -> Option<Offers> {
        let list = crate::changes::changed_list(message)?;
        for kind in ListKind::ALL {
            if Offers::needed_by(&kind.method()) == list {
                self.changed(kind);
            }
        }
        Some(list)
    }

    /// All lists may be others now: the backend is another process, or was out of hearing.
    pub(crate) fn changed_all(&self) {
        ListKind::ALL.into_iter().for_each(|kind| self.changed(kind));
    }

    fn changed(&self, kind: ListKind) {
        self.state(kind).generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Keeps a whole list, as the client is given it, for when the backend is down.
    pub(crate) fn succeeded(&self, asker: &Asker, kind: ListKind, items: &[u8]) {
        *self.failing() = None;
        if self.grace().is_zero() {
            return;
        }
        let key = self.last(asker, kind);
        let is_kept = self.shelf.get(&key).is_some_and(|kept| kept.bytes == items);
        if !is_kept {
            let bytes = Bytes::copy_from_slice(items);
            let hints = CachingHints::NONE;
            self.shelf.put(key, Kept { bytes, hints, since: Instant::now(), generation: 0 });
        }
    }

    /// The list that this client was last given, while the backend has not been failing for
    /// longer than the configuration allows.
    pub(crate) fn failed(&self, asker: &Asker, kind: ListKind) -> Option<Bytes> {
        let since = *self.failing().get_or_insert_with(Instant::now);
        if since.elapsed() >= self.grace() {
            return None;
        }
        let kept = self.shelf.get(&self.last(asker, kind))?;
        self.metrics.list_kept();
        Some(kept.bytes)
    }

    /// For how long the items of the backend keep their place when it is down.
    pub(crate) fn grace(&self) -> Duration {
        let ListSettings { grace, .. } = self.configured.lists;
        grace
    }

    fn failing(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last list of a principal, in whatever session.
    fn last(&self, asker: &Asker, kind: ListKind) -> Key {
        let owner = Some(asker::Owner { session: None, ..asker.owner });
        Key { owner, ..self.key(What::Last(kind), asker.known) }
    }

    fn key(&self, what: What, asker: [u8; 32]) -> Key {
        Key { backend: self.id, what, asker, owner: None }
    }

    fn look_up(&self, kind: ListKind, public: &Key, private: &Key) -> Option<Page> {
        let generation = self.state(kind).generation.load(Ordering::Acquire);
        [public, private].into_iter().find_map(|key| {
            let kept = self.shelf.get(key).filter(|kept| kept.generation == generation)?;
            let age = u64::try_from(kept.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            let left = kept.hints.ttl_ms.checked_sub(age).filter(|left| *left > 0)?;
            let hints = Some(CachingHints { ttl_ms: left, ..kept.hints });
            Some(Page { result: kept.bytes, hints })
        })
    }

    /// A fresh page: what it says of itself, or what is said for it.
    fn read(&self, kind: ListKind, result: Bytes) -> Page {
        let said = serde_json::from_slice(&result).map(|raw| list::hints(kind, raw));
        let hints = match (said, self.configured.lists.cache) {
            (Ok(Ok(Some(said))), _) => Some(said),
            (Ok(Ok(None)), ListCacheSetting::For { ttl, is_shared }) => Some(CachingHints {
                ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
                scope: if is_shared { CacheScope::Public } else { CacheScope::Private },
            }),
            // What is no page is for its reader to refuse, and nothing to keep.
            _ => None,
        };
        let longest = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
        let hints = hints.map(|hints| CachingHints { ttl_ms: hints.ttl_ms.min(longest), ..hints });
        Page { result, hints }
    }

    fn note(&self, kind: ListKind, hints: Option<CachingHints>) {
        let said = match hints {
            Some(CachingHints { ttl_ms: 1.., scope: CacheScope::Public }) => said::PUBLIC,
            Some(CachingHints { ttl_ms: 1.., scope: CacheScope::Private }) => said::PRIVATE,
            _ => said::NOT_TO_KEEP,
        };
        self.state(kind).said.store(said, Ordering::Relaxed);
    }

    fn state(&self, kind: ListKind) -> &State {
        match kind {
            ListKind::Tools => &self.kinds[0],
            ListKind::Prompts => &self.kinds[1],
            ListKind::Resources => &self.kinds[2],
            ListKind::ResourceTemplates => &self.kinds[3],
        }
    }
}

impl Drop for BackendLists {
    fn drop(&mut self) {
        self.shelf.forget(|key| key.backend == self.id);
    }
}

#[cfg(test)]
mod tests;
