//! Enters: a backend's message. Leaves: the client's: ids translated, the rest as it came; and a
//! comment now and then so that nobody on the way hangs up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::envelope::{Envelope, Kind, span};
use sealgate_mcp::method::Method;
use sealgate_mcp::reply::ReplyEditor;
use sealgate_mcp::splice::Splice;
use sealgate_mcp::sse;
use tokio::sync::mpsc;

use super::pump::Mark;
use super::reading::Heard;
use super::request_id;
use crate::fail::BackendError;
use crate::gateway::Gateway;

/// Translates one backend's messages for one session.
#[derive(Clone)]
pub(crate) struct Translate {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) session: u64,
    /// Tag of the backend.
    pub(crate) backend: u32,
    /// The request that the stream answers, if it answers one: the id upstream and the client's.
    pub(crate) request: Option<(Arc<str>, Arc<str>)>,
}

/// A translated message.
pub(crate) enum Translated {
    /// The answer to the request; nothing comes after it.
    Answer(Bytes),
    /// Concerns nobody: an answer to a request that nobody waits for.
    Nothing,
    /// Anything else.
    Other(Bytes),
}

/// What a client is told.
pub(crate) enum Told {
    /// The answer to the request; nothing comes after it.
    Answer(Bytes, Mark),
    /// The answer is large: its editor, and the pieces that follow on the pump.
    Large(Box<ReplyEditor>),
    /// Anything else.
    Other(Bytes, Mark),
    /// Where to resume.
    Prime(Mark),
}

impl Translate {
    /// Edits a large answer while it streams, if the stream answers a request.
    pub(crate) fn editor(&self) -> Option<ReplyEditor> {
        let (upstream_id, client_id) = self.request.as_ref()?;
        Some(ReplyEditor::new(client_id).expecting(upstream_id))
    }

    /// Translates what the backend said; `None` if it concerns nobody.
    pub(crate) fn told(&self, heard: Heard) -> Result<Option<Told>, BackendError> {
        Ok(match heard {
            Heard::Large(editor) => Some(Told::Large(editor)),
            Heard::Prime(mark) => Some(Told::Prime(mark)),
            Heard::Message(data, mark) => match self.message(&data)? {
                Translated::Answer(message) => Some(Told::Answer(message, mark)),
                Translated::Other(message) => Some(Told::Other(message, mark)),
                Translated::Nothing => None,
            },
        })
    }

    /// Translates one message.
    pub(crate) fn message(&self, data: &Bytes) -> Result<Translated, BackendError> {
        let message = Envelope::parse_reply(data)
            .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        let keyring = &self.gateway.keyring();
        Ok(match message.kind() {
            Kind::Response => match &self.request {
                Some((upstream_id, client_id)) => with_id(data, &message, upstream_id, client_id)
                    .map_or(Translated::Nothing, Translated::Answer),
                None => Translated::Nothing,
            },
            Kind::Request => match message.id {
                Some(id) => {
                    let sealed = request_id::seal(keyring, self.session, self.backend, id.get());
                    let mut splice = Splice::new(data);
                    splice.replace(span(data, id), sealed.as_bytes());
                    Translated::Other(splice.finish())
                }
                None => Translated::Nothing,
            },
            Kind::Notification => {
                let cancels = message.method.as_deref() == Some(Method::Cancelled.as_str());
                match message.params.as_ref().and_then(|params| params.request_id) {
                    Some(id) if cancels => {
                        let sealed =
                            request_id::seal(keyring, self.session, self.backend, id.get());
                        let mut splice = Splice::new(data);
                        splice.replace(span(data, id), sealed.as_bytes());
                        Translated::Other(splice.finish())
                    }
                    _ => Translated::Other(data.clone()),
                }
            }
        })
    }
}

/// The answer to one request, with the client's id; `None` for any other message.
pub(super) fn answer(
    data: &Bytes,
    upstream_id: &str,
    client_id: &str,
) -> Result<Option<Bytes>, BackendError> {
    let message =
        Envelope::parse_reply(data).map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
    match message.kind() {
        Kind::Response => Ok(with_id(data, &message, upstream_id, client_id)),
        Kind::Request | Kind::Notification => Ok(None),
    }
}

/// A response to `upstream_id` with the client's id; `None` if it is another's. Some servers
/// answer errors with a null id or none at all.
fn with_id(
    data: &Bytes,
    message: &Envelope<'_>,
    upstream_id: &str,
    client_id: &str,
) -> Option<Bytes> {
    let mut splice = Splice::new(data);
    match message.id {
        Some(id) if id.get() == upstream_id || id.get() == "null" => {
            splice.replace(span(data, id), client_id.as_bytes());
        }
        Some(_) => return None,
        None => splice.insert(message.close_brace, format!(",\"id\":{client_id}").into_bytes()),
    }
    Some(splice.finish())
}

/// One message as an event.
pub(crate) fn event(message: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(message.len() + 32);
    sse::write_event(&mut out, None, message);
    out.into()
}

/// Waits for `work` while it tells the client, every `interval`, that the stream lives. `None`
/// when the client has gone.
pub(crate) async fn alive<T>(
    client: &mpsc::Sender<Bytes>,
    interval: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            () = client.closed() => return None,
            () = tokio::time::sleep(interval) => {
                client.send(Bytes::from_static(sse::KEEP_ALIVE)).await.ok()?;
            }
        }
    }
}
