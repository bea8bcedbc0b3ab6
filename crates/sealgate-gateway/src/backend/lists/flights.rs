//! Enters: questions that may be the same one. Leaves: who is to ask it, and for the others the
//! moment at which it was answered or given up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::shelf::Key;

/// The questions that are on their way.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Key, watch::Sender<()>>>);

/// A part in a question.
pub(super) enum Flight<'a> {
    /// Ask; whoever joins waits until this is dropped.
    Leading(Leading<'a>),
    /// Somebody asks; the receiver closes when that is over.
    Joined(watch::Receiver<()>),
}

/// The right to ask.
pub(super) struct Leading<'a> {
    flights: &'a Flights,
    key: Key,
}

impl Flights {
    pub(super) fn join(&self, key: &Key) -> Flight<'_> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key) {
            return Flight::Joined(flight.subscribe());
        }
        flights.insert(key.clone(), watch::Sender::new(()));
        Flight::Leading(Leading { flights: self, key: key.clone() })
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
    }
}
