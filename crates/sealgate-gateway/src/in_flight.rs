//! Enters: requests as they go out. Leaves: which backend and upstream id a client's
//! `notifications/cancelled` means.
//!
//! The table is this process's own: a cancellation is advice (MCP, cancellation), so that one
//! which reaches another replica may go unheard.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

/// The requests that wait for an answer.
#[derive(Default)]
pub(crate) struct InFlight {
    /// Ordered, because there are few at a time: to compare some keys costs less than to hash one.
    requests: Mutex<BTreeMap<(u64, Arc<str>), Running>>,
}

struct Running {
    backend: usize,
    upstream_id: Arc<str>,
    /// How often it was entered: a client that resumes enters its request again.
    count: usize,
    /// Some clients use one id for several requests at once; a cancellation that could mean any
    /// of them means none.
    is_ambiguous: bool,
}

/// Keeps a request in the table; dropping it takes the request out.
pub(crate) struct Entered {
    table: Arc<InFlight>,
    key: (u64, Arc<str>),
}

impl InFlight {
    /// Notes that the client's request `id` of a session runs as `upstream_id` on `backend`.
    pub(crate) fn enter(
        self: &Arc<Self>,
        session: u64,
        id: &Arc<str>,
        backend: usize,
        upstream_id: &Arc<str>,
    ) -> Entered {
        let key = (session, Arc::clone(id));
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests
            .entry(key.clone())
            .and_modify(|running| {
                running.count += 1;
                running.is_ambiguous |= running.upstream_id != *upstream_id;
            })
            .or_insert_with(|| Running {
                backend,
                upstream_id: Arc::clone(upstream_id),
                count: 1,
                is_ambiguous: false,
            });
        Entered { table: Arc::clone(self), key }
    }

    /// The backend and upstream id of a request, if it runs and no other has its id.
    pub(crate) fn find(&self, session: u64, id: &str) -> Option<(usize, Arc<str>)> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let running = requests.get(&(session, Arc::from(id)))?;
        (!running.is_ambiguous).then(|| (running.backend, Arc::clone(&running.upstream_id)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut requests = self.table.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = requests.entry(self.key.clone()) {
            entry.get_mut().count -= 1;
            if entry.get().count == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_request_is_found_until_it_ends() {
        let table = Arc::new(InFlight::default());
        let entered = table.enter(7, &"1".into(), 2, &"900".into());
        assert_eq!(table.find(7, "1"), Some((2, "900".into())));
        assert_eq!(table.find(8, "1"), None);
        drop(entered);
        assert_eq!(table.find(7, "1"), None);
    }

    #[test]
    fn a_request_that_its_client_resumes_is_still_one() {
        let table = Arc::new(InFlight::default());
        let left = table.enter(7, &"1".into(), 2, &"900".into());
        let resumed = table.enter(7, &"1".into(), 2, &"900".into());
        assert_eq!(table.find(7, "1"), Some((2, "900".into())));
        drop(left);
        assert_eq!(table.find(7, "1"), Some((2, "900".into())));
        drop(resumed);
        assert_eq!(table.find(7, "1"), None);
    }

    #[test]
    fn an_id_that_runs_twice_means_neither() {
        let table = Arc::new(InFlight::default());
        let first = table.enter(7, &"1".into(), 0, &"900".into());
        let second = table.enter(7, &"1".into(), 1, &"901".into());
        assert_eq!(table.find(7, "1"), None);
        drop(first);
        drop(second);
        assert!(table.requests.lock().unwrap().is_empty());
    }
}
