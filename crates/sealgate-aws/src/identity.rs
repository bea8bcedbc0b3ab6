//! Enters the description of where credentials come from, leaves credentials that are fresh
//! whenever they are asked for. One background task refreshes; no request ever waits for STS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

mod caller;
mod chain;
mod error;
mod oidc;
mod refresh;
mod region;
mod source;
mod spec;
mod sts;
mod text;
mod watched;

pub use caller::{Caller, caller};
pub use error::{IdentityError, Tried};
pub use oidc::{OidcClient, OidcStep, check_url};
pub use spec::{AssumeRole, IdentitySpec, ProfileFiles, Source};
pub use text::{TextProblem, check_text};

use crate::credentials::Credentials;

/// How long [`Identity::ready`] and [`Identity::refresh_now`] wait before they give up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Forced refreshes are at least this far apart: what AWS refuses whenever it is asked must not
/// make us ask STS as often.
const APART: Duration = Duration::from_secs(1);

/// A source of AWS credentials, kept fresh until the last reference to it is gone.
#[derive(Debug)]
pub struct Identity {
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// How an identity is doing, for metrics and diagnosis. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityStatus {
    /// The description in words: `profile dev, role arn:aws:iam::123456789012:role/x`.
    pub description: String,
    /// Which source answered last: `environment`, `profile dev`, `instance metadata`…
    pub provided_by: Option<String>,
    /// The access key id in use.
    pub access_key_id: Option<String>,
    /// When the keys in use expire.
    pub expires_at: Option<SystemTime>,
    /// When they were fetched.
    pub refreshed_at: Option<SystemTime>,
    /// When they will be fetched again; `None` for lasting keys of a fixed source.
    pub next_refresh_at: Option<SystemTime>,
    /// The error of the last attempt, unless it succeeded.
    pub last_error: Option<IdentityError>,
    /// Failed attempts since the last success.
    pub failures: u32,
    /// The generation of the keys in use.
    pub generation: u64,
    /// Successful attempts since the start.
    pub refreshes: u64,
    /// Failed attempts since the start, by the code of the error.
    pub refusals: Vec<(&'static str, u64)>,
}

/// What the background task and the users of an identity share.
#[derive(Debug)]
struct Shared {
    spec: IdentitySpec,
    state: ArcSwap<State>,
    /// Counts finished attempts.
    attempts: watch::Sender<u64>,
    /// Asks the task for an attempt now.
    wanted: Notify,
    /// The generation that somebody found refused.
    refused_generation: AtomicU64,
}

/// One moment of an identity, replaced as a whole.
#[derive(Debug, Clone, Default)]
struct State {
    credentials: Option<Arc<Credentials>>,
    provided_by: Option<String>,
    error: Option<IdentityError>,
    failures: u32,
    generation: u64,
    refreshed_at: Option<SystemTime>,
    forced: Option<Forced>,
    next_refresh_at: Option<SystemTime>,
    refreshes: u64,
    refusals: BTreeMap<&'static str, u64>,
}

/// The last attempt that somebody asked for.
#[derive(Debug, Clone, Copy)]
struct Forced {
    /// When it ended.
    at: SystemTime,
    /// The generation that it left.
    generation: u64,
    /// Whether it brought other credentials than those that were refused.
    renewed: bool,
}

/// What is to be done for somebody whose credentials were refused.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    /// Nothing: there are newer ones, or it is known that there are none.
    Answered,
    /// An attempt, after this long.
    Granted(Duration),
}

impl Identity {
    /// Starts resolving `spec` on `handle` at once and returns without waiting.
    pub fn start(spec: IdentitySpec, handle: &Handle) -> Arc<Self> {
        let state = State::default();
        let shared = Arc::new(Shared {
            spec,
            state: ArcSwap::from_pointee(state),
            attempts: watch::Sender::new(0),
            wanted: Notify::new(),
            refused_generation: AtomicU64::new(u64::MAX),
        });
        let task = handle.spawn(refresh::run(Arc::clone(&shared))).abort_handle();
        Arc::new(Self { shared, task })
    }

    /// The credentials to sign with now. Never waits.
    ///
    /// # Errors
    /// Why there are none: the error of the last attempt, or that none has ended yet.
    pub fn current(&self) -> Result<Arc<Credentials>, IdentityError> {
        self.shared.state.load().current(SystemTime::now())
    }

