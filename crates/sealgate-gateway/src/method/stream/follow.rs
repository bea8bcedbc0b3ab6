//! Enters: one backend's event stream. Leaves: its events on the client's, for as long as the
//! client stays: a stream that ends is opened again behind its last event.

use std::sync::Arc;
use std::time::Duration;

use super::super::client_stream::ClientStream;
use super::{Opening, open};
use crate::backend::Exchange;
use crate::changes::RouteChanges;
use crate::fail::BackendError;
use crate::gateway::Gateway;
use crate::reply::{Mark, Marks, Pump, Reading, Told, Translate};

/// Shortest and longest pause before a broken stream is opened again.
pub(super) const PAUSE: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(30));

/// What it takes to follow one backend.
pub(super) struct Follow {
    pub(super) gateway: Arc<Gateway>,
    /// Fingerprint of the session.
    pub(super) session: u64,
    pub(super) exchange: Exchange,
    pub(super) marks: Marks,
    /// The backend's own id of its last event.
    pub(super) last: Option<String>,
    /// How long the backend wants us to wait before coming back, in milliseconds.
    pub(super) retry: Option<u64>,
}

impl Follow {
    /// As [`Follow::pass_on`], until the backend is no longer one of the route.
    pub(super) async fn run(
        self,
        client: ClientStream,
        opening: Opening,
        mut changes: RouteChanges,
    ) {
        let tag = self.exchange.backend().tag;
        tokio::select! {
            () = self.pass_on(client, opening) => {}
            () = changes.removed(tag) => {}
        }
    }

    /// Passes the backend's events on until the client has gone; opens its stream again, ever
    /// more slowly, when it breaks.
    async fn pass_on(mut self, client: ClientStream, mut opening: Opening) {
        let mut pause = PAUSE.0;
        loop {
            let mut lost = false;
            match opening {
                Opening::None => return,
                Opening::Failed(BackendError::SessionLost) => lost = true,
                Opening::Failed(error) => {
                    let backend = &self.exchange.backend().name;
                    tracing::debug!(%backend, %error, "event stream not opened");
                    // It may be the id that the backend does not know any more.
                    self.last = None;
                }
                Opening::Streams(body) => {
                    if self.pass(&client, body).await {
                        pause = PAUSE.0;
                    }
                }
            }
            let asked = self.retry.take().map(Duration::from_millis);
            tokio::select! {
                () = client.closed() => return,
                () = tokio::time::sleep(asked.map_or(pause, |asked| asked.min(PAUSE.1))) => {}
            }
            pause = (pause * 2).min(PAUSE.1);
            let renewed = self.renew();
            if lost && !renewed {
                // Whoever calls next opens the session again; until then there is no stream.
                opening = Opening::Failed(BackendError::SessionLost);
                continue;
            }
            tokio::select! {
                () = client.closed() => return,
                next = open(&self.exchange, self.last.as_deref()) => opening = next,
            }
        }
    }

    /// Goes on in the session that replaces the lost one; tells whether there is one.
    fn renew(&mut self) -> bool {
        let current = self.exchange.current();
        let renewed = current.session != self.exchange.session;
        if renewed {
            (self.exchange, self.last) = (current, None);
        }
        renewed
    }

    /// Passes events on until the stream or the client ends; tells whether any came.
    async fn pass(&mut self, client: &ClientStream, body: crate::upstream::Body) -> bool {
        let translate = Translate {
            gateway: Arc::clone(&self.gateway),
            session: self.session,
            backend: self.exchange.backend().tag,
            request: None,
        };
        let mut reading = Reading::new(Pump::new(body));
        let mut any = false;
        loop {
            let heard = tokio::select! {
                // Nobody asked anything here.
                heard = reading.next(|| None) => heard,
                () = client.closed() => return any,
            };
            let told = match heard {
                Ok(Some(heard)) => translate.told(heard),
                Ok(None) => return any,
                Err(error) => Err(error),
            };
            let text = match told {
                Ok(Some(Told::Other(message, mark))) => {
                    let list = self.exchange.backend().heard(&message);
                    let text = self.marks.event(&message, &mark);
                    self.note(mark);
                    match list {
                        Some(list) => {
                            if client.changed(list, text).await.is_err() {
                                return true;
                            }
                            None
                        }
                        None => Some(text),
                    }
                }
                Ok(Some(Told::Prime(mark))) => {
                    let text = self.marks.priming(&mark);
                    self.note(mark);
                    text
                }
                Ok(None | Some(Told::Answer(..) | Told::Large(_))) => None,
                Err(BackendError::NotJsonRpc(error)) => {
                    tracing::debug!(%error, "message of an event stream dropped");
                    None
                }
                Err(_) => return any,
            };
            any = true;
            if let Some(text) = text
                && client.send(text).await.is_err()
            {
                return any;
            }
        }
    }

    fn note(&mut self, mark: Mark) {
        self.retry = mark.retry.or(self.retry);
        self.last = mark.id.map(String::from).or(self.last.take());
    }
}
