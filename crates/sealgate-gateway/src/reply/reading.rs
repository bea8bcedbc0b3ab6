//! Enters: one backend's event stream. Leaves: what it says, as the client understands it.

use std::collections::VecDeque;

use bytes::Bytes;
use sealgate_mcp::batch;
use sealgate_mcp::reply::{Misbehaved, ReplyEditor, Seen};

use super::events::{Translate, Translated};
use super::pump::{Item, Mark, Piece, Pump};
use crate::backend::Exchange;
use crate::fail::BackendError;

/// A backend's event stream, translated.
pub(crate) struct Reading {
    pub(super) pump: Pump,
    translate: Translate,
    /// Where the backend's questions go when they cannot reach the client.
    alone: Option<Exchange>,
    /// A large message that is on its way.
    large: Option<ReplyEditor>,
    /// In the middle of a large message that concerns nobody.
    is_skipping: bool,
    /// Messages of a batch (MCP 2025-03-26).
    waiting: VecDeque<Bytes>,
}

/// What a backend says to the client.
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

impl Reading {
    pub(crate) fn new(pump: Pump, translate: Translate) -> Self {
        Self {
            pump,
            translate,
            alone: None,
            large: None,
            is_skipping: false,
            waiting: VecDeque::new(),
        }
    }

    /// For a client that can be told nothing but the answer: the backend's questions are answered
    /// here, over `exchange`, and its notifications dropped.
    pub(crate) fn alone(mut self, exchange: Exchange) -> Self {
        self.alone = Some(exchange);
        self
    }

    /// The same for another stream.
    pub(super) fn again(&self, pump: Pump, translate: Translate) -> Self {
        Self { alone: self.alone.clone(), ..Self::new(pump, translate) }
    }

    /// What the backend says next; `None` at the end of the stream. Nothing is lost when the
    /// future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Told>, BackendError> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                match self.message(message, Mark::default())? {
                    Some(told) => return Ok(Some(told)),
                    None => continue,
                }
            }
            if self.is_skipping {
                self.is_skipping = matches!(self.pump.piece().await?, Piece::Data(_));
                continue;
            }
            if let Some(editor) = &mut self.large {
                if matches!(editor.seen(), Some(Seen::Response { .. })) {
                    let editor = self.large.take();
                    match editor.filter(|_| self.translate.request.is_some()) {
                        Some(editor) => return Ok(Some(Told::Large(Box::new(editor)))),
                        None => self.is_skipping = true,
                    }
                    continue;
                }
                match self.pump.piece().await? {
                    Piece::Data(data) => self.take(data)?,
                    Piece::End(mark) => {
                        if let Some(told) = self.end(mark)? {
                            return Ok(Some(told));
                        }
                    }
                }
                continue;
            }
            let told = match self.pump.item().await? {
                None => return Ok(None),
                Some(Item::Prime(mark)) => Some(Told::Prime(mark)),
                Some(Item::Message(data, mark)) => self.message(data, mark)?,
                Some(Item::Large(first)) => {
                    self.large = Some(self.translate.editor());
                    self.take(first)?;
                    None
                }
            };
            if told.is_some() {
                return Ok(told);
            }
        }
    }

    /// The next bytes of a large message.
    fn take(&mut self, data: Bytes) -> Result<(), BackendError> {
        let Some(editor) = &mut self.large else { return Ok(()) };
        match editor.push(data) {
            Ok(()) => {}
            Err(Misbehaved::OtherId) => (self.large, self.is_skipping) = (None, true),
            Err(error) => return Err(BackendError::NotJsonRpc(error.to_string())),
        }
        Ok(())
    }

    /// A large message that turned out to be no answer is over.
    fn end(&mut self, mark: Mark) -> Result<Option<Told>, BackendError> {
        let Some(mut editor) = self.large.take() else { return Ok(None) };
        editor.finish().map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        match editor.take_message() {
            Some(message) => self.message(message, mark),
            None => Ok(None),
        }
    }

    fn message(&mut self, data: Bytes, mark: Mark) -> Result<Option<Told>, BackendError> {
        if data.trim_ascii_start().starts_with(b"[") {
            let messages =
                batch::split(&data).map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
            self.waiting.extend(messages);
            return Ok(None);
        }
        if let Some(exchange) = &self.alone
            && exchange.answer_alone(&data)
        {
            return Ok(None);
        }
        Ok(match self.translate.message(&data)? {
            Translated::Answer(message) => Some(Told::Answer(message, mark)),
            Translated::Other(_) if self.alone.is_some() => None,
            Translated::Other(message) => Some(Told::Other(message, mark)),
            Translated::Nothing => None,
        })
    }
}
