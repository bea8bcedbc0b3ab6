//! Enters: clients of HTTP+SSE (MCP 2024-11-05). Leaves: for each its one event stream, on which
//! goes all that the gateway says to it, found again by the ticket in the query of its POSTs.
//!
//! The stream is the session, so that it lives in the process that holds the connection.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use sealgate_mcp::keyring::{Keyring, Purpose};
use sealgate_mcp::sse;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::authenticate::Principal;
use crate::fail::Failure;
use crate::walk::Worker;

/// What is done for a client, in the worker that holds its stream: others may end before it does.
pub(crate) type Work = Box<dyn FnOnce(Worker) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Events that wait for a slow client before backends have to.
const QUEUE: usize = 16;
/// Requests of one client that may wait for their answers.
const PENDING: usize = 64;
/// Bytes of a stream's random name.
const NAME: usize = 16;

/// The event streams that this process holds.
#[derive(Default)]
pub(crate) struct Tethers(Mutex<HashMap<[u8; NAME], Arc<Tether>>>);

/// One client's event stream.
pub(crate) struct Tether {
    name: [u8; NAME],
    client: mpsc::Sender<Bytes>,
    /// Held while an event is written: one that comes in pieces must not be interrupted.
    pen: tokio::sync::Mutex<()>,
    /// Bounded by `room`.
    work: mpsc::UnboundedSender<Work>,
    room: Arc<Semaphore>,
    stage: Mutex<Stage>,
    over: watch::Sender<bool>,
}

/// The right to write on a client's stream.
pub(crate) struct Pen<'t> {
    client: &'t mpsc::Sender<Bytes>,
    _held: tokio::sync::MutexGuard<'t, ()>,
}

/// A new stream, for the worker that holds it.
pub(crate) struct NewTether {
    pub(crate) tether: Arc<Tether>,
    /// By which the client's POSTs find the stream.
    pub(crate) ticket: String,
    /// What the client reads.
    pub(crate) events: mpsc::Receiver<Bytes>,
    /// What is to be done.
    pub(crate) work: mpsc::UnboundedReceiver<Work>,
}

/// How far a client has come.
enum Stage {
    Connected,
    Opening,
    /// Its `Mcp-Session-Id`, which it never sees; and whether it listens.
    Open(HeaderValue, bool),
}

impl Tethers {
    /// A new stream and its ticket: unguessable, good on this route and for this caller only.
    ///
    /// # Errors
    /// [`Failure::TetherGone`] if the system gives no random numbers.
    pub(crate) fn open(
        &self,
        keyring: &Keyring,
        route: u64,
        principal: &Principal,
    ) -> Result<NewTether, Failure> {
        let mut name = [0; NAME];
        aws_lc_rs::rand::fill(&mut name).map_err(|_| Failure::TetherGone)?;
        let tag = keyring.mac(Purpose::Tether, &bind(route, principal), &name);
        let ticket = URL_SAFE_NO_PAD.encode([&tag[..], &name].concat());
        let (client, events) = mpsc::channel(QUEUE);
        let (sender, work) = mpsc::unbounded_channel();
        let tether = Arc::new(Tether {
            name,
            client,
            pen: tokio::sync::Mutex::default(),
            work: sender,
            room: Arc::new(Semaphore::new(PENDING)),
            stage: Mutex::new(Stage::Connected),
            over: watch::Sender::new(false),
        });
        self.lock().insert(name, Arc::clone(&tether));
        Ok(NewTether { tether, ticket, events, work })
    }

    /// The stream of a ticket.
    ///
    /// # Errors
    /// [`Failure::UnknownTether`] for what is no ticket of this route and caller,
    /// [`Failure::TetherGone`] if another process has the stream, or nobody any more.
    pub(crate) fn find(
        &self,
        keyring: &Keyring,
        route: u64,
        principal: &Principal,
        ticket: &str,
    ) -> Result<Arc<Tether>, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(ticket).map_err(|_| Failure::UnknownTether)?;
        let (tag, name) =
            bytes.split_at_checked(Keyring::MAC_LENGTH).ok_or(Failure::UnknownTether)?;
        keyring
            .verify_mac(Purpose::Tether, &bind(route, principal), name, tag)
            .map_err(|_| Failure::UnknownTether)?;
        let name: [u8; NAME] = name.try_into().map_err(|_| Failure::UnknownTether)?;
        self.lock().get(&name).cloned().ok_or(Failure::TetherGone)
    }

    /// Ends a stream and all that writes on it.
    pub(crate) fn end(&self, tether: &Tether) {
        self.lock().remove(&tether.name);
        tether.end();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; NAME], Arc<Tether>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a ticket is bound to.
fn bind(route: u64, principal: &Principal) -> Vec<u8> {
    [&route.to_be_bytes()[..], &principal.digest()].concat()
}

