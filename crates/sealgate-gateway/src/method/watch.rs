//! Enters: a legacy session with a modern backend. Leaves: on the session's event stream, what the
//! backend tells of itself: its listen stream, opened again whenever the session watches other
//! resources.

use std::sync::Arc;
use std::time::Duration;

use super::client_stream::ClientStream;
use crate::backend::Exchange;
use crate::changes::{RouteChanges, notifications};
use crate::fail::BackendError;
use crate::gateway::Gateway;
use crate::reply::{Pump, event};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::listen::Filter;
use sealgate_mcp::method::Method;
use sealgate_mcp::translate::without_subscription;
use serde_json::json;

/// Shortest and longest pause before a broken stream is opened again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Feeds the client until it has gone, or the backend is no longer one of the route.
pub(super) async fn follow(
    gateway: Arc<Gateway>,
    session: u64,
    client: ClientStream,
    exchange: Exchange,
    offers: Offers,
    mut changes: RouteChanges,
) {
    let tag = exchange.backend().tag;
    tokio::select! {
        () = feed(&gateway, session, &client, &exchange, offers) => {}
        () = changes.removed(tag) => {}
        () = client.closed() => {}
    }
}

async fn feed(
    gateway: &Gateway,
    session: u64,
    client: &ClientStream,
    exchange: &Exchange,
    offers: Offers,
) {
    let mut watched = gateway.bridged.watched(session, exchange.backend().tag);
    let mut pause = PAUSE.0;
    let mut stream: Option<Pump> = None;
    let mut has_stood = false;
    loop {
        let asked = Filter {
            tools: offers.has(Offers::TOOLS_LIST_CHANGED),
            prompts: offers.has(Offers::PROMPTS_LIST_CHANGED),
            resources: offers.has(Offers::RESOURCES_LIST_CHANGED),
            uris: watched.borrow_and_update().iter().cloned().collect(),
            task_ids: Vec::new(),
        };
        if asked.is_empty() {
            stream = None;
        } else {
            // The stream before is closed only when this one stands: nothing is missed between.
            match exchange.subscribe(gateway, &asked).await {
                Ok((pump, accepted)) => {
                    if stream.is_none() && has_stood {
                        catch_up(client, exchange, &accepted).await;
                    }
                    (stream, has_stood, pause) = (Some(pump), true, PAUSE.0);
                }
                // A backend that does not have this will not have it later.
                Err(BackendError::RpcError { .. }) => stream = None,
                Err(error) => {
                    let backend = &exchange.backend().name;
                    tracing::debug!(%backend, %error, "listen stream not opened");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                    continue;
                }
            }
        }
        tokio::select! {
            changed = watched.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = pass(client, exchange, stream.as_mut()) => {
                stream = None;
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Passes notifications on until the stream ends.
async fn pass(client: &ClientStream, exchange: &Exchange, stream: Option<&mut Pump>) {
    let Some(pump) = stream else { return std::future::pending().await };
    while let Ok(Some(message)) = pump.next().await {
        let list = exchange.backend().heard(&message);
        let Ok(envelope) = Envelope::parse_reply(&message) else { continue };
        let is_known = envelope.method().is_some_and(|method| {
            method != Method::SubscriptionsAcknowledged && method != Method::TasksNotification
        });
        if envelope.kind() == Kind::Notification && is_known {
            let event = event(&without_subscription(&message, &envelope));
            let _ = match list {
                Some(list) => client.changed(list, event).await,
                None => client.send(event).await,
            };
        }
    }
}

/// Tells the client of all that it may have missed.
async fn catch_up(client: &ClientStream, exchange: &Exchange, accepted: &Filter) {
    exchange.backend().lists.changed_all();
    let lists = [
        (Offers::TOOLS, accepted.tools),
        (Offers::PROMPTS, accepted.prompts),
        (Offers::RESOURCES, accepted.resources),
    ];
    let missed = lists.iter().filter(|(_, is_wanted)| *is_wanted);
    let missed = missed.fold(Offers::NONE, |sum, (list, _)| sum | *list);
    for (list, message) in notifications(missed) {
        let _ = client.changed(list, event(message)).await;
    }
    for uri in &accepted.uris {
        let method = Method::ResourcesUpdated;
        let params = json!({ "uri": uri });
        let message = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        let _ = client.send(event(message.as_bytes())).await;
    }
}
