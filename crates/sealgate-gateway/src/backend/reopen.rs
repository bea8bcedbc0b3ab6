//! Enters: a session that a backend has lost, or never opened. Leaves: a new one behind the same
//! client session, opened with what the client's token remembers, without the client's notice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sealgate_mcp::capability::Offers;
use sealgate_mcp::session::{BackendSession, SessionToken};
use sealgate_mcp::version::LATEST_LEGACY;
use serde_json::json;

use super::handshake::{Handshake, InitializeResult};
use super::{Exchange, resumed};
use crate::fail::BackendError;
use crate::gateway::Gateway;

/// What it takes to open a client's session with a backend again.
#[derive(Clone)]
pub(crate) struct Reopen {
    pub(crate) gateway: Arc<Gateway>,
    /// Fingerprint of the client's session.
    pub(crate) session: u64,
    pub(crate) token: Arc<SessionToken>,
}

/// Backend sessions that replace those of the tokens. This process's own: another replica that
/// meets the same loss opens a session of its own.
#[derive(Default)]
pub(crate) struct Reopened {
    sessions: Mutex<HashMap<(u64, u32), BackendSession>>,
    /// Spares the lock while nothing was ever lost.
    count: AtomicUsize,
    /// One reopening at a time for the sessions of a shard, so that ten calls that find their
    /// session lost open one.
    turns: [tokio::sync::Mutex<()>; 16],
}

/// Beyond this many, old entries make room: their sessions are found lost, and reopened, again.
const MOST: usize = 64 * 1024;

impl Reopen {
    /// What replaces the token's word on this backend, if anything does.
    pub(crate) fn find(&self, backend: u32) -> Option<BackendSession> {
        self.gateway.reopened.find(self.session, backend)
    }

    /// Opens a session again; another call may just have done so, which will do.
    pub(crate) async fn run(&self, lost: &Exchange) -> Result<Exchange, BackendError> {
        let tag = lost.backend().tag;
        let table = &self.gateway.reopened;
        let _turn = table.turn(self.session).await;
        if let Some(known) = table.find(self.session, tag)
            && known.session_id != lost.session
        {
            return Ok(resumed(lost, &known));
        }
        let fresh = Exchange { session: None, version: None, reopen: None, ..lost.clone() };
        let id = self.gateway.upstream_id();
        let body = self.initialize(&id);
        let version = self.token.version;
        let opened = Handshake::with_any(&self.gateway, &fresh, body, &id, version).await?;
        let known = BackendSession {
            backend: tag,
            session_id: opened.session.clone(),
            era: opened.era,
            offers: Offers::read(InitializeResult::read(&opened.result)?.capabilities.get()),
        };
        if known.era.is_modern() {
            table.put(self.session, known);
            return Err(BackendError::EraFound);
        }
        let again = resumed(lost, &known);
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        again.tell(Bytes::from_static(initialized.as_bytes())).await?;
        // It may be another process, with other tools.
        lost.backend().lists.changed_all();
        tracing::info!(backend = %lost.backend().name, "session with the backend opened again");
        table.put(self.session, known);
        Ok(again)
    }

    /// The client's own `initialize`, from what its token remembers.
    fn initialize(&self, id: &str) -> Bytes {
        let client = &self.token.client;
        let info = json!({ "name": &*client.name, "version": &*client.version });
        let version = self.token.version.min(LATEST_LEGACY).as_str();
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{},"clientInfo":{info}}}}}"#,
            client.capabilities
        )
        .into()
    }
}

impl Reopened {
    /// What replaces the token's word on this backend, if anything does.
    pub(crate) fn find(&self, session: u64, backend: u32) -> Option<BackendSession> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&(session, backend)).cloned()
    }

    fn put(&self, session: u64, known: BackendSession) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST {
            sessions.clear();
        }
        sessions.insert((session, known.backend), known);
        self.count.store(sessions.len(), Ordering::Relaxed);
    }

    async fn turn(&self, session: u64) -> tokio::sync::MutexGuard<'_, ()> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let shard = session as usize % self.turns.len();
        self.turns[shard].lock().await
    }
}
