//! Enters: one backend's event stream. Leaves: its messages, one at a time, as they came; of a
//! large answer only the start, in the editor through which the rest is to stream.

use std::collections::VecDeque;

use bytes::Bytes;
use sealgate_mcp::batch;
use sealgate_mcp::reply::{Misbehaved, ReplyEditor, Seen};

use super::pump::{Item, Mark, Piece, Pump};
use crate::fail::BackendError;

/// A backend's event stream.
pub(crate) struct Reading {
    pub(super) pump: Pump,
    /// A large message that is on its way, and whether it may be an answer that is waited for.
    large: Option<(ReplyEditor, bool)>,
    /// In the middle of a large message that concerns nobody.
    is_skipping: bool,
    /// Messages of a batch (MCP 2025-03-26).
    waiting: VecDeque<Bytes>,
}

/// What a backend says.
pub(crate) enum Heard {
    /// An answer that is large: its editor, and the pieces that follow on the pump.
    Large(Box<ReplyEditor>),
    /// A message, whole.
    Message(Bytes, Mark),
    /// Where to resume.
    Prime(Mark),
}

impl Reading {
    pub(crate) fn new(pump: Pump) -> Self {
        Self { pump, large: None, is_skipping: false, waiting: VecDeque::new() }
    }

    /// What the backend says next; `None` at the end of the stream. `editor` makes the editor of a
    /// large answer; where it makes none, no answer is waited for. Nothing is lost when the future
    /// is dropped.
    pub(crate) async fn next(
        &mut self,
        editor: impl Fn() -> Option<ReplyEditor>,
    ) -> Result<Option<Heard>, BackendError> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(Some(Heard::Message(message, Mark::default())));
            }
            if self.is_skipping {
                self.is_skipping = matches!(self.pump.piece().await?, Piece::Data(_));
                continue;
            }
            if let Some((large, _)) = &self.large {
                if matches!(large.seen(), Some(Seen::Response { .. })) {
                    match self.large.take() {
                        Some((editor, true)) => return Ok(Some(Heard::Large(Box::new(editor)))),
                        _ => self.is_skipping = true,
                    }
                    continue;
                }
                match self.pump.piece().await? {
                    Piece::Data(data) => self.take(data)?,
                    Piece::End(mark) => {
                        if let Some(message) = self.end()? {
                            return Ok(Some(Heard::Message(message, mark)));
                        }
                    }
                }
                continue;
            }
            match self.pump.item().await? {
                None => return Ok(None),
                Some(Item::Prime(mark)) => return Ok(Some(Heard::Prime(mark))),
                Some(Item::Message(data, _)) if data.trim_ascii_start().starts_with(b"[") => {
                    let messages = batch::split(&data)
                        .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
                    self.waiting.extend(messages);
                }
                Some(Item::Message(data, mark)) => return Ok(Some(Heard::Message(data, mark))),
                Some(Item::Large(first)) => {
                    let awaited = editor();
                    let is_awaited = awaited.is_some();
                    let editor = awaited.unwrap_or_else(|| ReplyEditor::new("null"));
                    self.large = Some((editor, is_awaited));
                    self.take(first)?;
                }
            }
        }
    }

    /// The next bytes of a large message.
    fn take(&mut self, data: Bytes) -> Result<(), BackendError> {
        let Some((editor, _)) = &mut self.large else { return Ok(()) };
        match editor.push(data) {
            Ok(()) => {}
            Err(Misbehaved::OtherId) => (self.large, self.is_skipping) = (None, true),
            Err(error) => return Err(BackendError::NotJsonRpc(error.to_string())),
        }
        Ok(())
    }

    /// A large message that turned out to be no answer is over.
    fn end(&mut self) -> Result<Option<Bytes>, BackendError> {
        let Some((mut editor, _)) = self.large.take() else { return Ok(None) };
        editor.finish().map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
        Ok(editor.take_message())
    }
}
