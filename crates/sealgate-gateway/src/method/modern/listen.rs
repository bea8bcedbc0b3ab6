//! Enters: `subscriptions/listen`. Leaves: one event stream of what several backends, of either
//! era, tell of themselves, as far as the client asked for it.

mod feed;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, Response};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::listen::{self, Filter};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::super::Call;
use super::super::client_stream::ClientStream;
use super::reach::direct;
use crate::backend::Speaker;
use crate::changes::{Change, RouteChanges};
use crate::fail::Failure;
use crate::receive;
use crate::reply::{ReplyBody, alive, event};
use crate::upstream::Pool;
use feed::{Feed, Listener, Opening};

/// Events that wait for a slow client before backends have to.
const QUEUE: usize = 32;
/// How long the acknowledgement waits for backends: clients want it within 0.8 s.
const PATIENCE: Duration = Duration::from_millis(500);

/// Opens a feed to each backend, acknowledges, and passes on what they say.
pub(super) async fn listen(call: Call<'_, '_>) -> Result<Response<ReplyBody>, Failure> {
    let received = &call.permit.received;
    if !receive::accepts_events(received.headers) {
        return Err(Failure::NotAcceptable);
    }
    let params = received.message.params.as_ref();
    let asked = params.and_then(|params| params.notifications).map(Filter::read);
    let asked = match asked {
        Some(Ok(asked)) => asked,
        Some(Err(fault)) => return Err(Failure::InvalidParams(fault.to_string())),
        None => return Err(Failure::InvalidParams("params.notifications is missing".to_owned())),
    };
    let id: Box<RawValue> = received.message.id.map(ToOwned::to_owned).ok_or_else(|| {
        Failure::InvalidParams("a request without an id cannot be listened to".to_owned())
    })?;
    let listener = Arc::new(Listener {
        gateway: Arc::clone(&call.worker.gateway),
        principal: call.permit.principal.clone(),
        id,
        asked,
        acknowledged: OnceLock::new(),
    });

    let route = received.route;
    let mut openings = JoinSet::new();
    for index in 0..route.backends.len() {
        openings.spawn(Feed::open(Arc::clone(&listener), call.direct(index)));
    }
    let mut opened = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, async {
        while let Some(joined) = openings.join_next().await {
            opened.extend(joined);
        }
    })
    .await;
    if openings.is_empty() && opened.iter().all(|opening| opening.failure.is_some()) {
        let mut failures: Vec<_> = opened.into_iter().filter_map(|o| o.failure).collect();
        return match (route.single(), failures.pop()) {
            (Some(_), Some(failure)) => Err(failure.into()),
            (_, last) => {
                failures.extend(last);
                Err(Failure::AllBackendsFailed { method: "subscriptions/listen", failures })
            }
        };
    }

    let mut accepted = Filter::default();
    for opening in &opened {
        accepted.unite(opening.feed.accepted.clone());
    }
    if !openings.is_empty() {
        // Whoever is late may still agree to anything.
        accepted.unite(listener.asked.clone());
    }
    // That a list of the route changed by a reload, or by a backend's absence, the gateway tells.
    let offers = opened.iter().fold(Offers::NONE, |sum, opening| sum | opening.feed.offers);
    accepted.unite(Filter {
        tools: offers.has(Offers::TOOLS),
        prompts: offers.has(Offers::PROMPTS),
        resources: offers.has(Offers::RESOURCES),
        ..Filter::default()
    });
    accepted.narrow(&listener.asked);
    let accepted = listener.acknowledged.get_or_init(|| accepted);

    let (client, receiver) = mpsc::channel(QUEUE);
    let acknowledgement = listen::acknowledgement(&listener.id, accepted);
    // The queue is empty and the receiver is here.
    let _ = client.try_send(event(acknowledgement.as_bytes()));
    let following = Following {
        changes: listener.gateway.changes.of(route),
        route: route.tag,
        pool: Arc::clone(&call.worker.pool),
        headers: received.headers.clone(),
        speaker: call.speaker().into(),
        client: ClientStream::new(client),
        openings,
        feeds: JoinSet::new(),
        standing: HashMap::new(),
        listener,
    };
    tokio::spawn(following.run(opened));
    call.record.streams();
    Ok(ReplyBody::events(receiver))
}

/// A listen stream that stands.
struct Following {
    listener: Arc<Listener>,
    changes: RouteChanges,
    /// [`RoutePlan::tag`](crate::plan::RoutePlan).
    route: u64,
    pool: Arc<Pool>,
    /// Of the client, some of which backends see.
    headers: HeaderMap,
    speaker: Arc<Speaker>,
    client: ClientStream,
    openings: JoinSet<Opening>,
    feeds: JoinSet<()>,
    /// The feed of each backend, by its tag.
    standing: HashMap<u32, AbortHandle>,
}

impl Following {
    /// Feeds the client until it goes away or the gateway ends. Backends come and go with reloads.
    async fn run(mut self, opened: Vec<Opening>) {
        for opening in opened {
            self.feed(opening);
        }
        let gateway = Arc::clone(&self.listener.gateway);
        let (listener, client) = (Arc::clone(&self.listener), self.client.clone());
        let work = async {
            tokio::select! {
                () = self.follow() => {}
                () = gateway.drained() => {}
            }
        };
        if alive(client.sender(), gateway.limits.keep_alive, work).await.is_some() {
            let _ = client.send(event(listen::farewell(&listener.id).as_bytes())).await;
        }
    }

    async fn follow(&mut self) {
        loop {
            tokio::select! {
                Some(joined) = self.openings.join_next() => {
                    if let Ok(opening) = joined {
                        self.feed(opening);
                    }
                }
                // Taken out of the set.
                Some(_) = self.feeds.join_next() => {}
                change = self.changes.next() => self.take(change).await,
            }
        }
    }

    fn feed(&mut self, opening: Opening) {
        let tag = opening.feed.exchange.backend().tag;
        let handle = self.feeds.spawn(opening.feed.follow(self.client.clone()));
        self.standing.insert(tag, handle);
    }

    /// Tells the client what changed, and listens to whom there is now.
    async fn take(&mut self, change: Change) {
        for tag in &change.gone {
            if let Some(feed) = self.standing.remove(tag) {
                feed.abort();
            }
        }
        let wanted = self.listener.acknowledged.get().unwrap_or(&self.listener.asked);
        self.listener.announce(&self.client, wanted, change.lists).await;
        let plan = self.listener.gateway.plan();
        let Some(route) = plan.routes.iter().find(|route| route.tag == self.route) else { return };
        for index in change.added.iter().filter_map(|tag| route.by_tag(*tag)) {
            let speaker = Arc::clone(&self.speaker);
            let exchange = direct(&self.pool, route, index, &self.headers, speaker);
            self.openings.spawn(Feed::open(Arc::clone(&self.listener), exchange));
        }
    }
}
