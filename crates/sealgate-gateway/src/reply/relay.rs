//! Enters: a request for one backend, ready to send. Leaves: the client's response, as JSON where
//! the answer is one message, as an event stream where it is more or takes long.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use sealgate_mcp::reply::ReplyEditor;
use tokio::sync::mpsc;

use super::events::{Pump, Translate, Translated, alive, event};
use super::{BrokenOff, ReplyBody};
use crate::backend::{Exchange, Opened};
use crate::fail::{BackendError, Failure};
use crate::gateway::Gateway;
use crate::in_flight::Entered;
use crate::upstream::Body;

/// Above this, an answer is edited while it streams instead of being held whole, in bytes.
const HELD: u64 = 64 * 1024;
/// Messages that wait for a slow client before its backend has to.
const QUEUE: usize = 16;

/// One request on its way to one backend and back.
pub(crate) struct Relay {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) exchange: Exchange,
    /// Fingerprint of the session.
    pub(crate) session: u64,
    pub(crate) client_id: Box<str>,
    pub(crate) upstream_id: Box<str>,
    /// Whether the client can take an event stream.
    pub(crate) events: bool,
    pub(crate) entered: Entered,
}

/// A large JSON answer on its way through.
pub(crate) struct Edited {
    body: Body,
    editor: ReplyEditor,
    ended: bool,
    _entered: Option<Entered>,
}

impl Relay {
    /// Sends `body` and answers the client.
    pub(crate) async fn run(self, body: Bytes) -> Result<Response<ReplyBody>, BackendError> {
        let keep_alive = self.gateway.limits.keep_alive;
        let exchange = self.exchange.clone();
        if !self.events {
            let opened = exchange.open(body).await?;
            return self.answer(opened).await;
        }
        let mut opening = Box::pin(async move { exchange.open(body).await });
        tokio::select! {
            opened = &mut opening => self.answer(opened?).await,
            () = tokio::time::sleep(keep_alive) => {
                let (client, receiver) = mpsc::channel(QUEUE);
                tokio::spawn(async move {
                    if let Some(opened) = alive(&client, keep_alive, opening).await {
                        self.finish(&client, opened).await;
                    }
                });
                Ok(ReplyBody::events(receiver))
            }
        }
    }

    async fn answer(self, opened: Opened) -> Result<Response<ReplyBody>, BackendError> {
        match opened {
            Opened::Message(message) => Ok(ReplyBody::json(self.whole(&message)?)),
            Opened::Json(response) => self.json(response.into_body()).await,
            Opened::Events(response) => self.stream(Pump::new(response.into_body())).await,
        }
    }

