//! Enters: a draft. Leaves: the response to it, sealed; sealed and sent again where AWS refused
//! the first seal for a reason that a fresh one cures, and later where the backend asked to wait.

mod endpoints;
mod patience;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Response, StatusCode};
use sealgate_aws::identity::IdentityError;
use sealgate_aws::refusal::{Refusal, RefusalKind};
use tokio::time::Instant;

use super::answer;
use crate::fail::BackendError;
use crate::seal::{Draft, Seal, SigV4};
use crate::upstream::{self, Pool, SendDeadlines};
use patience::Patience;

/// As much of a refusal as is read to understand it.
const REFUSAL_LIMIT: usize = 64 * 1024;

/// A response, and as much of it as had to be read to understand it.
pub(super) enum Sent {
    /// Nothing of the body has been read.
    Streaming(Response<upstream::Body>),
    /// All of it has.
    Read(http::response::Parts, Bytes),
}

/// How often one request may have its credentials fetched again: they may be rotated once more
/// between the first time and its being sent.
const FRESH_CREDENTIALS: u8 = 2;

/// What has been tried on one request.
#[derive(Default)]
struct Cures {
    credentials: u8,
    clock: bool,
}

/// One attempt, to judge its refusal by.
struct Attempt<'a> {
    draft: &'a Draft<'a>,
    sigv4: &'a SigV4,
    /// Of the credentials that it was signed with.
    generation: u64,
    /// By the local clock, uncorrected.
    signed_at: SystemTime,
}

impl Sent {
    /// The same, whose body is to arrive in time.
    pub(super) fn within(self, idle: Duration, began: Instant, limit: Duration) -> Self {
        match self {
            Self::Streaming(response) => {
                Self::Streaming(response.map(|body| body.with_deadlines(idle, began, limit)))
            }
            read => read,
        }
    }

    /// The status line and headers.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Streaming(response) => response.status(),
            Self::Read(head, _) => head.status,
        }
    }

    /// The headers, to be changed.
    fn headers_mut(&mut self) -> &mut HeaderMap {
        match self {
            Self::Streaming(response) => response.headers_mut(),
            Self::Read(head, _) => &mut head.headers,
        }
    }

    /// What was noted about the response on its way.
    fn extensions_mut(&mut self) -> &mut Extensions {
        match self {
            Self::Streaming(response) => response.extensions_mut(),
            Self::Read(head, _) => &mut head.extensions,
        }
    }

    /// The headers.
    pub(super) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Streaming(response) => response.headers(),
            Self::Read(head, _) => &head.headers,
        }
    }
}

/// Seals and sends, to one endpoint after the other where there are several and one cannot be
/// reached. A session stays with the endpoint that opened it.
pub(super) async fn send(
    pool: &Arc<Pool>,
    draft: &Draft<'_>,
    deadlines: SendDeadlines,
) -> Result<Sent, BackendError> {
    match &draft.backend.places {
        None => send_to_one(pool, draft, deadlines).await,
        Some(places) => Box::pin(endpoints::send(places, pool, draft, deadlines)).await,
    }
}

