//! Enters: a large answer as it comes. Leaves: the same for the client, edited while it streams,
//! never held whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::Body as _;
use sealgate_mcp::reply::{ReplyEditor, Seen};
use sealgate_mcp::sse::PieceWriter;
use tokio::sync::mpsc;

use super::BrokenOff;
use super::marks::Marks;
use super::pump::{EVENT_LIMIT, Mark, Piece, Pump};
use crate::fail::BackendError;
use crate::in_flight::Entered;
use crate::upstream::Body;

/// A large answer on its way through.
pub(crate) struct Edited {
    source: Source,
    editor: ReplyEditor,
    entered: Option<Entered>,
    /// What its event says, once it has ended.
    mark: Mark,
}

enum Source {
    /// A body that is one message.
    Body(Box<Body>),
    /// One event of a stream.
    Pump(Box<Pump>),
    Ended,
}

/// How pouring an answer into the client's event stream went.
pub(super) enum Poured {
    All,
    /// The client has gone.
    Gone,
    /// It broke off; the client has been told to pass over what it got of it.
    Broken(BrokenOff),
}

impl Edited {
    /// An answer that begins with `first`.
    pub(super) fn begin(
        mut editor: ReplyEditor,
        first: Bytes,
        body: Body,
    ) -> Result<Self, BackendError> {
        editor.push(first).map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        let source = Source::Body(Box::new(body));
        Ok(Self { source, editor, entered: None, mark: Mark::default() })
    }

    /// An answer whose editor has its start already; the rest are the next pieces of `pump`.
    pub(super) fn event(editor: ReplyEditor, pump: Pump) -> Self {
        let source = Source::Pump(Box::new(pump));
        Self { source, editor, entered: None, mark: Mark::default() }
    }

    /// Keeps the request in flight until the answer has ended.
    pub(super) fn keeping(mut self, entered: Entered) -> Self {
        self.entered = Some(entered);
        self
    }

    /// Whether it is an error; waits until that shows.
    pub(super) async fn is_error(&mut self) -> Result<bool, BackendError> {
        loop {
            match self.editor.seen() {
                Some(Seen::Response { is_error }) => return Ok(is_error),
                Some(Seen::Request | Seen::Notification) => {
                    return Err(BackendError::NotJsonRpc("it is no answer".to_owned()));
                }
                None => {}
            }
            match std::future::poll_fn(|context| self.advance(context)).await {
                Ok(true) => {}
                Ok(false) => return Err(BackendError::NotJsonRpc("it is no answer".to_owned())),
                Err(error) => return Err(error),
            }
        }
    }

    /// All of it at once, where there is no way to stream it.
    pub(super) async fn rest(mut self) -> Result<Bytes, BackendError> {
        let mut all = Vec::new();
        while let Some(part) = std::future::poll_fn(|context| self.poll(context)).await {
            all.extend_from_slice(&part.map_err(|error| BackendError::BrokenOff(error.0))?);
            if all.len() > EVENT_LIMIT {
                return Err(BackendError::TooLarge(EVENT_LIMIT));
            }
        }
        Ok(all.into())
    }

    /// Writes it to the client's event stream as one event, a piece at a time: the backend waits
    /// for the client. The event has an id where the client knows `marks`.
    pub(super) async fn pour(
        mut self,
        client: &mpsc::Sender<Bytes>,
        marks: Option<&Marks>,
    ) -> Poured {
        let mut writer = PieceWriter::default();
        loop {
            let part = tokio::select! {
                part = std::future::poll_fn(|context| self.poll(context)) => part,
                () = client.closed() => return Poured::Gone,
            };
            let (text, outcome) = match part {
                Some(Ok(part)) => (writer.piece(part), None),
                Some(Err(error)) => {
                    let text = Bytes::from_static(PieceWriter::abandon());
                    (text, Some(Poured::Broken(error)))
                }
                None => {
                    let id = marks.and_then(|marks| marks.id(&self.mark));
                    let text = writer.end(id.as_deref()).into();
                    return match client.send(text).await {
                        Ok(()) => Poured::All,
                        Err(_) => Poured::Gone,
                    };
                }
            };
            // All places of the queue: one piece waits at a time, however many there are.
            let Ok(mut places) = client.reserve_many(client.max_capacity()).await else {
                return Poured::Gone;
            };
            if let Some(place) = places.next() {
                place.send(text);
            }
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            if let Some(bytes) = self.editor.next() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            match ready!(self.advance(context)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(None),
                Err(BackendError::BrokenOff(reason)) => {
                    return Poll::Ready(Some(Err(BrokenOff(reason))));
                }
                Err(error) => return Poll::Ready(Some(Err(BrokenOff(error.to_string())))),
            }
        }
    }

    /// Takes one more piece from the source; `false` if it has ended.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, BackendError>> {
        let outcome = match ready!(self.source.poll(context)) {
            Ok(Some(Piece::Data(data))) => self.editor.push(data),
            Ok(Some(Piece::End(mark))) => {
                self.mark = mark;
                if let Source::Pump(pump) = std::mem::replace(&mut self.source, Source::Ended) {
                    pump.end();
                }
                self.entered = None;
                self.editor.finish().map(drop)
            }
            Ok(None) => return Poll::Ready(Ok(false)),
            Err(error) => {
                self.source = Source::Ended;
                return Poll::Ready(Err(error));
            }
        };
        Poll::Ready(match outcome {
            Ok(()) => Ok(true),
            Err(misbehaved) => {
                self.source = Source::Ended;
                Err(BackendError::NotJsonRpc(misbehaved.to_string()))
            }
        })
    }
}

impl Source {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Piece>, BackendError>> {
        match self {
            Self::Ended => Poll::Ready(Ok(None)),
            Self::Pump(pump) => pump.poll_piece(context).map_ok(Some),
            Self::Body(body) => loop {
                match ready!(Pin::new(&mut **body).poll_frame(context)) {
                    None => return Poll::Ready(Ok(Some(Piece::End(Mark::default())))),
                    Some(frame) => {
                        if let Ok(data) = frame?.into_data() {
                            return Poll::Ready(Ok(Some(Piece::Data(data))));
                        }
                    }
                }
            },
        }
    }
}
