//! Enters: pages of lists under their keys. Leaves: the same, until there are too many: then what
//! was longest unused goes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use sealgate_mcp::caching::CachingHints;
use sealgate_mcp::list::ListKind;

use super::asker::Owner;

/// The pages of all backends of the process.
pub(super) struct Shelf {
    pages: Mutex<Pages>,
    bounds: Bounds,
}

/// What a shelf may hold.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) pages: usize,
    pub(super) bytes: usize,
}

/// What a page is kept under: everything that it may depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Of one backend in one configuration.
    pub(super) backend: u64,
    pub(super) what: What,
    /// As whom the list was asked for.
    pub(super) asker: [u8; 32],
    /// Whose the page is; nobody's is everybody's.
    pub(super) owner: Option<Owner>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// A page as the backend gave it: the first one, or the one at its cursor.
    Page(ListKind, Option<Box<str>>),
    /// A whole list as clients were last given it, for when the backend is down.
    Last(ListKind),
}

#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) bytes: Bytes,
    pub(super) hints: CachingHints,
    pub(super) since: Instant,
    /// Which state of the backend's lists it shows.
    pub(super) generation: u64,
}

#[derive(Default)]
struct Pages {
    kept: HashMap<Key, (Kept, u64)>,
    bytes: usize,
    /// Counts uses.
    clock: u64,
    /// How many are of one session.
    of_sessions: usize,
}

/// What a page costs beside its bytes: its key, its place in the table.
const OVERHEAD: usize = 256;

impl Shelf {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { pages: Mutex::default(), bounds }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Kept> {
        let mut pages = self.lock();
        pages.clock += 1;
        let clock = pages.clock;
        let (kept, used) = pages.kept.get_mut(key)?;
        *used = clock;
        Some(kept.clone())
    }

    /// Keeps a page, unless it alone would take a quarter of the room.
    pub(super) fn put(&self, key: Key, kept: Kept) {
        if kept.bytes.len() > self.bounds.bytes / 4 {
            return;
        }
        let mut pages = self.lock();
        pages.clock += 1;
        let clock = pages.clock;
        pages.remove(&key);
        pages.bytes += kept.bytes.len() + OVERHEAD;
        pages.of_sessions += usize::from(key.is_of_session());
        pages.kept.insert(key, (kept, clock));
        if pages.kept.len() > self.bounds.pages || pages.bytes > self.bounds.bytes {
            pages.make_room(self.bounds);
        }
    }

    /// Forgets what `is_over` says of.
    pub(super) fn forget(&self, is_over: impl Fn(&Key) -> bool) {
        let mut pages = self.lock();
        let over: Vec<_> = pages.kept.keys().filter(|key| is_over(key)).cloned().collect();
        over.iter().for_each(|key| pages.remove(key));
    }

    /// Forgets what is of a session that has ended.
    pub(super) fn end(&self, session: u64) {
        if self.lock().of_sessions > 0 {
            self.forget(|key| key.owner.is_some_and(|owner| owner.session == Some(session)));
        }
    }

    /// How many pages, and bytes, are kept.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let pages = self.lock();
        (pages.kept.len(), pages.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn remove(&mut self, key: &Key) {
        if let Some((kept, _)) = self.kept.remove(key) {
            self.bytes -= kept.bytes.len() + OVERHEAD;
            self.of_sessions -= usize::from(key.is_of_session());
        }
    }

    /// Lets an eighth go at once, so that not every new page has to look for the oldest.
    fn make_room(&mut self, bounds: Bounds) {
        let mut by_use: Vec<_> =
            self.kept.iter().map(|(key, (_, used))| (*used, key.clone())).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_use {
            let fits =
                self.kept.len() <= bounds.pages / 8 * 7 && self.bytes <= bounds.bytes / 8 * 7;
            if fits {
                return;
            }
            self.remove(&key);
        }
    }
}

impl Key {
    fn is_of_session(&self) -> bool {
        self.owner.is_some_and(|owner| owner.session.is_some())
    }
}
