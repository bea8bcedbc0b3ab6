//! Enters: the event ids of backends. Leaves: ids by which a client of this gateway, or of another
//! replica, resumes where it was (MCP 2025-03-26, resumability).

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sealgate_mcp::event_id::LastEvents;
use sealgate_mcp::sse;
use sealgate_mcp::version::Version;

use super::pump::Mark;
use crate::session::Session;

/// A backend as the client's event ids name it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Its place in the session token; without one its events have no ids.
    place: Option<usize>,
    /// Whether the client knows events without a message, and comes back after them by itself.
    primes: bool,
}

/// Where one backend's events stand on one stream of the client.
#[derive(Clone)]
pub(crate) struct Marks {
    place: Place,
    last: Arc<Mutex<LastEvents>>,
}

impl Place {
    /// Of the backend with this tag.
    pub(crate) fn of(session: &Session, backend: u32) -> Self {
        if !session.resumes {
            return Self { place: None, primes: false };
        }
        Self {
            place: session.token.backends.iter().position(|known| known.backend == backend),
            primes: session.token.version >= Version::V2025_11_25,
        }
    }

    /// For an answer that is no event stream, which cannot be resumed.
    pub(super) fn within_json(self) -> Self {
        Self { primes: false, ..self }
    }

    /// The backend's place in the session token.
    pub(crate) fn index(self) -> Option<usize> {
        self.place
    }
}

impl Marks {
    /// For a stream of a client that is at `last`.
    pub(crate) fn new(place: Place, last: &Arc<Mutex<LastEvents>>) -> Self {
        Self { place, last: Arc::clone(last) }
    }

    /// For the stream that answers one request.
    pub(crate) fn answering(place: Place, upstream: &str, client: &str) -> Self {
        let last = LastEvents::answering(upstream, client);
        Self { place, last: Arc::new(Mutex::new(last)) }
    }

    /// The client's id for an event.
    pub(crate) fn id(&self, mark: &Mark) -> Option<String> {
        let (place, id) = (self.place.place?, mark.id.as_deref()?);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.note(place, id);
        last.write()
    }

    /// A message as an event.
    pub(crate) fn event(&self, message: &[u8], mark: &Mark) -> Bytes {
        let mut out = Vec::with_capacity(message.len() + 64);
        sse::write_event(&mut out, self.id(mark).as_deref(), message);
        out.into()
    }

    /// An event without a message, for a client that knows such.
    pub(crate) fn priming(&self, mark: &Mark) -> Option<Bytes> {
        let id = self.id(mark).filter(|_| self.place.primes)?;
        let mut out = Vec::with_capacity(id.len() + 48);
        sse::write_priming(&mut out, &id, mark.retry);
        Some(out.into())
    }

    /// Whether the client knows an id to resume from, and comes back by itself when the stream
    /// ends (MCP 2025-11-25, SEP-1699).
    pub(crate) fn can_resume(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.place.primes && last.write().is_some()
    }

    /// Whether the client knows events without a message.
    pub(super) fn primes(&self) -> bool {
        self.place.primes && self.place.place.is_some()
    }
}
