//! Enters: a draft for AWS. Leaves: its signature, by a signer that follows its identity.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use http::HeaderMap;
use sealgate_aws::identity::{Identity, IdentityError};
use sealgate_aws::refusal::ClockOffset;
use sealgate_aws::sign::{Scope, SignRequest, Signer};

use super::Draft;
use crate::fail::BackendError;

/// Signs one backend's requests with one identity.
pub(crate) struct SigV4 {
    /// Whose credentials; shared by every backend that names it.
    pub(crate) identity: Arc<Identity>,
    /// Region and service.
    pub(crate) scope: Scope,
    /// The host that AWS verifies the signature for.
    pub(crate) host: String,
    /// What AWS's refusals taught about its clock.
    pub(crate) clock: ClockOffset,
    /// The signer of the identity's present credentials.
    keys: ArcSwapOption<Keys>,
}

/// A signer and the generation of the credentials that it holds.
pub(crate) struct Keys {
    generation: u64,
    signer: Signer,
}

impl SigV4 {
    /// Follows `identity` from now on.
    pub(crate) fn new(identity: Arc<Identity>, scope: Scope, host: String) -> Self {
        Self { identity, scope, host, clock: ClockOffset::new(), keys: ArcSwapOption::empty() }
    }

    /// Waits for an identity that has only just been started; otherwise costs one atomic load.
    pub(crate) async fn settled(&self) {
        if matches!(self.keys.load().as_deref(), Some(keys) if keys.generation == self.identity.generation())
        {
            return;
        }
        if matches!(self.identity.current(), Err(IdentityError::Pending)) {
            // What came of it is `sign`'s to say.
            let _ = self.identity.ready().await;
        }
    }

    /// Adds the signature and what it covers to `headers`.
    pub(super) fn sign(
        &self,
        draft: &Draft<'_>,
        now: SystemTime,
        headers: &mut HeaderMap,
    ) -> Result<(), BackendError> {
        let generation = self.identity.generation();
        let request = SignRequest {
            method: &draft.method,
            host: &self.host,
            path_and_query: &draft.backend.path_and_query,
            body: (&*draft.body).into(),
        };
        let now = self.clock.correct(now);
        let keys = self.keys.load();
        match &*keys {
            Some(keys) if keys.generation == generation => {
                keys.signer.sign(request, now, headers)?;
            }
            _ => {
                let credentials = self.identity.current().map_err(BackendError::Credentials)?;
                let signer = Signer::new((*credentials).clone(), self.scope.clone());
                let keys = Arc::new(Keys { generation, signer });
                keys.signer.sign(request, now, headers)?;
                self.keys.store(Some(keys));
            }
        }
        Ok(())
    }
}
