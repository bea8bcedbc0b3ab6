//! Enters: a request for one backend, ready to send. Leaves: the client's response, as JSON where
//! the answer is one message, as an event stream where it is more or takes long.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use sealgate_mcp::reply::ReplyEditor;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ReplyBody;
use super::course::Course;
use super::edited::{Edited, Poured};
use super::events::{Told, Translate, alive, answer, event};
use super::marks::{Marks, Place};
use super::pump::{HELD, Pump};
use super::telling::Telling;
use crate::backend::{Exchange, Opened};
use crate::fail::{BackendError, Failure};
use crate::gateway::Gateway;
use crate::held::hold;
use crate::in_flight::Entered;
use crate::upstream::Body;

/// Messages that wait for a slow client before its backend has to.
const QUEUE: usize = 16;
/// How long a request whose stream has ended can still be cancelled before its client comes back.
const AWAY: Duration = Duration::from_secs(60);

/// One request on its way to one backend and back.
pub(crate) struct Relay {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) exchange: Arc<Exchange>,
    /// Fingerprint of the session.
    pub(crate) session: u64,
    pub(crate) client_id: Arc<str>,
    pub(crate) upstream_id: Arc<str>,
    /// Whether the client can take an event stream.
    pub(crate) events: bool,
    /// How the client resumes a stream.
    pub(crate) place: Place,
    pub(crate) entered: Entered,
}

/// One JSON message.
enum Held {
    Whole(Bytes),
    Large(Box<Edited>),
}

