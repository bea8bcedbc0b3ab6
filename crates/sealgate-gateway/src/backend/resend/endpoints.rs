//! Enters: a draft for a backend with several endpoints. Leaves: the response of one of them.

use std::sync::Arc;

use http::HeaderValue;

use super::{Sent, send_to_one};
use crate::fail::BackendError;
use crate::plan::{Place, Places};
use crate::seal::{Draft, SESSION_ID};
use crate::upstream::{Pool, SendDeadlines};

/// Sends to the endpoint of the draft, or of its session, or to the next one that can be reached. Only what
/// no endpoint has seen is sent to another.
pub(super) async fn send(
    places: &Places,
    pool: &Arc<Pool>,
    draft: &Draft<'_>,
    deadlines: SendDeadlines,
) -> Result<Sent, BackendError> {
    let bound = match (draft.place, draft.session) {
        (Some(place), session) => Some((place, session)),
        (None, Some(marked)) => {
            let (place, session) = places.of_session(marked).ok_or(BackendError::SessionLost)?;
            Some((place, Some(session)))
        }
        (None, None) => None,
    };
    if let Some((place, session)) = bound {
        // Without its endpoint the session is gone; the next one is opened elsewhere.
        let draft = Draft { session, place: Some(place), ..draft.clone() };
        return match send_to(places, place, pool, &draft, deadlines).await {
            Err(error) if error.is_unreachable() => Err(BackendError::SessionLost),
            result => result,
        };
    }
    let mut last = Err(BackendError::SessionLost);
    for place in places.order() {
        let draft = Draft { place: Some(place), ..draft.clone() };
        last = send_to(places, place, pool, &draft, deadlines).await;
        match &last {
            Err(error) if error.is_unreachable() => {
                let backend = &draft.backend.name;
                tracing::debug!(%backend, peer = %place.origin.peer(), %error, "next endpoint");
            }
            _ => break,
        }
    }
    last
}

async fn send_to(
    places: &Places,
    place: &Place,
    pool: &Arc<Pool>,
    draft: &Draft<'_>,
    deadlines: SendDeadlines,
) -> Result<Sent, BackendError> {
    let mut result = send_to_one(pool, draft, deadlines).await;
    match &mut result {
        Ok(sent) => {
            places.reached(place, true);
            sent.extensions_mut().insert(place.tag());
            let given = sent.headers().get(SESSION_ID).and_then(|id| id.to_str().ok());
            let marked = given.and_then(|id| HeaderValue::from_str(&place.mark(id)).ok());
            if let Some(marked) = marked {
                sent.headers_mut().insert(SESSION_ID, marked);
            }
        }
        Err(error) if error.is_unreachable() => places.reached(place, false),
        Err(_) => {}
    }
    result
}
