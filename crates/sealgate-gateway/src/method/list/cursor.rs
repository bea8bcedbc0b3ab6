//! Enters: a client's cursor. Leaves: where the list of each backend goes on, and the cursor of
//! the page behind. Small lists need none: they are read to their ends for one answer.

use sealgate_mcp::cursor::{Cursor, Position};
use sealgate_mcp::keyring::MAX_TOKEN;
use sealgate_mcp::list::ListKind;

use super::merged::Merged;
use crate::fail::{BackendError, Failure};
use crate::method::Call;
use crate::plan::RoutePlan;

/// Pages of one backend's list, over all answers, after which it is called endless.
const PAGES: u32 = 4096;

/// Where the lists of a request go on.
pub(in crate::method) struct Place {
    /// Without a cursor every list begins.
    cursor: Option<Cursor>,
    bind: Vec<u8>,
}

impl Place {
    /// Reads `params.cursor`.
    ///
    /// # Errors
    /// -32602 for what is no cursor of this list, route, principal and configuration.
    pub(in crate::method) fn of(call: &Call<'_, '_>, kind: ListKind) -> Result<Self, Failure> {
        let received = &call.permit.received;
        let bind = [
            kind.method().as_label().as_bytes(),
            &received.route.tag.to_le_bytes(),
            &call.permit.principal.digest(),
        ]
        .concat();
        let text = received.message.params.as_ref().and_then(|params| params.cursor.as_ref());
        let cursor = match text {
            None => None,
            Some(text) => {
                let opened = Cursor::open(&call.worker.gateway.keyring(), &bind, &text.value);
                let cursor = opened.map_err(|error| invalid(&error.to_string()))?;
                if cursor.generation != shape(received.route) {
                    return Err(invalid("the route has other backends now"));
                }
                Some(cursor)
            }
        };
        Ok(Self { cursor, bind })
    }

    /// Whether the client goes on with a list.
    pub(in crate::method) fn is_behind_the_start(&self) -> bool {
        self.cursor.is_some()
    }

    /// Whether the list of a backend is not yet at its end, and the backend's own cursor.
    pub(in crate::method) fn of_backend(&self, tag: u32) -> Option<Option<Box<str>>> {
        match &self.cursor {
            None => Some(None),
            Some(cursor) => {
                let position = cursor.positions.iter().find(|position| position.backend == tag)?;
                Some(position.cursor.clone())
            }
        }
    }

    /// The cursor behind `merged`, if there is more. A list that would never end, ends.
    pub(in crate::method) fn behind(
        &self,
        call: &Call<'_, '_>,
        merged: &mut Merged,
    ) -> Option<String> {
        let route = call.permit.received.route;
        let positions: Vec<_> = merged
            .rest()
            .map(|(index, cursor, _)| Position {
                backend: route.backends[index].tag,
                cursor: Some(cursor.into()),
            })
            .collect();
        if positions.is_empty() {
            return None;
        }
        let before = self.cursor.as_ref().map_or(0, |cursor| cursor.pages);
        let most = merged.rest().map(|(_, _, pages)| pages).max().unwrap_or(0);
        let pages = before.saturating_add(most);
        if pages >= PAGES {
            merged.end(route, &BackendError::EndlessList(pages));
            return None;
        }
        let cursor = Cursor { generation: shape(route), pages, positions };
        let sealed = cursor.seal(&call.worker.gateway.keyring(), &self.bind).ok();
        let fits = sealed.filter(|token| token.len() <= MAX_TOKEN);
        if fits.is_none() {
            let why = format!("its cursor is too long: all cursors take {MAX_TOKEN} bytes at most");
            merged.end(route, &BackendError::NotJsonRpc(why));
        }
        fits
    }
}

/// The refusal of a cursor.
pub(in crate::method) fn invalid(why: &str) -> Failure {
    Failure::InvalidParams(format!("invalid cursor: {why}; list again from the start"))
}

/// Differs between routes with other backends, and is the same in every process.
fn shape(route: &RoutePlan) -> u64 {
    route.backends.iter().fold(0xcbf2_9ce4_8422_2325, |hash, backend| {
        (hash ^ u64::from(backend.tag)).wrapping_mul(0x100_0000_01b3)
    })
}
