//! Enters: a backend's opened answer, in any form. Leaves: its messages, one at a time.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::Pump;
use super::pump::EVENT_LIMIT;
use crate::backend::Opened;
use crate::fail::BackendError;
use crate::upstream::Body;

/// Above this, an answer is edited while it streams instead of being held whole, in bytes.
const HELD: u64 = 64 * 1024;

/// What a backend says in answer to one request.
pub(crate) enum Hearing {
    /// One message, all there.
    Whole(Option<Bytes>),
    /// One message that is too large to hold for no reason: its start, and the rest.
    Large(Bytes, Box<Body>),
    /// A stream of messages.
    Events(Box<Pump>),
}

impl Hearing {
    /// Reads small answers whole.
    pub(crate) async fn of(opened: Opened) -> Result<Self, BackendError> {
        let mut body = match opened {
            Opened::Message(message) => return Ok(Self::Whole(Some(message))),
            Opened::Events(response) => {
                return Ok(Self::Events(Box::new(Pump::new(response.into_body()))));
            }
            Opened::Json(response) => response.into_body(),
        };
        let first = match body.frame().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => return Err(BackendError::BrokenOff(error.to_string())),
            None => return Err(BackendError::NotJsonRpc("the body is empty".to_owned())),
        };
        if body.is_end_stream() {
            return Ok(Self::Whole(Some(first)));
        }
        let is_small =
            body.size_hint().upper().is_some_and(|rest| rest + first.len() as u64 <= HELD);
        match is_small {
            true => Ok(Self::Whole(Some(rest(first, body, EVENT_LIMIT).await?))),
            false => Ok(Self::Large(first, Box::new(body))),
        }
    }

    /// The next message; the end before an answer is an error.
    pub(crate) async fn next(&mut self) -> Result<Bytes, BackendError> {
        let ended = || BackendError::BrokenOff("the answer ended before the reply".to_owned());
        if let Self::Large(..) = self
            && let Self::Large(first, body) = std::mem::replace(self, Self::Whole(None))
        {
            return rest(first, *body, EVENT_LIMIT).await;
        }
        match self {
            Self::Events(pump) => pump.next().await?.ok_or_else(ended),
            Self::Whole(message) => message.take().ok_or_else(ended),
            Self::Large(..) => Err(ended()),
        }
    }
}

async fn rest(first: Bytes, mut body: Body, limit: usize) -> Result<Bytes, BackendError> {
    let mut all = Vec::from(first);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BackendError::BrokenOff(error.to_string()))?;
        all.extend_from_slice(&frame.into_data().unwrap_or_default());
        if all.len() > limit {
            return Err(BackendError::TooLarge(limit));
        }
    }
    Ok(all.into())
}
