//! Enters: a description of where AWS credentials come from. Leaves: the one running identity of
//! that description, which every backend that names it shares and which survives a reload; so does
//! what was learned about the clock of each host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sealgate_aws::identity::{Identity, IdentitySpec};
use sealgate_aws::refusal::ClockOffset;

/// The identities of a process. One lives as long as a plan uses it.
pub struct Identities {
    runtime: tokio::runtime::Handle,
    running: Mutex<HashMap<IdentitySpec, Weak<Identity>>>,
    clocks: Mutex<HashMap<String, Weak<ClockOffset>>>,
}

impl Identities {
    /// Identities refresh themselves on `runtime`.
    pub fn new(runtime: tokio::runtime::Handle) -> Self {
        Self { runtime, running: Mutex::default(), clocks: Mutex::default() }
    }

    /// The identity that `spec` describes, started if it is not running.
    pub fn get(&self, spec: &IdentitySpec) -> Arc<Identity> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, identity| identity.strong_count() > 0);
        if let Some(identity) = running.get(spec).and_then(Weak::upgrade) {
            return identity;
        }
        let identity = Identity::start(spec.clone(), &self.runtime);
        running.insert(spec.clone(), Arc::downgrade(&identity));
        identity
    }

    /// What is known of AWS's clock at `host`.
    pub(crate) fn clock(&self, host: &str) -> Arc<ClockOffset> {
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.retain(|_, clock| clock.strong_count() > 0);
        if let Some(clock) = clocks.get(host).and_then(Weak::upgrade) {
            return clock;
        }
        let clock = Arc::new(ClockOffset::new());
        clocks.insert(host.to_owned(), Arc::downgrade(&clock));
        clock
    }

    /// Every identity in use, for status and metrics.
    pub fn all(&self) -> Vec<Arc<Identity>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().filter_map(Weak::upgrade).collect()
    }
}
