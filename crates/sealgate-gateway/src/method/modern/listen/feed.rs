//! Enters: one backend that a client listens to. Leaves: its notifications under the client's
//! stamp. A feed that breaks is opened again; what may have been missed is then announced.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::discover;
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::listen::{self, Filter};
use sealgate_mcp::method::Method;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::broadcast::error::RecvError;

use super::super::super::client_stream::ClientStream;
use super::super::reach::{Reached, reach};
use crate::authenticate::Principal;
use crate::backend::{Exchange, Lease, Listening};
use crate::fail::{BackendError, BackendFailure};
use crate::gateway::Gateway;
use crate::reply::{Pump, event};

/// What every feed of one client shares.
pub(super) struct Listener {
    pub(super) gateway: Arc<Gateway>,
    pub(super) principal: Principal,
    /// The listen request's id, as the client wrote it.
    pub(super) id: Box<RawValue>,
    pub(super) asked: Filter,
    /// What the client was told that it will hear; nothing before it was told.
    pub(super) acknowledged: OnceLock<Filter>,
}

/// One backend's part of the stream.
pub(super) struct Feed {
    listener: Arc<Listener>,
    pub(super) exchange: Exchange,
    /// What the backend agreed to tell.
    pub(super) accepted: Filter,
    /// What the backend has, as far as that matters here.
    pub(super) offers: Offers,
    source: Source,
}

/// A feed, and why it does not stand if it does not.
pub(super) struct Opening {
    pub(super) feed: Feed,
    pub(super) failure: Option<BackendFailure>,
}

enum Source {
    /// The backend's own listen stream.
    Modern(Box<Pump>),
    /// The event stream of a session.
    Legacy(Listening),
    /// Nothing at the moment.
    None,
}

/// Shortest and longest pause before a broken feed is opened again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long a backend may take to acknowledge.
const PATIENCE: Duration = Duration::from_secs(10);

impl Listener {
    /// Tells that these lists changed, as far as `wanted` has them.
    pub(super) async fn announce(&self, client: &ClientStream, wanted: &Filter, lists: Offers) {
        let all = [
            (Method::ToolsListChanged, Offers::TOOLS, wanted.tools),
            (Method::PromptsListChanged, Offers::PROMPTS, wanted.prompts),
            (Method::ResourcesListChanged, Offers::RESOURCES, wanted.resources),
        ];
        for (method, list, is_wanted) in all {
            if is_wanted && lists.has(list) {
                let message = listen::notification(&method, &self.id);
                let _ = client.changed(list, event(message.as_bytes())).await;
            }
        }
    }
}

