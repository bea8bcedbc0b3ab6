//! Enters: the course of one answer. Leaves: what a legacy client is told of it.

use bytes::Bytes;

use super::course::Course;
use super::events::{Told, Translate};
use super::pump::{Mark, Pump};
use super::reading::Heard;
use crate::backend::Exchange;
use crate::fail::BackendError;

/// One request's answer, translated.
pub(super) struct Telling {
    pub(super) course: Course,
    translate: Translate,
    /// Where the backend's questions are answered when they cannot reach the client.
    alone: Option<Exchange>,
}

impl Telling {
    pub(super) fn new(course: Course, translate: Translate) -> Self {
        Self { course, translate, alone: None }
    }

    /// For a client that can be told nothing but the answer: the backend's questions are answered
    /// here, over `exchange`, and its notifications dropped.
    pub(super) fn alone(mut self, exchange: Exchange) -> Self {
        self.alone = Some(exchange);
        self
    }

    /// What the client is told next; `None` when the stream ended and it comes back by itself.
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Told>, BackendError> {
        loop {
            let editor = || self.translate.editor();
            let Some(heard) = self.course.next(editor).await? else { return Ok(None) };
            if let (Some(exchange), Heard::Message(data, _)) = (&self.alone, &heard)
                && exchange.answer_alone(data)
            {
                continue;
            }
            match self.translate.told(heard)? {
                Some(Told::Other(..)) if self.alone.is_some() => {}
                Some(told) => return Ok(Some(told)),
                None => {}
            }
        }
    }

    /// The client's text for an event that is a message.
    pub(super) fn event(&self, message: &Bytes, mark: &Mark) -> Bytes {
        match &self.course.marks {
            Some(marks) => marks.event(message, mark),
            None => super::event(message),
        }
    }

    /// The answer is there.
    pub(super) fn end(self) {
        self.course.end();
    }

    pub(super) fn into_pump(self) -> Pump {
        self.course.into_pump()
    }
}
