//! Enters: `subscriptions/listen`. Leaves: one event stream of what several backends, of either
//! era, tell of themselves, as far as the client asked for it.

mod feed;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::listen::{self, Filter};
use sealgate_mcp::method::Method;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::Call;
use crate::changes::RouteChanges;
use crate::fail::Failure;
use crate::receive;
use crate::reply::{ReplyBody, alive, event};
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
    accepted.narrow(&listener.asked);

    let (client, receiver) = mpsc::channel(QUEUE);
    let acknowledgement = listen::acknowledgement(&listener.id, &accepted);
    // The queue is empty and the receiver is here.
    let _ = client.try_send(event(acknowledgement.as_bytes()));
    let changes = listener.gateway.changes.of(route);
    tokio::spawn(follow(listener, client, opened, openings, changes));
    call.record.streams();
    Ok(ReplyBody::events(receiver))
}

/// Feeds the client until it goes away, the gateway ends, or a reload makes another route of this
/// one: the client then hears what changed, and listens again.
async fn follow(
    listener: Arc<Listener>,
    client: mpsc::Sender<Bytes>,
    opened: Vec<Opening>,
    mut openings: JoinSet<Opening>,
    mut changes: RouteChanges,
) {
    let gateway = Arc::clone(&listener.gateway);
    let mut feeds = JoinSet::new();
    for opening in opened {
        feeds.spawn(opening.feed.follow(client.clone()));
    }
    let late = async {
        while let Some(joined) = openings.join_next().await {
            if let Ok(opening) = joined {
                feeds.spawn(opening.feed.follow(client.clone()));
            }
        }
        std::future::pending::<()>().await;
    };
    let work = async {
        tokio::select! {
            () = late => None,
            () = gateway.drained() => None,
            change = changes.next() => Some(change),
        }
    };
    let Some(change) = alive(&client, gateway.limits.keep_alive, work).await else { return };
    let asked = &listener.asked;
    let lists = [
        (Method::ToolsListChanged, Offers::TOOLS, asked.tools),
        (Method::PromptsListChanged, Offers::PROMPTS, asked.prompts),
        (Method::ResourcesListChanged, Offers::RESOURCES, asked.resources),
    ];
    for (method, list, is_wanted) in lists {
        if is_wanted && change.as_ref().is_some_and(|change| change.lists.has(list)) {
            let message = listen::notification(&method, &listener.id);
            let _ = client.send(event(message.as_bytes())).await;
        }
    }
    let _ = client.send(event(listen::farewell(&listener.id).as_bytes())).await;
}
