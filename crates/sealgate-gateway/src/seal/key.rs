//! Enters: a draft for AWS. Leaves: its signature, by a signer that follows its identity.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderName};
use sealgate_aws::identity::{Identity, IdentityError};
use sealgate_aws::refusal::ClockOffset;
use sealgate_aws::sign::{Explanation, Payload, Scope, SignError, SignRequest, Signer};

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
    /// What AWS's refusals taught about its clock; shared by all that is signed for this host.
    pub(crate) clock: Arc<ClockOffset>,
    /// Signed beside those that always are.
    signed_headers: Vec<HeaderName>,
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
    pub(crate) fn new(
        identity: Arc<Identity>,
        scope: Scope,
        host: String,
        clock: Arc<ClockOffset>,
    ) -> Self {
        let keys = ArcSwapOption::empty();
        Self { identity, scope, host, clock, signed_headers: Vec::new(), keys }
    }

    /// Signs these headers too, where a request has them.
    pub(crate) fn signing_too(self, names: &[HeaderName]) -> Self {
        Self { signed_headers: names.to_vec(), ..self }
    }

    /// Waits for an identity that has only just been started, or whose credentials have run out
    /// unnoticed (a machine that slept); otherwise costs one atomic load.
    pub(crate) async fn settled(&self) {
        let generation = self.identity.generation();
        if matches!(self.keys.load().as_deref(), Some(keys) if keys.generation == generation) {
            return;
        }
        // What came of either is `sign`'s to say.
        match self.identity.current() {
            Err(IdentityError::Pending) => drop(self.identity.ready().await),
            // Where the last attempt failed, the next one is due by itself.
            Err(_) if self.identity.status().failures == 0 => {
                drop(self.identity.refresh_now(generation).await);
            }
            _ => {}
        }
    }

    /// Adds the signature and what it covers to `headers`.
    pub(super) fn sign(
        &self,
        draft: &Draft<'_>,
        now: SystemTime,
        headers: &mut HeaderMap,
    ) -> Result<(), BackendError> {
        let (request, now) = (self.request(draft), self.clock.correct(now));
        self.with_signer(|signer| signer.sign(request, now, headers))
    }

    /// What [`SigV4::sign`] covers for the same arguments, secrets masked.
    pub(super) fn explain(
        &self,
        draft: &Draft<'_>,
        now: SystemTime,
        headers: &HeaderMap,
    ) -> Result<Explanation, BackendError> {
        let (request, now) = (self.request(draft), self.clock.correct(now));
        let explained = self.with_signer(|signer| signer.explain(request, now, headers))?;
        Ok(explained.without_secrets(headers))
    }

    fn request<'a>(&'a self, draft: &'a Draft<'_>) -> SignRequest<'a> {
        SignRequest {
            method: &draft.method,
            host: draft.place.and_then(|it| it.signing_host.as_deref()).unwrap_or(&self.host),
            path_and_query: draft.path_and_query(),
            body: Payload::for_service(&self.scope.service, &draft.body),
        }
    }

    /// Runs `work` with the signer of the present credentials, made anew when these have changed.
    fn with_signer<T>(
        &self,
        work: impl FnOnce(&Signer) -> Result<T, SignError>,
    ) -> Result<T, BackendError> {
        let generation = self.identity.generation();
        if let Some(keys) = &*self.keys.load()
            && keys.generation == generation
        {
            return Ok(work(&keys.signer)?);
        }
        let credentials = self.identity.current().map_err(BackendError::Credentials)?;
        let signer = Signer::new((*credentials).clone(), self.scope.clone())
            .with_signed_headers(self.signed_headers.iter().cloned());
        let done = work(&signer)?;
        self.keys.store(Some(Arc::new(Keys { generation, signer })));
        Ok(done)
    }
}
