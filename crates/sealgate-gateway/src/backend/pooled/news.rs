//! Enters: the event stream of a pooled session. Leaves: its messages, for every modern client
//! that listens through the session. It is read while someone listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::method::Method;
use serde_json::json;
use tokio::sync::{broadcast, watch};

use super::{Lease, Upstream};
use crate::backend::Exchange;
use crate::fail::Stage;
use crate::gateway::Gateway;
use crate::reply::Pump;

/// Messages that a slow listener may lag behind.
const QUEUE: usize = 256;
/// How long a listener waits for the stream to stand.
const PATIENCE: Duration = Duration::from_millis(300);
/// Shortest and longest pause before a broken stream is opened again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What a legacy backend says unasked in one session.
pub(crate) struct News {
    messages: broadcast::Sender<Bytes>,
    /// Whether somebody reads the stream.
    reading: Mutex<bool>,
    standing: watch::Sender<Standing>,
    /// How many listeners watch a resource.
    watched: Mutex<HashMap<Box<str>, usize>>,
}

/// How the stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The backend has none, or nobody reads it.
    Absent,
    /// Not yet, but it is being opened.
    Opening,
    /// It broke, or takes long to open.
    Broken,
    Stands,
}

/// One listener's share of the news; dropping it ends its watch on resources.
pub(crate) struct Listening {
    pub(crate) messages: broadcast::Receiver<Bytes>,
    exchange: Exchange,
    gateway: Arc<Gateway>,
    upstream: Arc<Upstream>,
    uris: Vec<String>,
}

impl Default for News {
    fn default() -> Self {
        Self {
            messages: broadcast::Sender::new(QUEUE),
            reading: Mutex::default(),
            standing: watch::Sender::new(Standing::Absent),
            watched: Mutex::default(),
        }
    }
}

impl News {
    pub(super) fn tell(&self, message: &Bytes) {
        let _ = self.messages.send(message.clone());
    }

    /// Takes part in the news; `true` if the caller must see that the stream is read.
    fn join(&self) -> (broadcast::Receiver<Bytes>, bool) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.messages.subscribe();
        (receiver, !std::mem::replace(&mut *reading, true))
    }

    /// Stops reading if nobody listens any more.
    fn leave(&self) -> bool {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = self.messages.receiver_count() > 0;
        !*reading
    }

    /// Waits for a stream that is being opened, but not for long.
    pub(super) async fn settled(&self) {
        if *self.standing.borrow() != Standing::Opening {
            return;
        }
        let mut standing = self.standing.subscribe();
        let settled = standing.wait_for(|standing| *standing != Standing::Opening);
        if tokio::time::timeout(PATIENCE, settled).await.is_err() {
            // Some keep the head of the stream back until there is something to say.
            self.standing.send_if_modified(|standing| {
                let is_slow = *standing == Standing::Opening;
                if is_slow {
                    *standing = Standing::Broken;
                }
                is_slow
            });
        }
    }

    /// Counts a watch; tells whether it is the first one.
    fn watch(&self, uri: &str) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let count = watched.entry(uri.into()).or_insert(0);
        *count += 1;
        *count == 1
    }

    /// Ends a watch; tells whether it was the last one.
    fn unwatch(&self, uri: &str) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = watched.get_mut(uri) else { return false };
        *count -= 1;
        let is_last = *count == 0;
        if is_last {
            watched.remove(uri);
        }
        is_last
    }
}

impl Lease {
    /// Listens to the session's news, and to updates of these resources. The stream stands, or
    /// is known to be slow, when this returns.
    pub(crate) async fn listen(&mut self, gateway: &Arc<Gateway>, uris: &[String]) -> Listening {
        let upstream = Arc::clone(&self.upstream);
        let (messages, must_read) = upstream.news.join();
        if must_read {
            upstream.begin_to_read(self.exchange());
        }
        let mut listening = Listening {
            messages,
            exchange: self.exchange().clone(),
            gateway: Arc::clone(gateway),
            upstream: Arc::clone(&upstream),
            uris: Vec::new(),
        };
        let mut standing = upstream.news.standing.subscribe();
        let stands = standing.wait_for(|standing| *standing == Standing::Stands);
        let _ = tokio::time::timeout(PATIENCE, stands).await;
        for uri in uris {
            let id = gateway.upstream_id();
            let body = by_uri(&Method::ResourcesSubscribe, &id, uri);
            let within = self.exchange().backend().deadlines.first_byte;
            let is_watched = !upstream.news.watch(uri)
                || self.ask(gateway, body, &id, within, Stage::Answer).await.is_ok();
            match is_watched {
                true => listening.uris.push(uri.clone()),
                false => drop(upstream.news.unwatch(uri)),
            }
        }
        listening
    }
}

impl Listening {
    /// The resources that the backend agreed to watch.
    pub(crate) fn uris(&self) -> &[String] {
        &self.uris
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let last: Vec<_> =
            self.uris.drain(..).filter(|uri| self.upstream.news.unwatch(uri)).collect();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if last.is_empty() {
            return;
        }
        let (exchange, gateway) = (self.exchange.clone(), Arc::clone(&self.gateway));
        runtime.spawn(async move {
            for uri in last {
                let id = gateway.upstream_id();
                let body = by_uri(&Method::ResourcesUnsubscribe, &id, &uri);
                let _ = exchange.tell(body).await;
            }
        });
    }
}

fn by_uri(method: &Method<'_>, id: &str, uri: &str) -> Bytes {
    let params = json!({ "uri": uri });
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#).into()
}

impl Upstream {
    /// Reads the stream for as long as there is a session.
    pub(super) fn read_news(self: &Arc<Self>, exchange: &Exchange) {
        *self.news.reading.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.begin_to_read(exchange);
    }

    fn begin_to_read(self: &Arc<Self>, exchange: &Exchange) {
        self.news.standing.send_replace(Standing::Opening);
        tokio::spawn(read(exchange.clone(), Arc::clone(self)));
    }

    /// Brings a message to whom it concerns.
    fn hear(&self, exchange: &Exchange, message: &Bytes) {
        let backend = &exchange.backend().name;
        match self.questions.ask(message, &self.capabilities, backend) {
            Some(answer) => exchange.tell_later(answer),
            None => self.news.tell(message),
        }
    }
}

/// Reads the stream until the session is over, or nobody listens who could be told anything;
/// opens it again when it breaks.
async fn read(exchange: Exchange, upstream: Arc<Upstream>) {
    tokio::select! {
        () = read_on(&exchange, &upstream) => {}
        () = upstream.ended() => {}
    }
    upstream.news.standing.send_replace(Standing::Absent);
}

async fn read_on(exchange: &Exchange, upstream: &Upstream) {
    let news = &upstream.news;
    let asks = upstream.asks();
    let mut pause = PAUSE.0;
    loop {
        let is_refused = match exchange.listen(None).await {
            Ok(Some(body)) => {
                news.standing.send_replace(Standing::Stands);
                let mut pump = Pump::new(body);
                while let Ok(Some(message)) = pump.next().await {
                    pause = PAUSE.0;
                    upstream.hear(exchange, &message);
                    if !asks && news.messages.receiver_count() == 0 && news.leave() {
                        return;
                    }
                }
                false
            }
            Ok(None) => true,
            Err(error) => error.is_refusal(),
        };
        news.standing.send_replace(Standing::Broken);
        // For a listener it is tried again: the backend may be restarting.
        if (is_refused || !asks) && news.leave() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}
