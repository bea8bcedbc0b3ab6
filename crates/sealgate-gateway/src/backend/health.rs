//! Enters: how exchanges with a backend ended. Leaves: whether the next one is worth a try.
//!
//! A backend that cannot be reached fails calls at once instead of after a timeout each; one call
//! at a time tries whether it is back, ever more rarely.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Failures in a row after which the circuit opens.
const TOLERATED: u32 = 5;
/// First and longest pause between tries, in milliseconds.
const PAUSE: (u64, u64) = (500, 30_000);

/// The state of the circuit to one backend.
pub(crate) struct Health {
    began: Instant,
    failures: AtomicU32,
    /// When the next try is due, in milliseconds since `began`; 0 while the circuit is closed.
    retry_at: AtomicU64,
}

impl Default for Health {
    fn default() -> Self {
        Self { began: Instant::now(), failures: AtomicU32::new(0), retry_at: AtomicU64::new(0) }
    }
}

impl Health {
    /// Whether an exchange may be tried; otherwise how long until one may.
    pub(crate) fn admits(&self) -> Result<(), Duration> {
        let due = self.retry_at.load(Ordering::Relaxed);
        if due == 0 {
            return Ok(());
        }
        let now = self.now();
        if now < due {
            return Err(Duration::from_millis(due - now));
        }
        // Whoever moves the time on is the one that tries.
        let next = now + self.pause();
        match self.retry_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(_) => Err(Duration::from_millis(self.pause())),
        }
    }

    /// The backend answered, whatever it said.
    pub(crate) fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.retry_at.store(0, Ordering::Relaxed);
        }
    }

    /// The backend could not be reached. Tells whether the circuit opened with this.
    pub(crate) fn failed(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= TOLERATED {
            self.retry_at.store((self.now() + self.pause()).max(1), Ordering::Relaxed);
        }
        failures == TOLERATED
    }

    /// How long until the next try while the circuit is open.
    pub(crate) fn retry_in(&self) -> Option<Duration> {
        let due = self.retry_at.load(Ordering::Relaxed);
        (due != 0).then(|| Duration::from_millis(due.saturating_sub(self.now())))
    }

    /// Failures since the last answer.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    fn pause(&self) -> u64 {
        let beyond = self.failures().saturating_sub(TOLERATED).min(10);
        (PAUSE.0 << beyond).min(PAUSE.1)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circuit_opens_after_failures_in_a_row_and_closes_with_an_answer() {
        let health = Health::default();
        for _ in 1..TOLERATED {
            assert!(!health.failed());
            assert!(health.admits().is_ok());
            assert_eq!(health.retry_in(), None);
        }
        assert!(health.failed());
        assert!(health.admits().is_err());
        assert!(health.retry_in().is_some_and(|pause| !pause.is_zero()));
        assert!(!health.failed(), "it was open");
        health.answered();
        assert!(health.admits().is_ok());
        assert!(!health.failed());
        assert!(health.admits().is_ok());
    }

    #[test]
    fn one_call_at_a_time_tries_whether_the_backend_is_back_and_ever_more_rarely() {
        let health = Health::default();
        for _ in 0..TOLERATED {
            health.failed();
        }
        let due = || health.retry_at.load(Ordering::Relaxed);
        let first = due();
        // The pause is over.
        health.retry_at.store(1, Ordering::Relaxed);
        while health.now() < 1 {}
        assert!(health.admits().is_ok());
        assert!(health.admits().is_err(), "the one that tries has not come back yet");
        health.failed();
        assert!(due() >= first + PAUSE.0, "{first} and then {}", due());
        assert_eq!(health.pause(), 2 * PAUSE.0);
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let health = Health::default();
        let pauses: Vec<_> = (0..20).map(|_| (health.failed(), health.pause()).1).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&PAUSE.1));
    }
}
