//! Enters: a backend's event stream. Leaves: its messages, one at a time; those that are too large
//! to be held, in pieces.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use sealgate_mcp::sse::{Decoder, Event, Part};

use crate::fail::BackendError;
use crate::upstream::{Body, Edit};

/// The largest single event that is taken whole from a backend, in bytes.
pub(crate) const EVENT_LIMIT: usize = 64 * 1024 * 1024;
/// Above this, a message is edited while it streams instead of being held whole, in bytes.
pub(crate) const HELD: usize = 64 * 1024;
/// How long, and for how many more frames, a stream whose answer is read may take to end before
/// its connection is given up.
const ENDING: (Duration, usize) = (Duration::from_secs(1), 16);

/// Reads a backend's events one at a time.
pub(crate) struct Pump {
    body: Body,
    decoder: Decoder,
    /// What is done to each message.
    edit: Option<Edit>,
    /// The start of a large message that is edited, and so held.
    held: Option<Vec<u8>>,
}

/// What an event says besides its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) id: Option<Box<str>>,
    /// In milliseconds.
    pub(crate) retry: Option<u64>,
}

/// What comes next.
pub(crate) enum Item {
    /// The start of a message that is too large to be held; pieces follow.
    Large(Bytes),
    /// A message.
    Message(Bytes, Mark),
    /// An event without a message (MCP 2025-11-25, priming events).
    Prime(Mark),
}

/// What comes next of a large message.
pub(crate) enum Piece {
    Data(Bytes),
    End(Mark),
}

impl Pump {
    pub(crate) fn new(mut body: Body) -> Self {
        let edit = body.take_edit();
        Self { body, decoder: Decoder::new(EVENT_LIMIT).in_pieces(HELD), edit, held: None }
    }

    /// The data of the next event that has any, held whole; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BackendError> {
        loop {
            match self.item().await? {
                Some(Item::Message(data, _)) => return Ok(Some(data)),
                Some(Item::Prime(_)) => {}
                Some(Item::Large(first)) => return self.collect(first).await.map(Some),
                None => return Ok(None),
            }
        }
    }

    /// The next event that says anything; `None` at the end of the stream.
    pub(crate) async fn item(&mut self) -> Result<Option<Item>, BackendError> {
        loop {
            if self.held.is_some() {
                if let Some(item) = self.gather().await? {
                    return Ok(Some(item));
                }
                continue;
            }
            let part = poll_fn(|context| self.poll_part(context)).await?;
            match part {
                None => return Ok(None),
                Some(Part::Data(first)) if self.edit.as_ref().is_some_and(|edit| edit.large) => {
                    self.held = Some(first.into());
                }
                Some(Part::Data(first)) => return Ok(Some(Item::Large(first))),
                Some(Part::Event(event)) if !event.is_message() => {}
                Some(Part::Event(event)) if event.data.is_empty() => {
                    return Ok(Some(Item::Prime(Mark::of(&event))));
                }
                Some(Part::Event(event)) => {
                    let mark = Mark::of(&event);
                    return Ok(Some(Item::Message(self.edited(event.data), mark)));
                }
                Some(Part::End(_)) => {}
            }
        }
    }

    /// More of a large message that is edited; the message, when it is all there. Nothing is lost
    /// when the future is dropped.
    async fn gather(&mut self) -> Result<Option<Item>, BackendError> {
        let piece = self.piece().await?;
        let Some(held) = &mut self.held else { return Ok(None) };
        match piece {
            Piece::Data(data) if held.len() + data.len() > EVENT_LIMIT => {
                Err(BackendError::TooLarge(EVENT_LIMIT))
            }
            Piece::Data(data) => {
                held.extend_from_slice(&data);
                Ok(None)
            }
            Piece::End(mark) => {
                let whole = self.held.take().unwrap_or_default();
                Ok(Some(Item::Message(self.edited(whole.into()), mark)))
            }
        }
    }

    fn edited(&self, data: Bytes) -> Bytes {
        match &self.edit {
            Some(edit) => (edit.each)(data),
            None => data,
        }
    }

    /// What comes next of the large message that [`Item::Large`] began.
    pub(crate) async fn piece(&mut self) -> Result<Piece, BackendError> {
        poll_fn(|context| self.poll_piece(context)).await
    }

    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Piece, BackendError>> {
        Poll::Ready(match ready!(self.poll_part(context))? {
            Some(Part::Data(data)) => Ok(Piece::Data(data)),
            Some(Part::Event(event) | Part::End(event)) => Ok(Piece::End(Mark::of(&event))),
            None => Err(BackendError::BrokenOff(
                "the event stream ended in the middle of a message".to_owned(),
            )),
        })
    }

    /// The answer is read: lets the stream end, so that its connection can be used again.
    pub(crate) fn end(mut self) {
        if self.body.is_end_stream() {
            return;
        }
        tokio::spawn(tokio::time::timeout(ENDING.0, async move {
            for _ in 0..ENDING.1 {
                if !matches!(self.body.frame().await, Some(Ok(_))) {
                    return;
                }
            }
        }));
    }

    /// The stream was not read for so long, for reasons that are not the backend's.
    pub(super) fn waited(&mut self, time: Duration) {
        self.body.waited(time);
    }

    async fn collect(&mut self, first: Bytes) -> Result<Bytes, BackendError> {
        let mut all = Vec::from(first);
        while let Piece::Data(data) = self.piece().await? {
            if all.len() + data.len() > EVENT_LIMIT {
                return Err(BackendError::TooLarge(EVENT_LIMIT));
            }
            all.extend_from_slice(&data);
        }
        Ok(all.into())
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Part>, BackendError>> {
        loop {
            if let Some(part) = self.decoder.next_part() {
                let part = part.map_err(|_| BackendError::TooLarge(EVENT_LIMIT))?;
                return Poll::Ready(Ok(Some(part)));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.decoder.push(data);
                    }
                }
                None => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl Mark {
    fn of(event: &Event) -> Self {
        Self { id: event.id_text().map(Into::into), retry: event.retry }
    }
}
