//! Enters: a request and its origin. Leaves: the response, over a kept connection where there is
//! one. A worker has one pool; nothing here is shared between cores.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, timeout};

use super::body::Body;
use super::coding::Coding;
use super::connect::connect;
use super::error::SendError;
use super::origin::Origin;
use crate::alarms::Alarms;
use crate::seal::Sealed;

/// How many connections are kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// How long an unused connection is kept. Below what servers allow (nginx 75 s, AWS load
    /// balancers 60 s), so that we hang up first.
    pub idle: Duration,
    /// Unused connections per origin.
    pub per_origin: usize,
}

/// How long the two halves of an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendDeadlines {
    /// Name lookup, TCP and TLS together.
    pub connect: Duration,
    /// From handing the request to a connection to its response head.
    pub first_byte: Duration,
}

/// The kept connections of one worker.
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    /// Of this worker's requests.
    alarms: Alarms,
    /// By origin id. Only this worker's thread takes the lock, so it is never waited for.
    slots: Mutex<Vec<Slot>>,
}

/// The connection of an exchange that is under way; dropping it closes the connection.
pub(super) struct Lease {
    pool: Arc<Pool>,
    slot: (usize, u64),
    sender: SendRequest<Full<Bytes>>,
}

/// The unused connections of one origin, the most recently used last.
#[derive(Debug, Default)]
struct Slot {
    /// Which origin's: ids are taken again, serials are not.
    serial: u64,
    idle: Vec<Idle>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<Full<Bytes>>,
    since: Instant,
}

/// How long a connection may take to be ready again after a response that came before the whole
/// request was read.
const SETTLE: Duration = Duration::from_secs(1);

// === impl PoolLimits ===

impl Default for PoolLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30), per_origin: 256 }
    }
}

// === impl Pool ===

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Arc<Self> {
        Arc::new(Self { limits, alarms: Alarms::default(), slots: Mutex::default() })
    }

    /// Sends a sealed request and waits for the response head. This is the only way out of the
    /// process, and it takes nothing else.
    ///
    /// A kept connection that turns out to be closed before any of the request was written is
    /// replaced by a fresh one, once; a request that may have been written is never sent again.
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::sent`] tells whether the server may have seen the request.
    pub(crate) async fn send(
        self: &Arc<Self>,
        sealed: Sealed,
        deadlines: SendDeadlines,
    ) -> Result<http::Response<Body>, SendError> {
        let (origin, request) = sealed.into_parts();
        self.send_to(&origin, request, deadlines).await
    }

    pub(super) async fn send_to(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        request: http::Request<Full<Bytes>>,
        deadlines: SendDeadlines,
    ) -> Result<http::Response<Body>, SendError> {
        let mut request = request;
        if let Some(sender) = self.take(origin) {
            match self.exchange(origin, sender, request, deadlines).await {
                Ok(response) => return Ok(response),
                Err((_, Some(unwritten))) => request = unwritten,
                Err((error, None)) => return Err(error),
            }
        }
        let sender = Box::pin(connect(origin, deadlines.connect)).await?;
        self.exchange(origin, sender, request, deadlines).await.map_err(|(error, _)| error)
    }

    /// Closes connections that nobody used for too long, until the pool is gone. To be spawned
    /// once per pool.
    pub fn tend(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let pool = Arc::downgrade(self);
        let every = self.limits.idle / 2;
        async move {
            loop {
                tokio::time::sleep(every).await;
                match pool.upgrade() {
                    Some(pool) => pool.sweep(),
                    None => return,
                }
            }
        }
    }

    /// Timers for what this worker waits for.
    pub(crate) fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Unused connections, of all origins.
    pub fn idle(&self) -> usize {
        self.slots().iter().map(|slot| slot.idle.len()).sum()
    }

    async fn exchange(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        mut sender: SendRequest<Full<Bytes>>,
        request: http::Request<Full<Bytes>>,
        deadlines: SendDeadlines,
    ) -> Result<http::Response<Body>, (SendError, Option<http::Request<Full<Bytes>>>)> {
        let peer = &origin.peer;
        let sending = sender.try_send_request(request);
        match self.alarms.within(deadlines.first_byte, sending).await {
            Some(Ok(response)) => {
                let lease = Lease { pool: Arc::clone(self), slot: origin.slot(), sender };
                let coding = Coding::of(response.headers());
                Ok(response.map(|incoming| Body::new(incoming, lease, peer, coding)))
            }
            Some(Err(mut refused)) => {
                let unwritten = refused.take_message();
                let error = SendError::from_exchange(peer, refused.error(), unwritten.is_none());
                Err((error, unwritten))
            }
            None => {
                let peer = Arc::clone(peer);
                Err((SendError::FirstByteTimeout { peer, limit: deadlines.first_byte }, None))
            }
        }
    }

    fn take(&self, origin: &Origin) -> Option<SendRequest<Full<Bytes>>> {
        let (id, serial) = origin.slot();
        let mut slots = self.slots();
        let slot = slots.get_mut(id).filter(|slot| slot.serial == serial)?;
        while let Some(Idle { sender, since }) = slot.idle.pop() {
            if since.elapsed() >= self.limits.idle {
                // Those below are older still.
                slot.idle.clear();
                return None;
            }
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn put(&self, (id, serial): (usize, u64), sender: SendRequest<Full<Bytes>>) {
        let mut slots = self.slots();
        if slots.len() <= id {
            slots.resize_with(id + 1, Slot::default);
        }
        let slot = &mut slots[id];
        if slot.serial > serial {
            // The origin is gone, and another one has its place.
            return;
        }
        if slot.serial < serial {
            *slot = Slot { serial, idle: Vec::new() };
        }
        if slot.idle.len() < self.limits.per_origin {
            slot.idle.push(Idle { sender, since: Instant::now() });
        }
    }

    fn sweep(&self) {
        let now = Instant::now();
        for slot in self.slots().iter_mut() {
            slot.idle.retain(|idle| {
                !idle.sender.is_closed() && now.duration_since(idle.since) < self.limits.idle
            });
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lease ===

impl Lease {
    /// The exchange is over: the connection may serve another one.
    pub(super) fn give_back(self) {
        let Self { pool, slot, mut sender } = self;
        if sender.is_ready() {
            pool.put(slot, sender);
        } else if !sender.is_closed() {
            // The server answered before it had read the whole request, or this task was quicker
            // than the connection's own.
            tokio::spawn(async move {
                if let Ok(Ok(())) = timeout(SETTLE, sender.ready()).await {
                    pool.put(slot, sender);
                }
            });
        }
    }
}
