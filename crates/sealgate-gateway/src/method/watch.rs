//! Enters: a legacy session with a modern backend. Leaves: on the session's event stream, what the
//! backend tells of itself: its listen stream, opened again whenever the session watches other
//! resources.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::listen::Filter;
use sealgate_mcp::method::Method;
use sealgate_mcp::translate::without_subscription;
use serde_json::json;
use tokio::sync::mpsc;

use crate::backend::Exchange;
use crate::changes::RouteChanges;
use crate::fail::BackendError;
use crate::gateway::Gateway;
use crate::reply::{Pump, event};

/// Shortest and longest pause before a broken stream is opened again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Feeds the client until it has gone, or the backend is no longer one of the route.
pub(super) async fn follow(
    gateway: Arc<Gateway>,
    session: u64,
    client: mpsc::Sender<Bytes>,
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
    client: &mpsc::Sender<Bytes>,
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
                        catch_up(client, &accepted).await;
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
async fn pass(client: &mpsc::Sender<Bytes>, exchange: &Exchange, stream: Option<&mut Pump>) {
    let Some(pump) = stream else { return std::future::pending().await };
    while let Ok(Some(message)) = pump.next().await {
        exchange.backend().heard(&message);
        let Ok(envelope) = Envelope::parse_reply(&message) else { continue };
        let is_known = envelope.method().is_some_and(|method| {
            method != Method::SubscriptionsAcknowledged && method != Method::TasksNotification
        });
        if envelope.kind() == Kind::Notification && is_known {
            let _ = client.send(event(&without_subscription(&message, &envelope))).await;
        }
    }
}

/// Tells the client of all that it may have missed.
async fn catch_up(client: &mpsc::Sender<Bytes>, accepted: &Filter) {
    let lists = [
        (Method::ToolsListChanged, accepted.tools),
        (Method::PromptsListChanged, accepted.prompts),
        (Method::ResourcesListChanged, accepted.resources),
    ];
    for (method, _) in lists.into_iter().filter(|(_, is_wanted)| *is_wanted) {
        let message = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
        let _ = client.send(event(message.as_bytes())).await;
    }
    for uri in &accepted.uris {
        let method = Method::ResourcesUpdated;
        let params = json!({ "uri": uri });
        let message = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        let _ = client.send(event(message.as_bytes())).await;
    }
}