impl Tether {
    /// Room for one more request.
    ///
    /// # Errors
    /// [`Failure::TetherFull`].
    pub(crate) fn room(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| Failure::TetherFull(PENDING))
    }

    /// Has something done by the worker that holds the stream.
    pub(crate) fn run(&self, work: Work) {
        let _ = self.work.send(work);
    }

    /// Waits until every request has its answer.
    pub(crate) async fn settled(&self) {
        #[expect(clippy::cast_possible_truncation, reason = "it is 64")]
        let all = PENDING as u32;
        let _ = self.room.acquire_many(all).await;
    }

    /// Notes that the client initializes; false if it did before.
    pub(crate) fn begin(&self) -> bool {
        let mut stage = self.stage();
        let is_first = matches!(*stage, Stage::Connected);
        if is_first {
            *stage = Stage::Opening;
        }
        is_first
    }

    /// Notes how that went.
    pub(crate) fn began(&self, session: Option<HeaderValue>) {
        *self.stage() = match session {
            Some(session) => Stage::Open(session, false),
            None => Stage::Connected,
        };
    }

    /// The client's session, once it is open.
    pub(crate) fn session(&self) -> Option<HeaderValue> {
        match &*self.stage() {
            Stage::Open(session, _) => Some(session.clone()),
            _ => None,
        }
    }

    /// Whether the session's own stream is still to be opened: true once.
    pub(crate) fn listens(&self) -> bool {
        match &mut *self.stage() {
            Stage::Open(_, listens) => !std::mem::replace(listens, true),
            _ => false,
        }
    }

    /// The right to write, once nobody else does: an event may come in parts.
    pub(crate) async fn pen(&self) -> Pen<'_> {
        Pen { _held: self.pen.lock().await, client: &self.client }
    }

    /// Writes one event.
    pub(crate) async fn write(&self, event: Bytes) {
        self.pen().await.write(event).await;
    }

    /// Says that the stream lives, unless something is being written anyway.
    pub(crate) async fn keep_alive(&self) {
        if let Ok(_held) = self.pen.try_lock() {
            let _ = self.client.send(Bytes::from_static(sse::KEEP_ALIVE)).await;
        }
    }

    /// Whether the client has gone, or the stream was ended.
    pub(crate) fn is_over(&self) -> bool {
        *self.over.borrow() || self.client.is_closed()
    }

    /// Waits until the client has gone, or the stream was ended.
    pub(crate) async fn over(&self) {
        let mut over = self.over.subscribe();
        tokio::select! {
            // The sender lives as long as the tether.
            _ = over.wait_for(|over| *over) => {}
            () = self.client.closed() => {}
        }
    }

    /// Ends the stream once all that holds it has let go.
    pub(crate) fn end(&self) {
        self.over.send_replace(true);
    }

    fn stage(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pen<'_> {
    /// Writes a whole event. A client that has gone hears nothing.
    pub(crate) async fn write(&self, text: Bytes) {
        let _ = self.client.send(text).await;
    }

    /// Writes a part of a large event, once the client has read all before it.
    pub(crate) async fn write_part(&self, text: Bytes) {
        if let Ok(mut places) = self.client.reserve_many(self.client.max_capacity()).await
            && let Some(place) = places.next()
        {
            place.send(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ticket_holds_on_its_route_and_in_its_process_only() {
        let keyring = Keyring::generate().unwrap();
        let (here, there) = (Tethers::default(), Tethers::default());
        let opened = here.open(&keyring, 7, &Principal::Anonymous).unwrap();
        let NewTether { tether, ticket, .. } = &opened;
        let find = |tethers: &Tethers, route, ticket: &str| {
            tethers.find(&keyring, route, &Principal::Anonymous, ticket).map(|found| found.name)
        };
        assert_eq!(find(&here, 7, ticket).unwrap(), tether.name);
        assert!(matches!(find(&here, 8, ticket), Err(Failure::UnknownTether)));
        assert!(matches!(find(&there, 7, ticket), Err(Failure::TetherGone)));
        for wrong in ["", "AAAA", "%", &ticket[1..], &"A".repeat(ticket.len())] {
            assert!(matches!(find(&here, 7, wrong), Err(Failure::UnknownTether)));
        }
        here.end(tether);
        assert!(matches!(find(&here, 7, ticket), Err(Failure::TetherGone)));
    }

    #[tokio::test]
    async fn a_client_initializes_once_unless_that_fails() {
        let keyring = Keyring::generate().unwrap();
        let tethers = Tethers::default();
        let NewTether { tether, .. } = tethers.open(&keyring, 7, &Principal::Anonymous).unwrap();
        assert!(tether.begin() && !tether.begin());
        tether.began(None);
        assert!(tether.begin() && !tether.listens());
        tether.began(Some(HeaderValue::from_static("s")));
        assert!(!tether.begin() && tether.listens() && !tether.listens());
    }

    #[tokio::test]
    async fn so_many_requests_wait_and_no_more() {
        let keyring = Keyring::generate().unwrap();
        let tethers = Tethers::default();
        let NewTether { tether, .. } = tethers.open(&keyring, 7, &Principal::Anonymous).unwrap();
        let held: Vec<_> = (0..PENDING).map(|_| tether.room().unwrap()).collect();
        assert!(matches!(tether.room(), Err(Failure::TetherFull(PENDING))));
        drop(held);
        tether.settled().await;
    }
}
