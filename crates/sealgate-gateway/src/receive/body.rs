//! Enters: a request body as it arrives. Leaves: its bytes, bounded in size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::alarms::Alarms;
use crate::fail::Failure;

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
    let body = alarms.within(patience, collect(incoming, limit)).await;
    body.unwrap_or(Err(Failure::BodySlow(patience.as_secs())))
}

async fn collect(mut incoming: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|_| Failure::BodyBroken)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(Failure::BodyTooLarge(limit));
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
            first = Bytes::new();
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