impl Feed {
    /// Opens a feed; one that fails is tried again by [`Feed::follow`].
    pub(super) async fn open(listener: Arc<Listener>, exchange: Exchange) -> Opening {
        let mut feed = Self {
            listener,
            exchange,
            accepted: Filter::default(),
            offers: Offers::NONE,
            source: Source::None,
        };
        let opened = tokio::time::timeout(PATIENCE, feed.start()).await;
        let backend = &feed.exchange.backend().name;
        let failure = match opened {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.of(backend)),
            Err(_) => {
                Some(BackendError::BrokenOff("no acknowledgement came".to_owned()).of(backend))
            }
        };
        if let Some(failure) = &failure {
            tracing::debug!(backend = %failure.backend, error = %failure.error, "not listening");
        }
        Opening { feed, failure }
    }

    /// Passes on what the backend says until the client has gone.
    pub(super) async fn follow(mut self, client: ClientStream) {
        let mut pause = PAUSE.0;
        loop {
            let stood = !matches!(self.source, Source::None);
            tokio::select! {
                () = self.pass(&client) => {}
                () = client.closed() => return,
            }
            self.source = Source::None;
            if stood {
                pause = PAUSE.0;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = client.closed() => return,
            }
            pause = (pause * 2).min(PAUSE.1);
            let started = tokio::select! {
                started = self.start() => started,
                () = client.closed() => return,
            };
            match started {
                Ok(()) => self.catch_up(&client).await,
                // A backend that does not have this will not have it later.
                Err(BackendError::RpcError { .. }) => return,
                Err(_) => {}
            }
        }
    }

    async fn start(&mut self) -> Result<(), BackendError> {
        let gateway = Arc::clone(&self.listener.gateway);
        match reach(&gateway, self.exchange.clone(), &self.listener.principal).await? {
            Reached::Modern(exchange) => self.start_modern(&gateway, &exchange).await,
            Reached::Legacy(lease) => {
                self.start_legacy(&gateway, lease).await;
                Ok(())
            }
        }
    }

    async fn start_modern(
        &mut self,
        gateway: &Gateway,
        exchange: &Exchange,
    ) -> Result<(), BackendError> {
        let (pump, accepted) =
            exchange.subscribe(gateway, &exchange.share(&self.listener.asked)).await?;
        self.offers = self.offered(gateway, exchange, &accepted).await;
        self.accepted = accepted;
        self.source = Source::Modern(Box::new(pump));
        Ok(())
    }

    /// The lists that a modern backend has, among those that were asked about.
    async fn offered(&self, gateway: &Gateway, exchange: &Exchange, told: &Filter) -> Offers {
        let asked = &self.listener.asked;
        let is_all = asked.tools == told.tools
            && asked.prompts == told.prompts
            && asked.resources == told.resources;
        if !is_all
            && let Ok(result) = exchange.discover(gateway).await
            && let Ok(raw) = serde_json::from_slice::<&RawValue>(&result)
            && let Ok(said) = discover::read(raw)
        {
            return said.capabilities.map_or(Offers::NONE, |all| Offers::read(all.get()));
        }
        let lists = [
            (told.tools, Offers::TOOLS),
            (told.prompts, Offers::PROMPTS),
            (told.resources, Offers::RESOURCES),
        ];
        let told = lists.iter().filter(|(is_told, _)| *is_told);
        told.fold(Offers::NONE, |sum, (_, list)| sum | *list)
    }

    async fn start_legacy(&mut self, gateway: &Arc<Gateway>, mut lease: Box<Lease>) {
        let asked = &self.listener.asked;
        let offers = lease.upstream.offers;
        let uris = match offers.has(Offers::RESOURCES_SUBSCRIBE) {
            true => lease.exchange().share(asked).uris,
            false => Vec::new(),
        };
        let listening = lease.listen(gateway, &uris).await;
        self.offers = offers;
        self.accepted = Filter {
            tools: asked.tools && offers.has(Offers::TOOLS_LIST_CHANGED),
            prompts: asked.prompts && offers.has(Offers::PROMPTS_LIST_CHANGED),
            resources: asked.resources && offers.has(Offers::RESOURCES_LIST_CHANGED),
            uris: listening.uris().to_vec(),
            task_ids: Vec::new(),
        };
        self.source = Source::Legacy(listening);
    }

    /// Passes messages on until the source ends.
    async fn pass(&mut self, client: &ClientStream) {
        loop {
            let message = match &mut self.source {
                Source::None => return,
                Source::Modern(pump) => match pump.next().await {
                    Ok(Some(message)) => message,
                    Ok(None) | Err(_) => return,
                },
                Source::Legacy(listening) => match listening.messages.recv().await {
                    Ok(message) => message,
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return,
                },
            };
            let list = self.exchange.backend().heard(&message);
            let Some(stamped) = self.stamped(&message) else { continue };
            let told = match list {
                Some(list) => client.changed(list, event(&stamped)).await,
                None => client.send(event(&stamped)).await,
            };
            if told.is_err() {
                return;
            }
        }
    }

    /// The notification for the client, if it is one that the client asked for.
    fn stamped(&self, message: &Bytes) -> Option<Bytes> {
        let envelope = Envelope::parse_reply(message).ok()?;
        if envelope.kind() != Kind::Notification {
            return None;
        }
        let method = envelope.method()?;
        let params = envelope.params.as_ref();
        let text = params.and_then(|params| params.uri.as_ref().or(params.task_id.as_ref()));
        let subject = text.map(|text| &*text.value);
        let wanted = self.listener.acknowledged.get().unwrap_or(&self.listener.asked);
        let is_wanted = wanted.wants(&method, subject);
        is_wanted.then(|| listen::stamp(message, &envelope, &self.listener.id))
    }

    /// Tells the client of all that it may have missed.
    async fn catch_up(&self, client: &ClientStream) {
        self.exchange.backend().lists.changed_all();
        self.listener.announce(client, &self.accepted, self.offers).await;
        for uri in &self.accepted.uris {
            let method = Method::ResourcesUpdated;
            let params = json!({ "uri": uri });
            let plain = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
            if let Ok(envelope) = Envelope::parse(plain.as_bytes()) {
                let stamped = listen::stamp(plain.as_bytes(), &envelope, &self.listener.id);
                let _ = client.send(event(&stamped)).await;
            }
        }
    }
}
