//! Enters the dates of AWS's answers, leaves how far the local clock is off, by the rules of the AWS
//! SDKs.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::DATE;

use super::http_date;

/// AWS accepts five minutes of difference; below this nothing is worth a correction.
const WORTH_CORRECTING: i64 = 240;
/// An answer that took longer than this says nothing about the clock.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(900);

/// How far AWS's clock is ahead of the local one; shared by all requests to one endpoint.
#[derive(Debug, Default)]
pub struct ClockOffset(AtomicI64);

impl ClockOffset {
    /// No offset.
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// The time to sign with when the local clock reads `now`.
    pub fn correct(&self, now: SystemTime) -> SystemTime {
        let seconds = self.seconds();
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let corrected =
            if seconds < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        corrected.unwrap_or(now)
    }

    /// Learns from the `Date` of an answer to a request that left at `sent` and came back at
    /// `received` (both by the local clock, uncorrected). Returns whether the offset in use was
    /// more than four minutes wrong and has been replaced: then the request, signed again, is
    /// worth one repetition.
    pub fn learn(&self, headers: &HeaderMap, sent: SystemTime, received: SystemTime) -> bool {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        let Some(theirs) = date.and_then(http_date::parse) else { return false };
        let Ok(round_trip) = received.duration_since(sent) else { return false };
        if round_trip > LONGEST_ROUND_TRIP {
            return false;
        }
        let ours = sent + round_trip / 2;
        let offset = match theirs.duration_since(ours) {
            Ok(ahead) => whole_seconds(ahead),
            Err(behind) => -whole_seconds(behind.duration()),
        };
        if (offset - self.seconds()).abs() <= WORTH_CORRECTING {
            return false;
        }
        self.0.store(offset, Ordering::Relaxed);
        true
    }

    /// The offset in seconds; positive when AWS's clock is ahead.
    pub fn seconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 2)
}
