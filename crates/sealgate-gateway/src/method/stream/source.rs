//! Enters: a client's event stream and one backend. Leaves: what the backend says, on the stream,
//! in whichever era it speaks, from whenever there is a session with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::event_id::LastEvents;

use super::super::client_stream::ClientStream;
use super::super::watch;
use super::follow::{Follow, PAUSE};
use super::open;
use crate::backend::Exchange;
use crate::plan::RoutePlan;
use crate::reply::{Marks, Place};
use crate::session::Session;
use crate::walk::Worker;

/// How long a backend may take to open a session for a stream alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// What every source of one stream shares.
pub(super) struct Sources {
    pub(super) worker: Worker,
    pub(super) session: Session,
    /// Of the client, some of which backends see.
    pub(super) headers: HeaderMap,
    /// Where the client is, as its event ids tell.
    pub(super) last: LastEvents,
    pub(super) shared: Arc<Mutex<LastEvents>>,
    pub(super) client: ClientStream,
}

/// A backend as a source.
pub(super) enum Source {
    /// It has an event stream in the session.
    Legacy(Box<Follow>),
    /// It is listened to.
    Modern(Exchange, Offers),
    /// There is no session with it, yet.
    Away,
}

impl Sources {
    pub(super) fn of(&self, route: &Arc<RoutePlan>, index: usize) -> Source {
        let exchange = self.session.exchange(&self.worker, route, index, &self.headers);
        let known = self.session.backend(&self.worker.gateway, exchange.backend().tag);
        match known {
            None => Source::Away,
            Some(known) if exchange.is_modern() => Source::Modern(exchange, known.offers),
            Some(_) => {
                let place = Place::of(&self.session, exchange.backend().tag);
                Source::Legacy(Box::new(Follow {
                    gateway: Arc::clone(&self.worker.gateway),
                    session: self.session.fingerprint,
                    marks: Marks::new(place, &self.shared),
                    last: place.index().and_then(|place| self.last.of(place)),
                    retry: None,
                    exchange,
                }))
            }
        }
    }

    /// Listens to a modern backend until it leaves the route.
    pub(super) async fn listen(self: Arc<Self>, exchange: Exchange, offers: Offers) {
        let gateway = Arc::clone(&self.worker.gateway);
        let changes = gateway.changes.of(&exchange.route);
        let (session, client) = (self.session.fingerprint, self.client.clone());
        watch::follow(gateway, session, client, exchange, offers, changes).await;
    }

    /// Opens a session with a backend that has none, however long that takes, and follows it. One
    /// that `was_away` has lists that the client does not know.
    pub(super) async fn join(self: Arc<Self>, route: Arc<RoutePlan>, index: usize, was_away: bool) {
        let tag = route.backends[index].tag;
        let mut changes = self.worker.gateway.changes.of(&route);
        let source = tokio::select! {
            source = self.enter(&route, index, was_away) => source,
            () = changes.removed(tag) => return,
            () = self.client.closed() => return,
        };
        match source {
            Source::Legacy(follow) => {
                let opening = open(&follow.exchange, follow.last.as_deref()).await;
                follow.run(self.client.clone(), opening, changes).await;
            }
            Source::Modern(exchange, offers) => self.listen(exchange, offers).await,
            Source::Away => {}
        }
    }

    async fn enter(&self, route: &Arc<RoutePlan>, index: usize, was_away: bool) -> Source {
        let mut pause = PAUSE.0;
        let mut is_news = was_away;
        loop {
            let exchange = self.session.exchange(&self.worker, route, index, &self.headers);
            let joining = exchange.backend().memory.joining.0.try_acquire();
            if let (Some(reopen), Ok(_)) = (&exchange.reopen, &joining)
                && self.session.backend(&self.worker.gateway, exchange.backend().tag).is_none()
            {
                // A modern backend is an error here, and known from now on.
                let opening = tokio::time::timeout(PATIENCE, reopen.run(&exchange));
                if let Ok(Err(error)) = opening.await {
                    let backend = &exchange.backend().name;
                    tracing::debug!(%backend, %error, "no session for the event stream yet");
                }
            }
            let was_my_turn = joining.is_ok();
            drop(joining);
            match self.of(route, index) {
                Source::Away => {}
                source => {
                    if is_news {
                        self.announce(route, index).await;
                    }
                    return source;
                }
            }
            is_news = true;
            tokio::time::sleep(pause).await;
            if was_my_turn {
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }

    /// Tells the client of the lists of a backend that it did not have.
    async fn announce(&self, route: &RoutePlan, index: usize) {
        let tag = route.backends[index].tag;
        let Some(known) = self.session.backend(&self.worker.gateway, tag) else { return };
        for (list, message) in crate::changes::notifications(known.offers & self.known()) {
            let _ = self.client.changed(list, crate::reply::event(message)).await;
        }
    }

    /// What the client was told that there is.
    pub(super) fn known(&self) -> Offers {
        let backends = &self.session.token.backends;
        backends.iter().fold(Offers::NONE, |sum, one| sum | one.offers)
    }
}
