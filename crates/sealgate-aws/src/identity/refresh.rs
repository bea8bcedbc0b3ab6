//! Enters an identity, leaves it fresh: the background task.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;

use super::watched::Watched;
use super::{Forced, IdentityError, Shared, State, source};
use crate::credentials::Credentials;

/// How often files are looked at, and the clock, which jumps when a machine wakes up.
const TICK: Duration = Duration::from_millis(500);
/// The longest pause between attempts that fail.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What STS advises to keep in hand.
const MARGIN: Duration = Duration::from_secs(300);
/// The longest that one attempt may take, all its sources and roles together.
const ATTEMPT: Duration = Duration::from_secs(60);

/// Runs until aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    let watched = Watched::of(&shared.spec);
    loop {
        // Taken first: a change during the attempt shows as one after it.
        let seen = watched.fingerprint();
        attempt(&shared).await;
        until_due(&shared, &watched, seen).await;
    }
}

/// One attempt, its outcome published as a whole.
async fn attempt(shared: &Shared) {
    // A task of its own, so that a panic in the SDK costs one attempt and not the identity.
    let mut task = JoinSet::new();
    let spec = shared.spec.clone();
    task.spawn(async move { source::provide(&spec).await });
    let outcome = match tokio::time::timeout(ATTEMPT, task.join_next()).await {
        Ok(Some(Ok(outcome))) => outcome,
        Ok(Some(Err(error))) => Err(IdentityError::Invalid {
            message: format!("the source of {} failed inside: {error}", shared.spec).into(),
        }),
        Ok(None) | Err(_) => Err(IdentityError::Unreachable {
            asked: shared.spec.to_string().into(),
            message: format!("no answer within {} s", ATTEMPT.as_secs()).into(),
        }),
    };
    let now = SystemTime::now();
    let mut state = State::clone(&shared.state.load());
    let refused = state.generation;
    let forced = shared.refused_generation.load(Ordering::Acquire) == refused;
    match outcome {
        Ok(provided) => {
            if state.credentials.as_deref() != Some(&provided.credentials) {
                state.generation += 1;
            }
            state.next_refresh_at = due(&provided.credentials, now);
            state.credentials = Some(Arc::new(provided.credentials));
            state.provided_by = Some(provided.by);
            state.refreshed_at = Some(now);
            state.error = None;
            state.failures = 0;
            state.refreshes += 1;
            tracing::debug!(identity = %shared.spec, generation = state.generation, "credentials fetched");
        }
        Err(error) => {
            state.failures = state.failures.saturating_add(1);
            *state.refusals.entry(error.code()).or_default() += 1;
            let pause = jittered(pause_after(state.failures));
            state.next_refresh_at = Some(now + pause);
            tracing::warn!(
                identity = %shared.spec,
                code = error.code(),
                error = %error,
                remedy = error.remedy(),
                failures = state.failures,
                "credentials could not be fetched"
            );
            state.error = Some(error);
        }
    }
    if forced {
        let (generation, renewed) = (state.generation, state.generation != refused);
        state.forced = Some(Forced { at: now, generation, renewed });
    }
    shared.state.store(Arc::new(state));
    // Whoever wished for an attempt meanwhile has had it.
    let _ = shared.refused_generation.compare_exchange(
        refused,
        u64::MAX,
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    shared.attempts.send_modify(|count| *count += 1);
}

/// Returns when the next attempt is due: by the clock, by a changed file, or on demand.
async fn until_due(shared: &Shared, watched: &Watched, seen: u64) {
    loop {
        let state = shared.state.load_full();
        if state.next_refresh_at.is_none() && watched.is_empty() {
            shared.wanted.notified().await;
        } else {
            tokio::select! {
                () = shared.wanted.notified() => {}
                () = tokio::time::sleep(TICK) => {
                    let due = state.next_refresh_at.is_some_and(|at| at <= SystemTime::now());
                    if due || watched.fingerprint() != seen {
                        return;
                    }
                    continue;
                }
            }
        }
        // A wish that an attempt has fulfilled in the meantime is none any more.
        if shared.refused_generation.load(Ordering::Acquire) == shared.state.load().generation {
            return;
        }
    }
}

/// When to fetch again: five minutes before the expiry or after 80 % of the lifetime, whichever
/// comes first, and up to a tenth of that earlier, so that replicas do not all ask at once.
/// Lives too short for five minutes in hand count by their lifetime alone.
pub(super) fn due(credentials: &Credentials, now: SystemTime) -> Option<SystemTime> {
    let lifetime = credentials.remaining(now)?;
    let share = lifetime.mul_f64(0.8);
    let wait = match lifetime.checked_sub(MARGIN) {
        Some(before) if lifetime > 2 * MARGIN => share.min(before),
        _ => share,
    };
    let wait = wait.mul_f64(1.0 - 0.1 * chance()).max(Duration::from_secs(1));
    now.checked_add(wait)
}

/// 1, 2, 4, … seconds.
pub(super) fn pause_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(6);
    Duration::from_secs(1 << doublings).min(LONGEST_PAUSE)
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.8 + 0.4 * chance())
}

/// Somewhere in 0..1.
fn chance() -> f64 {
    let mut byte = [0; 2];
    // Without randomness replicas merely meet.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    f64::from(u16::from_be_bytes(byte)) / 65_536.0
}