    /// Waits, up to 30 seconds, until the first attempt has ended.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    pub async fn ready(&self) -> Result<Arc<Credentials>, IdentityError> {
        let mut attempts = self.shared.attempts.subscribe();
        let first = attempts.wait_for(|count| *count > 0);
        // Out of patience or ended: the state tells either way.
        let _ = tokio::time::timeout(PATIENCE, first).await;
        self.current()
    }

    /// A number that changes whenever [`current`](Self::current) returns other credentials: the
    /// key to keep a [`Signer`](crate::sign::Signer) by.
    pub fn generation(&self) -> u64 {
        self.shared.state.load().generation
    }

    /// Fetches again because AWS refused the credentials of `seen_generation` as expired. Callers
    /// at the same time share one attempt. None is made when newer credentials are there already,
    /// or when such an attempt found no newer ones within the last second; where it did, and those
    /// are refused too, the next one waits until that second is over. Waits up to 30 seconds.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    pub async fn refresh_now(
        &self,
        seen_generation: u64,
    ) -> Result<Arc<Credentials>, IdentityError> {
        let mut attempts = self.shared.attempts.subscribe();
        loop {
            let before = *attempts.borrow_and_update();
            match self.shared.state.load().wish(seen_generation, SystemTime::now()) {
                Wish::Answered => return self.current(),
                Wish::Granted(Duration::ZERO) => {
                    self.shared.refused_generation.store(seen_generation, Ordering::Release);
                    self.shared.wanted.notify_one();
                    let ended = attempts.wait_for(|count| *count > before);
                    let _ = tokio::time::timeout(PATIENCE, ended).await;
                    return self.current();
                }
                Wish::Granted(pause) => {
                    let newer = attempts.wait_for(|_| self.generation() != seen_generation);
                    let _ = tokio::time::timeout(pause, newer).await;
                }
            }
        }
    }

    /// Waits until [`generation`](Self::generation) is another than `seen`, and returns it.
    pub async fn changed(&self, seen: u64) -> u64 {
        let mut attempts = self.shared.attempts.subscribe();
        // The sender lives in `shared`, so this wait ends with a change and in no other way.
        let _ = attempts.wait_for(|_| self.generation() != seen).await;
        self.generation()
    }

    /// How it is doing.
    pub fn status(&self) -> IdentityStatus {
        let state = self.shared.state.load();
        let credentials = state.credentials.as_ref();
        IdentityStatus {
            description: self.shared.spec.to_string(),
            provided_by: state.provided_by.clone(),
            access_key_id: credentials.map(|credentials| credentials.access_key_id.clone()),
            expires_at: credentials.and_then(|credentials| credentials.expires_at),
            refreshed_at: state.refreshed_at,
            next_refresh_at: state.next_refresh_at,
            last_error: state.error.clone(),
            failures: state.failures,
            generation: state.generation,
            refreshes: state.refreshes,
            refusals: state.refusals.iter().map(|(&code, &count)| (code, count)).collect(),
        }
    }

    /// The description that this identity was started with.
    pub fn spec(&self) -> &IdentitySpec {
        &self.shared.spec
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    /// What is to be done for somebody whose credentials of generation `seen` were refused.
    fn wish(&self, seen: u64, now: SystemTime) -> Wish {
        if self.generation != seen {
            return Wish::Answered;
        }
        let recent = self.forced.filter(|forced| forced.generation == seen).and_then(|forced| {
            let left = APART.checked_sub(now.duration_since(forced.at).ok()?)?;
            Some((forced.renewed, left))
        });
        match recent {
            None => Wish::Granted(Duration::ZERO),
            Some((true, left)) => Wish::Granted(left),
            Some((false, _)) => Wish::Answered,
        }
    }

    fn current(&self, now: SystemTime) -> Result<Arc<Credentials>, IdentityError> {
        match &self.credentials {
            Some(credentials) if !credentials.is_expired(now) => Ok(Arc::clone(credentials)),
            Some(_) => Err(self.error.clone().unwrap_or_else(IdentityError::expired)),
            None => Err(self.error.clone().unwrap_or(IdentityError::Pending)),
        }
    }
}

#[cfg(test)]
mod tests;
