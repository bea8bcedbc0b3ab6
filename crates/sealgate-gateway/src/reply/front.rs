//! Enters: a conversation with a backend. Leaves: the client's response: JSON where the answer is
//! all that is said, an event stream where there is more to say or the answer takes long.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use sealgate_mcp::sse;
use tokio::sync::mpsc;

use super::edited::{Edited, Poured};
use super::{ReplyBody, event};
use crate::fail::{self, BackendError, Failure};
use crate::gateway::Gateway;
use crate::plan::BackendPlan;

/// Messages that wait for a slow client before its backend has to.
const QUEUE: usize = 16;

/// The client's side of one request.
pub(crate) struct Front {
    pub(crate) gateway: Arc<Gateway>,
    /// Whose failure it is, if it fails.
    pub(crate) backend: Arc<BackendPlan>,
    /// The client's request id as it wrote it.
    pub(crate) client_id: Box<str>,
    /// Whether the client can take an event stream.
    pub(crate) events: bool,
    /// Whether the HTTP status tells of JSON-RPC errors, as the modern era wants it.
    pub(crate) statuses: bool,
}

/// Where a conversation puts what comes before its answer.
pub(crate) type Voice = mpsc::Sender<Bytes>;

/// How a conversation ends: with the answer, for the client as it is.
pub(crate) enum Ending {
    /// The whole message and, of an error, the code.
    Message(Bytes, Option<i64>),
    /// A large one, edited while it streams.
    Streamed(Box<Edited>),
}

type Work = Pin<Box<dyn Future<Output = Result<Ending, BackendError>> + Send>>;

impl Front {
    /// Lets the conversation run and answers the client. The conversation ends when the client
    /// goes away: in the modern era that cancels the request.
    pub(crate) async fn present<W>(
        self,
        work: impl FnOnce(Voice) -> W,
    ) -> Result<Response<ReplyBody>, BackendError>
    where
        W: Future<Output = Result<Ending, BackendError>> + Send + 'static,
    {
        let (voice, mut said) = mpsc::channel(QUEUE);
        let mut work: Work = Box::pin(work(voice));
        let patience = tokio::time::sleep(self.gateway.limits.keep_alive);
        tokio::pin!(patience);
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                biased;
                ending = &mut work => {
                    let ending = ending?;
                    while let Ok(message) = said.try_recv() {
                        waiting.push(message);
                    }
                    if waiting.is_empty() || !self.events {
                        return Ok(self.whole(ending));
                    }
                    work = Box::pin(std::future::ready(Ok(ending)));
                    break;
                }
                Some(message) = said.recv() => {
                    // A client without event streams can be told nothing but the answer.
                    if self.events {
                        waiting.push(message);
                        break;
                    }
                }
                () = &mut patience, if self.events => break,
            }
        }
        let (client, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(self.pump(client, waiting, said, work));
        Ok(ReplyBody::events(receiver))
    }

    fn whole(&self, ending: Ending) -> Response<ReplyBody> {
        match ending {
            Ending::Message(message, code) => {
                let mut response = ReplyBody::json(message);
                if self.statuses {
                    let status = code.and_then(fail::status_of);
                    *response.status_mut() = status.unwrap_or(StatusCode::OK);
                }
                response
            }
            Ending::Streamed(edited) => ReplyBody::edited(*edited),
        }
    }

    async fn pump(
        self,
        client: mpsc::Sender<Bytes>,
        waiting: Vec<Bytes>,
        mut said: mpsc::Receiver<Bytes>,
        mut work: Work,
    ) {
        for message in waiting {
            if client.send(event(&message)).await.is_err() {
                return;
            }
        }
        let interval = self.gateway.limits.keep_alive;
        let ending = loop {
            let part = tokio::select! {
                biased;
                ending = &mut work => break ending,
                Some(message) = said.recv() => event(&message),
                () = client.closed() => return,
                () = tokio::time::sleep(interval) => Bytes::from_static(sse::KEEP_ALIVE),
            };
            if client.send(part).await.is_err() {
                return;
            }
        };
        while let Ok(message) = said.try_recv() {
            if client.send(event(&message)).await.is_err() {
                return;
            }
        }
        let message = match ending {
            Ok(Ending::Message(message, _)) => Ok(message),
            Ok(Ending::Streamed(edited)) => match edited.pour(&client, None).await {
                Poured::All | Poured::Gone => return,
                Poured::Broken(error) => Err(BackendError::BrokenOff(error.0)),
            },
            Err(error) => Err(error),
        };
        let message = message.unwrap_or_else(|error| {
            self.backend.metrics.failed(error.reason());
            let failure = Failure::from(error.of(&self.backend.name));
            fail::body(&failure, Some(&self.client_id))
        });
        let _ = client.send(event(&message)).await;
    }
}
