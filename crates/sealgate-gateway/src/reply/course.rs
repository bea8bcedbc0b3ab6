//! Enters: the event stream that answers a request, which may end before the answer. Leaves: what
//! the backend says, across as many streams as it takes (MCP 2025-11-25, SEP-1699): where the
//! client comes back by itself it is left to, otherwise the gateway resumes in its stead.

use std::time::Duration;

use tokio::time::Instant;

use super::events::Translate;
use super::marks::Marks;
use super::pump::{Mark, Pump};
use super::reading::{Reading, Told};
use crate::backend::Exchange;
use crate::fail::BackendError;

/// How often in a row a stream is resumed that brings nothing new.
const TRIES: u32 = 5;
/// How long to wait before resuming where the backend does not say, in milliseconds; and the
/// bounds of what it may say.
const RETRY: (u64, u64, u64) = (1000, 50, 10_000);

/// One request's answer.
pub(super) struct Course {
    exchange: Exchange,
    reading: Reading,
    translate: Translate,
    pub(super) marks: Marks,
    began: Instant,
    /// The backend's last event.
    last: Mark,
    tries: u32,
}

impl Course {
    pub(super) fn new(
        exchange: Exchange,
        reading: Reading,
        translate: Translate,
        marks: Marks,
    ) -> Self {
        let (began, last) = (Instant::now(), Mark::default());
        Self { exchange, reading, translate, marks, began, last, tries: 0 }
    }

    /// The client knows the event `id` of the backend.
    pub(super) fn resumed(&mut self, id: String) {
        self.last.id = Some(id.into());
        // Noted as if it had come on this stream.
        let _ = self.marks.id(&self.last);
    }

    /// What the backend says next; `None` when the stream ended and the client comes back by
    /// itself. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Told>, BackendError> {
        loop {
            let broken = match self.reading.next().await {
                Ok(Some(told)) => {
                    if let Told::Other(_, mark) | Told::Prime(mark) = &told {
                        self.note(mark);
                    }
                    if matches!(told, Told::Prime(_)) && !self.marks.primes() {
                        continue;
                    }
                    return Ok(Some(told));
                }
                Ok(None) if self.marks.can_resume() => return Ok(None),
                Ok(None) => Self::ended(),
                Err(error @ BackendError::BrokenOff(_)) => error,
                Err(error) => return Err(error),
            };
            self.resume(broken).await?;
        }
    }

    /// The stream ended, and nobody can go on.
    pub(super) fn ended() -> BackendError {
        BackendError::BrokenOff("the event stream ended before the answer".to_owned())
    }

    /// The answer is there.
    pub(super) fn end(self) {
        self.reading.pump.end();
    }

    pub(super) fn into_pump(self) -> Pump {
        self.reading.pump
    }

    fn note(&mut self, mark: &Mark) {
        self.last.retry = mark.retry.or(self.last.retry);
        if mark.id.is_some() {
            self.last.id.clone_from(&mark.id);
            self.tries = 0;
        }
    }

    /// Opens the stream again behind the last event; fails with `broken` where there is no way.
    async fn resume(&mut self, broken: BackendError) -> Result<(), BackendError> {
        let Some(id) = self.last.id.clone().filter(|_| self.tries < TRIES) else {
            return Err(broken);
        };
        self.tries += 1;
        let pause = self.last.retry.unwrap_or(RETRY.0).clamp(RETRY.1, RETRY.2);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let deadlines = self.exchange.backend().deadlines;
        let listening = self.exchange.listen(Some(&id));
        match tokio::time::timeout(deadlines.first_byte, listening).await {
            Ok(Ok(Some(body))) => {
                let body = body.with_deadlines(deadlines.idle, self.began, deadlines.call);
                self.reading = self.reading.again(Pump::new(body), self.translate.clone());
                Ok(())
            }
            Ok(Ok(None)) | Err(_) => Err(broken),
            Ok(Err(error)) => Err(error),
        }
    }
}
