//! Enters: the facts of one finished request. Leaves: one line, text or JSON, in a buffer of the
//! worker's own that a thread beside the workers writes out. A reader that stops reading costs
//! lines (counted), never requests.

mod line;
mod write;

pub use line::Line;

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::logs::Format;
use super::metrics::ProcessMetrics;

/// A buffer leaves when it holds this much.
const FLUSH_SIZE: usize = 16 * 1024;
/// And at the latest after this long.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// Full buffers that may wait for the writer; beyond, lines are dropped.
const WAITING: usize = 64;
/// How long the writer may take for what is left at the end, and how often that is looked at.
const LAST_WORDS: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(2);

/// The access log of one worker.
pub struct Log {
    format: Format,
    buffer: Mutex<Buffer>,
    /// Told when the buffer is no longer empty.
    filling: Notify,
    sink: SyncSender<Vec<u8>>,
    metrics: Arc<ProcessMetrics>,
}

struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
    clock: write::Clock,
}

/// Writes what the workers' logs hand over. Dropping it waits until what was handed over before
/// is written, but not for a reader that has stopped; drop the logs first.
pub struct Writer {
    format: Format,
    metrics: Arc<ProcessMetrics>,
    /// An empty buffer ends the thread.
    sink: SyncSender<Vec<u8>>,
    thread: JoinHandle<()>,
}

// === impl Log ===

impl Log {
    /// Adds a line. About a microsecond; allocates only when a buffer has been handed over.
    pub fn write(&self, line: &Line<'_>) {
        let now = SystemTime::now();
        let mut buffer = self.buffer();
        let was_empty = buffer.bytes.is_empty();
        let Buffer { bytes, clock, lines } = &mut *buffer;
        match self.format {
            Format::Json => line.json(bytes, clock, now),
            Format::Text => line.text(bytes, clock, now),
        }
        *lines += 1;
        if bytes.len() >= FLUSH_SIZE {
            self.hand_over(&mut buffer);
        } else if was_empty {
            self.filling.notify_one();
        }
    }

    /// Hands over what there is.
    pub fn flush(&self) {
        self.hand_over(&mut self.buffer());
    }

    /// Flushes in time, for ever. To be spawned once per log, on the worker's runtime.
    pub fn tend(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let log = Arc::clone(self);
        async move {
            loop {
                log.filling.notified().await;
                tokio::time::sleep(FLUSH_AFTER).await;
                log.flush();
            }
        }
    }

    fn hand_over(&self, buffer: &mut Buffer) {
        if buffer.bytes.is_empty() {
            return;
        }
        let next = Vec::with_capacity(FLUSH_SIZE + FLUSH_SIZE / 4);
        let full = std::mem::replace(&mut buffer.bytes, next);
        let lines = std::mem::take(&mut buffer.lines);
        if self.sink.try_send(full).is_err() {
            self.metrics.lines_dropped(lines);
        }
    }

    fn buffer(&self) -> std::sync::MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

// === impl Writer ===

impl Writer {
    /// Starts the thread that writes to `target`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        target: impl Write + Send + 'static,
        format: Format,
        metrics: &Arc<ProcessMetrics>,
    ) -> std::io::Result<Self> {
        let (sink, source) = sync_channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(target, &source))?;
        let metrics = Arc::clone(metrics);
        Ok(Self { format, metrics, sink, thread })
    }

    /// A log for one worker.
    pub fn log(&self) -> Arc<Log> {
        Arc::new(Log {
            format: self.format,
            buffer: Mutex::new(Buffer {
                bytes: Vec::new(),
                lines: 0,
                clock: write::Clock::default(),
            }),
            filling: Notify::new(),
            sink: self.sink.clone(),
            metrics: Arc::clone(&self.metrics),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let until = Instant::now() + LAST_WORDS;
        while self.sink.try_send(Vec::new()).is_err() && Instant::now() < until {
            std::thread::sleep(POLL);
        }
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(POLL);
        }
    }
}

fn write_all(mut target: impl Write, source: &Receiver<Vec<u8>>) {
    while let Some(bytes) = source.recv().ok().filter(|bytes| !bytes.is_empty()) {
        // A closed stdout is the reader's choice; there is nobody left to tell.
        let _ = target.write_all(&bytes).and_then(|()| target.flush());
    }
}

#[cfg(test)]
mod tests;
