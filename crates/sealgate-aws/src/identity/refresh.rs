//! Enters an identity, leaves it fresh: the background task.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Shared, source};

/// Runs until aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        attempt(&shared).await;
        tokio::select! {
            () = shared.wanted.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
    }
}

async fn attempt(shared: &Shared) {
    let mut state = (**shared.state.load()).clone();
    let now = SystemTime::now();
    match source::provide(&shared.spec).await {
        Ok(provided) => {
            if state.credentials.as_deref() != Some(&provided.credentials) {
                state.generation += 1;
                state.credentials = Some(Arc::new(provided.credentials));
            }
            state.provided_by = Some(provided.by);
            state.refreshed_at = Some(now);
            state.error = None;
            state.failures = 0;
        }
        Err(error) => {
            state.error = Some(error);
            state.failures += 1;
        }
    }
    state.attempted_at = Some(now);
    shared.state.store(Arc::new(state));
    shared.attempts.send_modify(|count| *count += 1);
}
