//! Enters: a draft. Leaves: the response to it, sealed; sealed and sent once more where AWS
//! refused the first seal for a reason that a fresh one cures.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Response, StatusCode};
use sealgate_aws::refusal::{Refusal, RefusalKind};

use super::answer;
use crate::fail::BackendError;
use crate::seal::{Draft, Seal, SigV4};
use crate::upstream::{self, Pool, SendDeadlines};

/// As much of a refusal as is read to understand it.
const REFUSAL_LIMIT: usize = 16 * 1024;

/// A response, and as much of it as had to be read to understand it.
pub(super) enum Sent {
    /// Nothing of the body has been read.
    Streaming(Response<upstream::Body>),
    /// All of it has.
    Read(http::response::Parts, Bytes),
}

impl Sent {
    /// The status line and headers.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Streaming(response) => response.status(),
            Self::Read(head, _) => head.status,
        }
    }

    /// The headers.
    pub(super) fn headers(&self) -> &http::HeaderMap {
        match self {
            Self::Streaming(response) => response.headers(),
            Self::Read(head, _) => &head.headers,
        }
    }
}

/// Seals and sends. AWS refuses a bad signature before it runs anything, so that a second try
/// cannot run a tool twice.
pub(super) async fn send(
    pool: &Arc<Pool>,
    draft: &Draft<'_>,
    deadlines: SendDeadlines,
) -> Result<Sent, BackendError> {
    let Seal::SigV4(sigv4) = &draft.backend.seal else {
        return Ok(Sent::Streaming(pool.send(draft.seal()?, deadlines).await?));
    };
    let mut cured = false;
    loop {
        sigv4.settled().await;
        let generation = sigv4.identity.generation();
        let started = SystemTime::now();
        let response = pool.send(draft.seal()?, deadlines).await?;
        if !may_be_refusal(response.status()) {
            return Ok(Sent::Streaming(response));
        }
        let (head, body) = response.into_parts();
        let bytes = answer::read(body, REFUSAL_LIMIT).await.unwrap_or_default();
        if answer::is_reply(&bytes) {
            return Ok(Sent::Read(head, bytes));
        }
        let Some(refusal) = Refusal::classify(head.status, &head.headers, &bytes) else {
            return Ok(Sent::Read(head, bytes));
        };
        if !cured && cure(sigv4, &refusal, generation, started, &head.headers).await {
            cured = true;
            continue;
        }
        if refusal.kind == RefusalKind::Other && refusal.aws_code.is_none() {
            return Ok(Sent::Read(head, bytes));
        }
        return Err(BackendError::AwsRefused(Box::new(refusal)));
    }
}

fn may_be_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Does what may make the next seal a good one; tells whether it did anything.
async fn cure(
    sigv4: &SigV4,
    refusal: &Refusal,
    generation: u64,
    started: SystemTime,
    headers: &http::HeaderMap,
) -> bool {
    match refusal.kind {
        RefusalKind::ExpiredToken | RefusalKind::InvalidClientToken => {
            sigv4.identity.refresh_now(generation).await.is_ok()
                && sigv4.identity.generation() != generation
        }
        RefusalKind::ClockSkew | RefusalKind::BadSignature => {
            sigv4.clock.learn(headers, started, SystemTime::now())
        }
        _ => false,
    }
}