    /// One JSON message: held if it is small, edited on the way if it is not.
    async fn json(self, mut body: Body) -> Result<Response<ReplyBody>, BackendError> {
        let first = match body.frame().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => return Err(BackendError::BrokenOff(error.to_string())),
            None => return Err(BackendError::NotJsonRpc("the body is empty".to_owned())),
        };
        if body.is_end_stream() {
            return Ok(ReplyBody::json(self.whole(&first)?));
        }
        if body.size_hint().upper().is_some_and(|rest| rest + first.len() as u64 <= HELD) {
            let mut all = first.to_vec();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| BackendError::BrokenOff(error.to_string()))?;
                all.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
            return Ok(ReplyBody::json(self.whole(&all.into())?));
        }
        let mut editor = ReplyEditor::new(&self.client_id);
        editor.push(first).map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        Ok(ReplyBody::edited(Edited { body, editor, ended: false, _entered: Some(self.entered) }))
    }

    /// A stream: as JSON if the answer is all there is.
    async fn stream(self, mut pump: Pump) -> Result<Response<ReplyBody>, BackendError> {
        let translate = self.translate();
        let keep_alive = self.gateway.limits.keep_alive;
        let first = if self.events {
            tokio::time::timeout(keep_alive, next(&mut pump, &translate)).await.ok().transpose()?
        } else {
            Some(loop {
                // A client without event streams can be told nothing but the answer.
                match next(&mut pump, &translate).await? {
                    Translated::Other(_) => {}
                    answer => break answer,
                }
            })
        };
        if let Some(Translated::Answer(message)) = first {
            return Ok(ReplyBody::json(message));
        }
        let (client, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            if let Some(Translated::Other(message)) = first
                && client.send(event(&message)).await.is_err()
            {
                return;
            }
            self.pump(&client, pump).await;
        });
        Ok(ReplyBody::events(receiver))
    }

    /// What is left to do once the client has an event stream and the backend's head is there.
    async fn finish(self, client: &mpsc::Sender<Bytes>, opened: Result<Opened, BackendError>) {
        let limit = super::events::EVENT_LIMIT;
        let message = match opened {
            Ok(Opened::Events(response)) => {
                return self.pump(client, Pump::new(response.into_body())).await;
            }
            Ok(opened) => crate::backend::collect(opened, &self.upstream_id, limit)
                .await
                .and_then(|message| self.whole(&message)),
            Err(error) => Err(error),
        };
        let message = message.unwrap_or_else(|error| self.error(error));
        let _ = client.send(event(&message)).await;
    }

    async fn pump(self, client: &mpsc::Sender<Bytes>, mut pump: Pump) {
        let translate = self.translate();
        let keep_alive = self.gateway.limits.keep_alive;
        loop {
            let Some(next) = alive(client, keep_alive, next(&mut pump, &translate)).await else {
                return;
            };
            let (message, last) = match next {
                Ok(Translated::Other(message)) => (message, false),
                Ok(Translated::Answer(message)) => (message, true),
                Ok(Translated::Nothing) => continue,
                Err(error) => (self.error(error), true),
            };
            if client.send(event(&message)).await.is_err() || last {
                return;
            }
        }
    }

    fn translate(&self) -> Translate {
        Translate {
            gateway: Arc::clone(&self.gateway),
            session: self.session,
            backend: self.exchange.backend().tag,
            request: Some((self.upstream_id.clone(), self.client_id.clone())),
        }
    }

    /// A message that is all there, with the client's id.
    fn whole(&self, message: &Bytes) -> Result<Bytes, BackendError> {
        match self.translate().message(message)? {
            Translated::Answer(message) => Ok(message),
            _ => Err(BackendError::NotJsonRpc("it answers another request".to_owned())),
        }
    }

    fn error(&self, error: BackendError) -> Bytes {
        let backend = self.exchange.backend();
        backend.metrics.failed(error.reason());
        let failure = Failure::from(error.of(&backend.name));
        crate::fail::body(&failure, Some(&self.client_id))
    }
}

/// The next message that concerns the client; the end of the stream before the answer is an error.
async fn next(pump: &mut Pump, translate: &Translate) -> Result<Translated, BackendError> {
    loop {
        let Some(data) = pump.next().await? else {
            return Err(BackendError::BrokenOff(
                "the event stream ended before the answer".to_owned(),
            ));
        };
        match translate.message(&data)? {
            Translated::Nothing => {}
            other => return Ok(other),
        }
    }
}

impl Edited {
    /// An answer that begins with `first`.
    pub(super) fn begin(
        mut editor: ReplyEditor,
        first: Bytes,
        body: Body,
    ) -> Result<Self, BackendError> {
        editor.push(first).map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        Ok(Self { body, editor, ended: false, _entered: None })
    }

    /// All of it at once, where there is no way to stream it.
    pub(super) async fn rest(mut self) -> Result<Bytes, BackendError> {
        let limit = super::events::EVENT_LIMIT;
        let mut all = Vec::new();
        while let Some(part) = std::future::poll_fn(|context| self.poll(context)).await {
            all.extend_from_slice(&part.map_err(|error| BackendError::BrokenOff(error.0))?);
            if all.len() > limit {
                return Err(BackendError::TooLarge(limit));
            }
        }
        Ok(all.into())
    }

    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            if let Some(bytes) = self.editor.next() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let outcome = match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.editor.push(data).map_err(|error| error.to_string()),
                    Err(_) => Ok(()),
                },
                Some(Err(error)) => Err(error.to_string()),
                None => {
                    self.ended = true;
                    self.editor.finish().map(drop).map_err(|error| error.to_string())
                }
            };
            if let Err(reason) = outcome {
                self.ended = true;
                return Poll::Ready(Some(Err(BrokenOff(reason))));
            }
        }
    }
}
