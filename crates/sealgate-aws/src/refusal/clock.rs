//! Enters the dates of AWS's answers, leaves how far the local clock is off.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// How far AWS's clock is ahead of ours; shared by all requests to one endpoint.
#[derive(Debug, Default)]
pub struct ClockOffset(AtomicI64);

impl ClockOffset {
    /// No offset.
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// The time to sign with when the local clock reads `now`.
    pub fn correct(&self, now: SystemTime) -> SystemTime {
        let seconds = self.0.load(Ordering::Relaxed);
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let corrected =
            if seconds < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        corrected.unwrap_or(now)
    }
}
