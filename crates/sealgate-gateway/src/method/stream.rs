//! Enters: GET. Leaves: one event stream of what every backend says unasked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use sealgate_mcp::capability::Offers;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::watch;
use crate::backend::Exchange;
use crate::changes::RouteChanges;
use crate::fail::{BackendError, Failure};
use crate::gateway::Gateway;
use crate::plan::RoutePlan;
use crate::reply::{Pump, ReplyBody, Translate, Translated, alive, event};
use crate::session::Session;
use crate::upstream::Body;
use crate::walk::Worker;

/// Events that wait for a slow client before backends have to.
const QUEUE: usize = 32;
/// How long the answer waits to learn that no backend has a stream.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// Shortest and longest pause before a broken stream is opened again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What a backend answered to GET.
enum Opening {
    Streams(Exchange, Body),
    None,
    Failed(Exchange, BackendError),
}

/// Merges the streams of the session's backends with what the gateway itself has to say: that a
/// reload changed a list. So there is a stream even where no backend has one.
pub(crate) async fn stream(
    worker: &Worker,
    route: &Arc<RoutePlan>,
    session: &Session,
    headers: &HeaderMap,
) -> Result<Response<ReplyBody>, Failure> {
    let opening = worker.gateway.openings.begin(session.fingerprint);
    let changes = worker.gateway.changes.of(route);
    let mut openings = JoinSet::new();
    let mut modern = Vec::new();
    for index in 0..route.backends.len() {
        let exchange = session.exchange(worker, route, index, headers);
        if exchange.is_modern() {
            let known = session.backend(&worker.gateway, exchange.backend().tag);
            modern.push((exchange, known.map_or(Offers::NONE, |known| known.offers)));
        } else if exchange.version.is_some() {
            openings.spawn(open(exchange));
        }
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
        && let [Opening::Failed(_, BackendError::SessionLost)] = opened.as_slice()
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
        for opening in opened {
            let changes = gateway.changes.of(&route);
            streams.spawn(follow(Arc::clone(&gateway), session, client.clone(), opening, changes));
        }
        while !openings.is_empty() {
            let joined = tokio::select! {
                joined = openings.join_next() => joined,
                () = gateway.drained() => return,
            };
            if let Some(Ok(opening)) = joined {
                let changes = gateway.changes.of(&route);
                let gateway = Arc::clone(&gateway);
                streams.spawn(follow(gateway, session, client.clone(), opening, changes));
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

async fn open(exchange: Exchange) -> Opening {
    match exchange.listen(None).await {
        Ok(Some(body)) => Opening::Streams(exchange, body),
        Ok(None) => Opening::None,
        Err(error) => Opening::Failed(exchange, error),
    }
}

/// As [`pass_on`], until the backend is no longer one of the route.
async fn follow(
    gateway: Arc<Gateway>,
    session: u64,
    client: mpsc::Sender<Bytes>,
    opening: Opening,
    mut changes: RouteChanges,
) {
    let (Opening::Streams(exchange, _) | Opening::Failed(exchange, _)) = &opening else { return };
    let tag = exchange.backend().tag;
    tokio::select! {
        () = pass_on(gateway, session, client, opening) => {}
        () = changes.removed(tag) => {}
    }
}

/// Passes one backend's events on until the client has gone; opens its stream again, ever more
/// slowly, when it breaks.
async fn pass_on(
    gateway: Arc<Gateway>,
    session: u64,
    client: mpsc::Sender<Bytes>,
    mut opening: Opening,
) {
    let mut pause = PAUSE.0;
    loop {
        let exchange = match opening {
            Opening::None | Opening::Failed(_, BackendError::SessionLost) => return,
            Opening::Failed(exchange, error) => {
                let backend = &exchange.backend().name;
                tracing::debug!(%backend, %error, "event stream not opened");
                exchange
            }
            Opening::Streams(exchange, body) => {
                let translate = Translate {
                    gateway: Arc::clone(&gateway),
                    session,
                    backend: exchange.backend().tag,
                    request: None,
                };
                if pass(&client, Pump::new(body), &translate).await {
                    pause = PAUSE.0;
                }
                exchange
            }
        };
        tokio::select! {
            () = client.closed() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE.1);
        tokio::select! {
            () = client.closed() => return,
            next = open(exchange) => opening = next,
        }
    }
}

/// Passes events on until the stream or the client ends; tells whether any came.
async fn pass(client: &mpsc::Sender<Bytes>, mut pump: Pump, translate: &Translate) -> bool {
    let mut any = false;
    loop {
        let data = tokio::select! {
            data = pump.next() => data,
            () = client.closed() => return any,
        };
        let Ok(Some(data)) = data else { return any };
        any = true;
        match translate.message(&data) {
            Ok(Translated::Other(message)) => {
                if client.send(event(&message)).await.is_err() {
                    return any;
                }
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "message of an event stream dropped"),
        }
    }
}
