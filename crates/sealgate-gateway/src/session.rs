//! Enters: `Mcp-Session-Id`. Leaves: a [`Session`] that this route and this caller opened, or the
//! 404 that makes clients initialize again. All of it is in the token: any replica that has the
//! key can serve it.

mod bridged;
mod ended;
mod known;
mod tether;

pub(crate) use bridged::{Bridged, Running};
pub(crate) use ended::{Ended, Openings};
pub(crate) use known::KnownTokens;
pub(crate) use tether::{NewTether, Tether, Tethers, Work};

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use sealgate_config::resolved::EraSetting;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::log_level::LogLevel;
use sealgate_mcp::session::{BackendSession, SessionToken};
use sealgate_mcp::version::LATEST;

use crate::authenticate::Principal;
use crate::backend::{Exchange, Reopen, Speaker};
use crate::fail::Failure;
use crate::gateway::Gateway;
use crate::plan::RoutePlan;
use crate::receive::Carriage;
use crate::seal::SESSION_ID;
use crate::walk::Worker;
use known::Opened;

/// A legacy session, as its token tells.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) token: Arc<SessionToken>,
    /// Tells sessions apart inside this process; derived from the token, never logged.
    pub(crate) fingerprint: u64,
    /// Whether the client goes on with a broken stream by itself.
    pub(crate) resumes: bool,
}

impl Session {
    /// Opens the session that the request names.
    ///
    /// # Errors
    /// [`Failure::NoSession`] without a header, [`Failure::UnknownSession`] for anything that is
    /// not a living session of this route and principal.
    pub(crate) fn open(
        worker: &Worker,
        headers: &HeaderMap,
        route: &RoutePlan,
        principal: &Principal,
    ) -> Result<Self, Failure> {
        let header = headers.get(SESSION_ID).ok_or(Failure::NoSession)?;
        let text = header.to_str().unwrap_or("");
        let opened = worker.tokens.open(&worker.gateway.keyring(), text);
        let Opened { token, fingerprint } = opened.map_err(Failure::UnknownSession)?;
        token.admit(route.tag, &principal.digest(), unix_now()).map_err(Failure::UnknownSession)?;
        if worker.gateway.ended.contains(fingerprint) {
            return Err(Failure::SessionEnded);
        }
        Ok(Self { token, fingerprint, resumes: true })
    }

    /// The same for a client whose streams cannot be resumed.
    #[must_use]
    pub(crate) fn carried_by(self, carriage: Carriage) -> Self {
        Self { resumes: carriage == Carriage::Response, ..self }
    }

    /// What is known of one backend: the token's word, or what replaced it.
    pub(crate) fn backend(&self, gateway: &Gateway, tag: u32) -> Option<BackendSession> {
        let reopened = gateway.reopened.find(self.fingerprint, tag);
        reopened.or_else(|| self.token.backend(tag).cloned())
    }

    /// The way to one backend within this session. One that did not answer initialize is asked
    /// again when it is needed.
    pub(crate) fn exchange(
        &self,
        worker: &Worker,
        route: &Arc<RoutePlan>,
        index: usize,
        headers: &HeaderMap,
    ) -> Exchange {
        let plan = &route.backends[index];
        let reopened = worker.gateway.reopened.find(self.fingerprint, plan.tag);
        let known = reopened.as_ref().or_else(|| self.token.backend(plan.tag));
        // One that was away may be known to have no sessions.
        let is_modern = plan.era == EraSetting::Modern || plan.memory.is_modern_only();
        let version = known.map(|known| known.era.version()).or(is_modern.then_some(LATEST));
        let speaker = version.filter(|version| version.is_modern()).map(|_| {
            let level = worker.gateway.bridged.level(self.fingerprint).unwrap_or(UNASKED);
            let logs = known.is_none_or(|known| known.offers.has(Offers::LOGGING));
            Arc::new(Speaker::of_session(&self.token.client, logs.then_some(level)))
        });
        Exchange {
            pool: Arc::clone(&worker.pool),
            route: Arc::clone(route),
            index,
            session: known.and_then(|known| known.session_id.clone()),
            version,
            forwarded: plan.forwarded(headers),
            reopen: Some(Reopen {
                gateway: Arc::clone(&worker.gateway),
                session: self.fingerprint,
                token: Arc::clone(&self.token),
            }),
            speaker,
            mirror: None,
        }
    }

    /// The client has closed it.
    pub(crate) fn end(&self, gateway: &Gateway) {
        gateway.ended.end(self.fingerprint, self.token.expires_at, unix_now());
        gateway.bridged.forget(self.fingerprint);
        gateway.lists().end(self.fingerprint);
    }
}

/// What a legacy client hears of a modern backend's log before it says what it wants: a legacy
/// server would choose for itself.
const UNASKED: LogLevel = LogLevel::Info;

/// When a session that opens now ends, in seconds since the epoch.
pub(crate) fn expiry(ttl: Duration) -> u64 {
    unix_now().saturating_add(ttl.as_secs())
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
