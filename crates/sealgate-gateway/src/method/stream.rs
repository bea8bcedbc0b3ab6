//! Enters: GET. Leaves: one event stream of what every backend says unasked.

mod follow;
mod resume;
mod source;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Response};
use sealgate_mcp::event_id::LastEvents;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::client_stream::ClientStream;
use crate::backend::Exchange;
use crate::changes::{RouteChanges, notifications};
use crate::fail::{BackendError, Failure};
use crate::plan::RoutePlan;
use crate::reply::{ReplyBody, alive, event};
use crate::seal::LAST_EVENT_ID;
use crate::session::Session;
use crate::upstream::Body;
use crate::walk::Worker;
use follow::Follow;
use source::{Source, Sources};

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

/// The backends' streams that are being opened.
type Openings = JoinSet<(Box<Follow>, Opening)>;

/// Merges the streams of the session's backends, each behind the last event that the client has
/// of it, with what the gateway itself has to say: that a reload changed a list, that a backend is
/// gone or back. So there is a stream even where no backend has one.
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
    let (client, receiver) = mpsc::channel(QUEUE);
    let sources = Arc::new(Sources {
        worker: worker.clone(),
        session: session.clone(),
        headers: headers.clone(),
        shared: Arc::new(Mutex::new(last.clone())),
        last,
        client: ClientStream::new(client),
    });
    let mut openings = Openings::new();
    let mut streams = JoinSet::new();
    for index in 0..route.backends.len() {
        match sources.of(route, index) {
            Source::Legacy(follow) => {
                openings.spawn(async move {
                    let opening = open(&follow.exchange, follow.last.as_deref()).await;
                    (follow, opening)
                });
            }
            Source::Modern(exchange, offers) => {
                streams.spawn(Arc::clone(&sources).listen(exchange, offers));
            }
            Source::Away => {
                streams.spawn(Arc::clone(&sources).join(Arc::clone(route), index, true));
            }
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
        && streams.is_empty()
        && let [(_, Opening::Failed(BackendError::SessionLost))] = opened.as_slice()
    {
        return Err(Failure::SessionEnded);
    }
    for (follow, opening) in opened {
        let changes = worker.gateway.changes.of(route);
        streams.spawn(follow.run(sources.client.clone(), opening, changes));
    }
    tokio::spawn(run(sources, Arc::clone(route), openings, streams, changes));
    Ok(ReplyBody::events(receiver))
}

/// Keeps the stream until the client goes or the gateway ends: also when every backend has closed
/// its own, because the client would only come back at once.
async fn run(
    sources: Arc<Sources>,
    route: Arc<RoutePlan>,
    mut openings: Openings,
    mut streams: JoinSet<()>,
    mut changes: RouteChanges,
) {
    let gateway = &sources.worker.gateway;
    let tag = route.tag;
    drop(route);
    let work = async {
        loop {
            tokio::select! {
                Some(joined) = openings.join_next() => {
                    if let Ok((follow, opening)) = joined {
                        let changes = gateway.changes.of(&follow.exchange.route);
                        streams.spawn(follow.run(sources.client.clone(), opening, changes));
                    }
                }
                // Taken out of the set.
                Some(_) = streams.join_next() => {}
                change = changes.next() => {
                    for (list, message) in notifications(change.lists & sources.known()) {
                        let _ = sources.client.changed(list, event(message)).await;
                    }
                    let plan = gateway.plan();
                    let route = plan.routes.iter().find(|route| route.tag == tag);
                    let Some(route) = route.filter(|_| !change.added.is_empty()) else { continue };
                    let added = change.added.iter().filter_map(|tag| route.by_tag(*tag));
                    for index in added {
                        // The client has just been told of its lists.
                        streams.spawn(Arc::clone(&sources).join(Arc::clone(route), index, false));
                    }
                }
                () = gateway.drained() => return,
            }
        }
    };
    alive(sources.client.sender(), gateway.limits.keep_alive, work).await;
}

async fn open(exchange: &Exchange, last: Option<&str>) -> Opening {
    match exchange.listen(last).await {
        Ok(Some(body)) => Opening::Streams(body),
        Ok(None) => Opening::None,
        Err(error) => Opening::Failed(error),
    }
}