impl Relay {
    /// Sends `body` and answers the client.
    pub(crate) async fn run(self, body: Bytes) -> Result<Response<ReplyBody>, BackendError> {
        let keep_alive = self.gateway.limits.keep_alive;
        let exchange = Arc::clone(&self.exchange);
        let mut opening = Box::pin(async move { exchange.open(body).await });
        if !self.events {
            let opened = opening.await.inspect_err(|error| self.give_up(error))?;
            return self.answer(opened).await;
        }
        tokio::select! {
            biased;
            opened = &mut opening => {
                let opened = opened.inspect_err(|error| self.give_up(error))?;
                self.answer(opened).await
            }
            () = self.exchange.pool.alarms().after(keep_alive) => {
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

    /// Goes on behind the event `id` of the stream that answers the request. What the client is
    /// told comes as events, because that is what it asked for; failures too, so that its request
    /// does not stay unanswered.
    pub(crate) async fn resume(self, id: String) -> Result<Response<ReplyBody>, BackendError> {
        let deadlines = self.exchange.backend().deadlines;
        let began = Instant::now();
        let body = match self.exchange.listen(Some(&id)).await {
            Ok(Some(body)) => Ok(body.with_deadlines(deadlines.idle, began, deadlines.call)),
            Ok(None) => Err(Course::ended()),
            Err(error) => Err(error),
        };
        let (client, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            match body {
                Ok(body) => {
                    let mut telling = self.telling(Pump::new(body));
                    telling.course.resumed(id);
                    self.pump(&client, telling, None).await;
                }
                Err(error) => drop(client.send(event(&self.error(error))).await),
            }
        });
        Ok(ReplyBody::events(receiver))
    }

    async fn answer(self, opened: Opened) -> Result<Response<ReplyBody>, BackendError> {
        match opened {
            Opened::Message(message) => Ok(ReplyBody::json(self.whole(&message)?)),
            Opened::Json(response) => match self.hold(response.into_body()).await {
                Ok(Held::Whole(message)) => Ok(ReplyBody::json(message)),
                Ok(Held::Large(edited)) => Ok(ReplyBody::edited(edited.keeping(self.entered))),
                Err(error) => {
                    self.give_up(&error);
                    Err(error)
                }
            },
            Opened::Events(response) => {
                Box::pin(self.stream(Pump::new(response.into_body()))).await
            }
        }
    }

    /// One JSON message: held if it is small, edited on the way if it is not.
    async fn hold(&self, mut body: Body) -> Result<Held, BackendError> {
        let first = match body.frame().await {
            Some(frame) => frame?.into_data().unwrap_or_default(),
            None => return Err(BackendError::NotJsonRpc("the body is empty".to_owned())),
        };
        if body.is_end_stream() {
            return self.whole(&first).map(Held::Whole);
        }
        if body.size_hint().upper().is_some_and(|rest| rest + first.len() as u64 <= HELD as u64) {
            let all = hold(first, body, HELD).await;
            let all = all.map_err(|unheld| BackendError::unheld(unheld, HELD))?;
            return self.whole(&all).map(Held::Whole);
        }
        let editor = ReplyEditor::new(&self.client_id).expecting(&self.upstream_id);
        Edited::begin(editor, first, body).map(Box::new).map(Held::Large)
    }

    /// A stream: as JSON if the answer is all there is.
    async fn stream(self, pump: Pump) -> Result<Response<ReplyBody>, BackendError> {
        let mut telling = self.telling(pump);
        let keep_alive = self.gateway.limits.keep_alive;
        let first = if self.events {
            tokio::time::timeout(keep_alive, telling.next()).await.ok().transpose()
        } else {
            telling.next().await.map(Some)
        };
        let first = first.inspect_err(|error| self.give_up(error))?;
        match first {
            Some(Some(Told::Answer(message, _))) => {
                telling.end();
                Ok(ReplyBody::json(message))
            }
            Some(Some(Told::Large(editor))) => {
                let edited = Edited::event(*editor, telling.into_pump());
                Ok(ReplyBody::edited(edited.keeping(self.entered)))
            }
            // Cannot be: only a client that takes events resumes by itself.
            Some(None) if !self.events => Err(Course::ended()),
            first => {
                let (client, receiver) = mpsc::channel(QUEUE);
                tokio::spawn(async move {
                    let first = first.map(Ok);
                    self.pump(&client, telling, first).await;
                });
                Ok(ReplyBody::events(receiver))
            }
        }
    }

    /// What is left to do once the client has an event stream and the backend's head is there.
    async fn finish(self, client: &mpsc::Sender<Bytes>, opened: Result<Opened, BackendError>) {
        let message = match opened {
            Ok(Opened::Events(response)) => {
                let telling = self.telling(Pump::new(response.into_body()));
                return self.pump(client, telling, None).await;
            }
            Ok(Opened::Json(response)) => match self.hold(response.into_body()).await {
                Ok(Held::Whole(message)) => Ok(message),
                Ok(Held::Large(edited)) => return self.pour(client, *edited, &self.marks()).await,
                Err(error) => Err(error),
            },
            Ok(Opened::Message(message)) => self.whole(&message),
            Err(error) => Err(error),
        };
        let message = message.unwrap_or_else(|error| self.error(error));
        let _ = client.send(event(&message)).await;
    }

    /// Tells the client what the backend says, `first` before all else, until the answer.
    async fn pump(
        self,
        client: &mpsc::Sender<Bytes>,
        mut telling: Telling,
        mut first: Option<Result<Option<Told>, BackendError>>,
    ) {
        let keep_alive = self.gateway.limits.keep_alive;
        loop {
            let next = match first.take() {
                Some(next) => Some(next),
                None => alive(client, keep_alive, telling.next()).await,
            };
            let (text, last) = match next {
                // The client has gone, or comes back by itself.
                None | Some(Ok(None)) => break,
                Some(Ok(Some(Told::Prime(mark)))) => {
                    let marks = telling.course.marks.as_ref();
                    match marks.and_then(|marks| marks.priming(&mark)) {
                        Some(text) => (text, false),
                        None => continue,
                    }
                }
                Some(Ok(Some(Told::Other(message, mark)))) => {
                    self.exchange.backend().heard(&message);
                    (telling.event(&message, &mark), false)
                }
                Some(Ok(Some(Told::Answer(message, mark)))) => {
                    (telling.event(&message, &mark), true)
                }
                Some(Ok(Some(Told::Large(editor)))) => {
                    let marks = self.marks();
                    let edited = Edited::event(*editor, telling.into_pump());
                    return self.pour(client, edited, &marks).await;
                }
                Some(Err(error)) => (event(&self.error(error)), true),
            };
            let sent = client.send(text).await;
            if last {
                return telling.end();
            }
            if sent.is_err() {
                break;
            }
        }
        if telling.course.is_left_to_client() {
            // Until it is back, nothing else would know which request it cancels.
            let entered = self.entered;
            tokio::spawn(async move {
                tokio::time::sleep(AWAY).await;
                drop(entered);
            });
        }
    }

    async fn pour(&self, client: &mpsc::Sender<Bytes>, edited: Edited, marks: &Marks) {
        if let Poured::Broken(error) = edited.pour(client, Some(marks)).await {
            let message = self.error(BackendError::BrokenOff(error.0));
            let _ = client.send(event(&message)).await;
        }
    }

    fn telling(&self, pump: Pump) -> Telling {
        let exchange = self.exchange.current();
        let alone = (!self.events).then(|| exchange.clone());
        let telling =
            Telling::new(Course::new(exchange, pump, Some(self.marks())), self.translate());
        match alone {
            Some(exchange) => telling.alone(exchange),
            None => telling,
        }
    }

    fn marks(&self) -> Marks {
        let place = if self.events { self.place } else { self.place.within_json() };
        Marks::answering(place, &self.upstream_id, &self.client_id)
    }

    fn translate(&self) -> Translate {
        Translate {
            gateway: Arc::clone(&self.gateway),
            session: self.session,
            backend: self.exchange.backend().tag,
            request: Some((Arc::clone(&self.upstream_id), Arc::clone(&self.client_id))),
        }
    }

    /// A message that is all there, with the client's id.
    fn whole(&self, message: &Bytes) -> Result<Bytes, BackendError> {
        answer(message, &self.upstream_id, &self.client_id)?
            .ok_or_else(|| BackendError::NotJsonRpc("it answers another request".to_owned()))
    }

    /// A backend whose answer is no longer waited for is told so (MCP, cancellation, timeouts).
    fn give_up(&self, error: &BackendError) {
        if !error.is_overdue() {
            return;
        }
        let exchange = self.exchange.current();
        let body = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{},"reason":"the gateway waited too long"}}}}"#,
            self.upstream_id
        );
        tokio::spawn(async move { exchange.tell(body.into()).await });
    }

    fn error(&self, error: BackendError) -> Bytes {
        self.give_up(&error);
        let backend = self.exchange.backend();
        backend.metrics.failed(error.reason());
        let failure = Failure::from(error.of(&backend.name));
        crate::fail::body(&failure, Some(&self.client_id))
    }
}