/// Seals and sends. AWS refuses a bad signature, and what is too much, before it runs anything, so
/// that another try cannot run a tool twice.
async fn send_to_one(
    pool: &Arc<Pool>,
    draft: &Draft<'_>,
    deadlines: SendDeadlines,
) -> Result<Sent, BackendError> {
    let backend = draft.backend;
    let sigv4 = match &backend.seal {
        Seal::SigV4(sigv4) => Some(sigv4),
        _ => None,
    };
    let mut patience = Patience::new(deadlines.first_byte);
    let mut cures = Cures::default();
    loop {
        let generation = match sigv4 {
            Some(sigv4) => {
                sigv4.settled().await;
                sigv4.identity.generation()
            }
            None => 0,
        };
        let signed_at = SystemTime::now();
        let deadlines = SendDeadlines { first_byte: patience.left(), ..deadlines };
        let response = pool.send(draft.seal_at(signed_at)?, deadlines).await?;
        if !may_be_refusal(response.status(), sigv4.is_some()) {
            return Ok(Sent::Streaming(response));
        }
        let (head, body) = response.into_parts();
        let bytes = Box::pin(answer::read(body, REFUSAL_LIMIT)).await.unwrap_or_default();
        let Some(refusal) = Refusal::classify(head.status, &head.headers, &bytes) else {
            return Ok(Sent::Read(head, bytes));
        };
        if let RefusalKind::Throttled { retry_after } = refusal.kind
            && let Some(wait) = patience.wait(draft, retry_after)
        {
            backend.metrics.resent(refusal.code());
            tracing::debug!(
                backend = %backend.name, wait_ms = wait.as_millis(), "throttled; tried again later"
            );
            tokio::time::sleep(wait).await;
            continue;
        }
        let Some(sigv4) = sigv4 else { return Ok(Sent::Read(head, bytes)) };
        // A JSON-RPC answer is the server's own: it has seen the request.
        let no_word_of_aws = refusal.kind == RefusalKind::Other && refusal.aws_code.is_none();
        if no_word_of_aws || answer::is_reply(&bytes) {
            return Ok(Sent::Read(head, bytes));
        }
        let attempt = Attempt { draft, sigv4, generation, signed_at };
        let cure = Box::pin(attempt.cured(&refusal, &head.headers, &mut cures));
        // A source that does not answer must not take more time than the request has.
        if tokio::time::timeout(patience.spend(), cure).await.unwrap_or(Ok(false))? {
            backend.metrics.resent(refusal.code());
            continue;
        }
        attempt.explain(&refusal);
        let identity = sigv4.identity.spec().to_string().into();
        return Err(BackendError::AwsRefused { refusal: Box::new(refusal), identity });
    }
}

fn may_be_refusal(status: StatusCode, signed: bool) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => true,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => signed,
        _ => false,
    }
}

// === impl Attempt ===

impl Attempt<'_> {
    /// Does what may make the next seal a good one; tells whether it did anything.
    ///
    /// # Errors
    /// The source of the credentials, where it says why there are no newer ones.
    async fn cured(
        &self,
        refusal: &Refusal,
        headers: &HeaderMap,
        cures: &mut Cures,
    ) -> Result<bool, BackendError> {
        let identity = &self.sigv4.identity;
        if matches!(refusal.kind, RefusalKind::ExpiredToken | RefusalKind::InvalidClientToken) {
            if cures.credentials == FRESH_CREDENTIALS {
                return Ok(false);
            }
            cures.credentials += 1;
            return match identity.refresh_now(self.generation).await {
                Ok(_) => Ok(identity.generation() != self.generation),
                // AWS's own words say more than that its neighbour could not be asked.
                Err(IdentityError::Unreachable { .. } | IdentityError::Pending) => Ok(false),
                Err(error) => Err(BackendError::Credentials(error)),
            };
        }
        if refusal.may_be_skew() && !std::mem::replace(&mut cures.clock, true) {
            let learned = self.sigv4.clock.learn(headers, self.signed_at, SystemTime::now());
            if learned {
                tracing::warn!(
                    backend = %self.draft.backend.name,
                    offset_seconds = self.sigv4.clock.seconds(),
                    "the clock of this machine differs from AWS's; signing by AWS's"
                );
            }
            return Ok(learned);
        }
        Ok(false)
    }

    /// Writes what was signed to the log, to hold against what AWS says it read.
    fn explain(&self, refusal: &Refusal) {
        let about_signature = matches!(
            refusal.kind,
            RefusalKind::BadSignature | RefusalKind::ClockSkew | RefusalKind::WrongScope { .. }
        );
        if !about_signature || !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        if let Ok(Some(signed)) = self.draft.explain(self.signed_at) {
            tracing::debug!(
                backend = %self.draft.backend.name,
                code = refusal.code(),
                canonical_request = signed.canonical_request,
                string_to_sign = signed.string_to_sign,
                "what was signed"
            );
        }
    }
}

#[cfg(test)]
mod tests;
