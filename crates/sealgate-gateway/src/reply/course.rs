//! Enters: the event stream that answers a request, which may end before the answer. Leaves: what
//! the backend says, across as many streams as it takes (MCP 2025-11-25, SEP-1699): where the
//! client comes back by itself it is left to, otherwise the gateway resumes in its stead.

use std::time::Duration;

use sealgate_mcp::reply::ReplyEditor;
use tokio::time::Instant;

use super::marks::Marks;
use super::pump::{Mark, Pump};
use super::reading::{Heard, Reading};
use crate::backend::Exchange;
use crate::fail::BackendError;

/// How often in a row a stream is resumed that brings nothing new.
const TRIES: u32 = 5;
/// How long to wait before resuming where the backend does not say, in milliseconds; and the
/// bounds of what it may say.
const RETRY: (u64, u64, u64) = (1000, 50, 10_000);

/// One request's answer.
pub(crate) struct Course {
    exchange: Exchange,
    reading: Reading,
    /// How a client resumes that may do so by itself.
    pub(super) marks: Option<Marks>,
    began: Instant,
    /// The backend's last event.
    last: Mark,
    tries: u32,
}

impl Course {
    pub(super) fn new(exchange: Exchange, pump: Pump, marks: Option<Marks>) -> Self {
        let (began, last) = (Instant::now(), Mark::default());
        Self { exchange, reading: Reading::new(pump), marks, began, last, tries: 0 }
    }

    /// The client knows the event `id` of the backend.
    pub(super) fn resumed(&mut self, id: String) {
        self.last.id = Some(id.into());
        // Noted as if it had come on this stream.
        let _ = self.marks.as_ref().map(|marks| marks.id(&self.last));
    }

    /// What the backend says next, as [`Reading::next`]; `None` when the stream ended and the
    /// client comes back by itself. Nothing is lost when the future is dropped.
    pub(super) async fn next(
        &mut self,
        editor: impl Fn() -> Option<ReplyEditor>,
    ) -> Result<Option<Heard>, BackendError> {
        loop {
            let broken = match self.reading.next(&editor).await {
                Ok(Some(Heard::Prime(mark))) => {
                    self.note(&mark);
                    match &self.marks {
                        Some(marks) if marks.primes() => return Ok(Some(Heard::Prime(mark))),
                        _ => continue,
                    }
                }
                Ok(Some(heard)) => {
                    if let Heard::Message(_, mark) = &heard {
                        self.note(mark);
                    }
                    return Ok(Some(heard));
                }
                Ok(None) if self.is_left_to_client() => return Ok(None),
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

    /// Whether the client comes back by itself when the stream ends.
    pub(super) fn is_left_to_client(&self) -> bool {
        self.marks.as_ref().is_some_and(Marks::can_resume)
    }

    /// The answer is there.
    pub(super) fn end(self) {
        self.reading.pump.end();
    }

    pub(super) fn into_pump(self) -> Pump {
        self.reading.pump
    }

    /// The call has waited for its client for so long, which is not the backend's time.
    pub(super) fn waited(&mut self, time: Duration) {
        self.began += time;
        self.reading.pump.waited(time);
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
        // The modern era has no streams to resume.
        let may_resume = self.tries < TRIES && !self.exchange.is_modern();
        let Some(id) = self.last.id.clone().filter(|_| may_resume) else {
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
                self.reading = Reading::new(Pump::new(body));
                Ok(())
            }
            Ok(Ok(None)) | Err(_) => Err(broken),
            Ok(Err(error)) => Err(error),
        }
    }
}
