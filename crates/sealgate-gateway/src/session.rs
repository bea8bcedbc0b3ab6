//! Enters: `Mcp-Session-Id`. Leaves: a [`Session`] that this route and this caller opened, or the
//! 404 that makes clients initialize again. All of it is in the token: any replica that has the
//! key can serve it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use sealgate_mcp::keyring::Keyring;
use sealgate_mcp::session::{BackendSession, SessionToken};

use crate::authenticate::Principal;
use crate::backend::Exchange;
use crate::fail::Failure;
use crate::plan::RoutePlan;
use crate::seal::SESSION_ID;
use crate::upstream::Pool;

/// A legacy session, as its token tells.
pub(crate) struct Session {
    pub(crate) token: SessionToken,
    /// Tells sessions apart inside this process; derived from the token, never logged.
    pub(crate) fingerprint: u64,
}

impl Session {
    /// Opens the session that the request names.
    ///
    /// # Errors
    /// [`Failure::NoSession`] without a header, [`Failure::UnknownSession`] for anything that is
    /// not a living session of this route and principal.
    pub(crate) fn open(
        keyring: &Keyring,
        headers: &HeaderMap,
        route: &RoutePlan,
        principal: &Principal,
    ) -> Result<Self, Failure> {
        let header = headers.get(SESSION_ID).ok_or(Failure::NoSession)?;
        let text = header.to_str().unwrap_or("");
        let token = SessionToken::open(keyring, text).map_err(Failure::UnknownSession)?;
        token.admit(route.tag, &principal.digest(), unix_now()).map_err(Failure::UnknownSession)?;
        Ok(Self { token, fingerprint: fingerprint(text) })
    }

    /// What the session knows of one backend of its route.
    pub(crate) fn backend(&self, tag: u32) -> Option<&BackendSession> {
        self.token.backend(tag)
    }

    /// The way to one backend within this session; `None` if it did not answer initialize.
    pub(crate) fn exchange(
        &self,
        pool: &Arc<Pool>,
        route: &Arc<RoutePlan>,
        index: usize,
        headers: &HeaderMap,
    ) -> Option<Exchange> {
        let plan = &route.backends[index];
        let known = self.backend(plan.tag)?;
        Some(Exchange {
            pool: Arc::clone(pool),
            route: Arc::clone(route),
            index,
            session: known.session_id.as_deref().map(Into::into),
            version: Some(known.era.version()),
            forwarded: plan.forwarded(headers).into(),
        })
    }
}

/// When a session that opens now ends, in seconds since the epoch.
pub(crate) fn expiry(ttl: Duration) -> u64 {
    unix_now().saturating_add(ttl.as_secs())
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// FNV-1a: tokens are random, so that spreading is all that is asked of it.
fn fingerprint(token: &str) -> u64 {
    token.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
