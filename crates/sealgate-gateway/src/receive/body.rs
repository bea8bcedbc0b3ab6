//! Enters: a request body as it arrives. Leaves: its bytes, bounded in size and time.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};

use crate::alarms::Alarms;
use crate::fail::Failure;
use crate::held::{Unheld, hold};

/// Reads a body whole. One frame, the usual case, is passed on without a copy.
///
/// # Errors
/// [`Failure::BodyTooLarge`] above `limit` bytes, at once where Content-Length tells;
/// [`Failure::BodySlow`] when it takes longer than `patience`; [`Failure::BodyBroken`].
pub(crate) async fn body(
    incoming: Incoming,
    limit: usize,
    patience: Duration,
    alarms: &Alarms,
) -> Result<Bytes, Failure> {
    if incoming.size_hint().lower() > limit as u64 {
        return Err(Failure::BodyTooLarge(limit));
    }
    match alarms.within(patience, hold(Bytes::new(), incoming, limit)).await {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(Unheld::TooLarge)) => Err(Failure::BodyTooLarge(limit)),
        Some(Err(Unheld::Broken(_))) => Err(Failure::BodyBroken),
        None => Err(Failure::BodySlow(patience.as_secs())),
    }
}
