//! Enters: GET. Leaves: one event stream of what every backend says unasked.

mod follow;
mod resume;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::event_id::LastEvents;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::watch;
use crate::backend::Exchange;
use crate::changes::RouteChanges;
use crate::fail::{BackendError, Failure};
use crate::plan::RoutePlan;
use crate::reply::{Marks, Place, ReplyBody, alive, event};
use crate::seal::LAST_EVENT_ID;
use crate::session::Session;
use crate::upstream::Body;
use crate::walk::Worker;
use follow::Follow;

/// Events that wait for a slow client before backends have to.
const QUEUE: usize = 32;
/// How long the answer waits to learn that no backend has a stream.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// What a backend answered to GET.
enum Opening {
    Streams(Body),
    None,
    Failed(BackendError),
}

/// Merges the streams of the session's backends, each behind the last event that the client has
/// of it, with what the gateway itself has to say: that a reload changed a list. So there is a
/// stream even where no backend has one.
pub(crate) async fn stream(
    worker: &Worker,
    route: &Arc<RoutePlan>,
    session: &Session,
    headers: &HeaderMap,
) -> Result<Response<ReplyBody>, Failure> {
    // An id that is none of ours means a new stream.
    let last = headers
        .get(LAST_EVENT_ID)
        .and_then(|value| LastEvents::read(value.to_str().ok()?))
        .unwrap_or_default();
    if last.request().is_some() {
        return resume::resume(worker, route, session, headers, last).await;
    }
    let opening = worker.gateway.openings.begin(session.fingerprint);
    let changes = worker.gateway.changes.of(route);
    let shared = Arc::new(Mutex::new(last.clone()));
    let mut openings = JoinSet::new();
    let mut modern = Vec::new();
    for index in 0..route.backends.len() {
        let exchange = session.exchange(worker, route, index, headers);
        if exchange.is_modern() {
            let known = session.backend(&worker.gateway, exchange.backend().tag);
            modern.push((exchange, known.map_or(Offers::NONE, |known| known.offers)));
            continue;
        }
        if exchange.version.is_none() {
            continue;
        }
        let place = Place::of(session, route.backends[index].tag);
        let follow = Follow {
            gateway: Arc::clone(&worker.gateway),
            session: session.fingerprint,
            marks: Marks::new(place, &shared),
            last: place.index().and_then(|place| last.of(place)),
            retry: None,
            exchange,
        };
        openings.spawn(async move {
            let opening = open(&follow.exchange, follow.last.as_deref()).await;
            (follow, opening)
        });
    }
    // Most backends answer at once; one that keeps its head back until there is news must not
    // hold the client.
    let mut opened = Vec::new();
    let _ = tokio::time::timeout(FIRST_WORD, async {
        while let Some(joined) = openings.join_next().await {
            opened.extend(joined);
        }
    })
    .await;
    drop(opening);
    if openings.is_empty()
        && let [(_, Opening::Failed(BackendError::SessionLost))] = opened.as_slice()
    {
        return Err(Failure::SessionEnded);
    }
    let (client, receiver) = mpsc::channel(QUEUE);
    let gateway = Arc::clone(&worker.gateway);
    let route = Arc::clone(route);
    let known = session.token.backends.iter().fold(Offers::NONE, |sum, one| sum | one.offers);
    let session = session.fingerprint;
    tokio::spawn(async move {
        let mut streams = JoinSet::new();
        streams.spawn(announce(changes, known, client.clone()));
        for (exchange, offers) in modern {
            let changes = gateway.changes.of(&route);
            let (gateway, client) = (Arc::clone(&gateway), client.clone());
            streams.spawn(watch::follow(gateway, session, client, exchange, offers, changes));
        }
        for (follow, opening) in opened {
            let changes = gateway.changes.of(&route);
            streams.spawn(follow.run(client.clone(), opening, changes));
        }
        while !openings.is_empty() {
            let joined = tokio::select! {
                joined = openings.join_next() => joined,
                () = gateway.drained() => return,
                () = client.closed() => return,
            };
            if let Some(Ok((follow, opening))) = joined {
                let changes = gateway.changes.of(&route);
                streams.spawn(follow.run(client.clone(), opening, changes));
            }
        }
        // The stream stays open when every backend has closed its own: the client would only
        // come back at once.
        alive(&client, gateway.limits.keep_alive, gateway.drained()).await;
    });
    Ok(ReplyBody::events(receiver))
}

/// Tells the client which of its lists a reload may have changed.
async fn announce(mut changes: RouteChanges, known: Offers, client: mpsc::Sender<Bytes>) {
    loop {
        let change = tokio::select! {
            change = changes.next() => change,
            () = client.closed() => return,
        };
        for notification in change.notifications(known) {
            if client.send(event(notification)).await.is_err() {
                return;
            }
        }
    }
}

async fn open(exchange: &Exchange, last: Option<&str>) -> Opening {
    match exchange.listen(last).await {
        Ok(Some(body)) => Opening::Streams(body),
        Ok(None) => Opening::None,
        Err(error) => Opening::Failed(error),
    }
}
