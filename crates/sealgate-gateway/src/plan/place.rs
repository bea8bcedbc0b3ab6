//! Enters: the endpoints of a backend that has several. Leaves: in which order to try them for one
//! request, and which one a session belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::upstream::Origin;

/// One endpoint.
pub(crate) struct Place {
    pub(crate) origin: Arc<Origin>,
    /// The Host header.
    pub(crate) authority: HeaderValue,
    /// The host that is signed for, where the backend names none for all.
    pub(crate) signing_host: Option<String>,
    /// A short digest of authority and address: the same in every process and after a reload.
    tag: u32,
    /// When it could last not be reached, in milliseconds since [`Places::began`]; 0 for never.
    failed: AtomicU64,
}

/// By which an endpoint is found again. On a response, it tells who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceTag(u32);

/// The endpoints of one backend.
pub(crate) struct Places {
    list: Vec<Place>,
    failover: bool,
    turn: AtomicUsize,
    began: Instant,
}

/// How long an endpoint that could not be reached is tried after the others.
const REST: Duration = Duration::from_secs(10);
/// Between the tag of an endpoint and the session id that it gave.
const SEPARATOR: char = '.';

// === impl Place ===

impl Place {
    pub(super) fn new(
        origin: Arc<Origin>,
        authority: HeaderValue,
        signing_host: Option<String>,
        tag: u32,
    ) -> Self {
        Self { origin, authority, signing_host, tag, failed: AtomicU64::new(0) }
    }

    /// A session id that tells whose it is.
    pub(crate) fn mark(&self, session: &str) -> String {
        format!("{:x}{SEPARATOR}{session}", self.tag)
    }

    /// By which it is found again.
    pub(crate) fn tag(&self) -> PlaceTag {
        PlaceTag(self.tag)
    }
}

// === impl Places ===

impl Places {
    pub(super) fn new(list: Vec<Place>, failover: bool) -> Self {
        Self { list, failover, turn: AtomicUsize::new(0), began: Instant::now() }
    }

    /// In which order to try them: in turn, or as they stand; those that could not be reached
    /// lately last.
    pub(crate) fn order(&self) -> Vec<&Place> {
        let first = match self.failover {
            true => 0,
            false => self.turn.fetch_add(1, Ordering::Relaxed) % self.list.len().max(1),
        };
        let mut order: Vec<_> =
            self.list.iter().cycle().skip(first).take(self.list.len()).collect();
        order.sort_by_key(|place| self.rests(place));
        order
    }

    /// The endpoint that gave a marked session id, and the id as it knows it; `None` when there is
    /// no such endpoint any more.
    pub(crate) fn of_session<'s>(&self, marked: &'s str) -> Option<(&Place, &'s str)> {
        let (tag, session) = marked.split_once(SEPARATOR)?;
        let tag = u32::from_str_radix(tag, 16).ok()?;
        Some((self.find(PlaceTag(tag))?, session))
    }

    /// The endpoint of this tag, if there still is one.
    pub(crate) fn find(&self, tag: PlaceTag) -> Option<&Place> {
        self.list.iter().find(|place| place.tag == tag.0)
    }

    /// Takes note of whether an endpoint could be reached.
    pub(crate) fn reached(&self, place: &Place, reached: bool) {
        let failed = if reached { 0 } else { self.now() };
        place.failed.store(failed, Ordering::Relaxed);
    }

    fn rests(&self, place: &Place) -> bool {
        let failed = place.failed.load(Ordering::Relaxed);
        failed != 0 && u128::from(self.now().saturating_sub(failed)) < REST.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }
}
