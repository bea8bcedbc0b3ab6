//! Enters: one backend, and where its list goes on. Leaves: its part of a merged list: page after
//! page, renamed and filtered, within bounds of time, bytes and pages.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use sealgate_mcp::caching::CachingHints;
use sealgate_mcp::list::{self, ListKind};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::backend::{Asker, Exchange, PAGES, Page, across_eras};
use crate::fail::{BackendError, Stage};
use crate::gateway::Gateway;

/// One backend's part of a list.
#[derive(Debug, Default)]
pub(in crate::method) struct Part {
    /// Comma-separated.
    pub(super) items: Vec<u8>,
    /// How long the part holds; nothing where there is no such list.
    pub(super) hints: Option<CachingHints>,
    /// The backend's own cursor behind the last item.
    pub(super) next: Option<String>,
    /// How many pages it was.
    pub(super) pages: u32,
    /// Why there are no more items, or only those of before.
    pub(super) trouble: Option<BackendError>,
    /// Whether the items are those of before.
    pub(super) is_kept: bool,
}

/// What is wanted of a backend.
#[derive(Clone)]
pub(in crate::method) struct Wanted {
    pub(in crate::method) kind: ListKind,
    pub(in crate::method) asker: Asker,
    /// The backend's own cursor; without one its list from the start.
    pub(in crate::method) from: Option<Box<str>>,
    /// How long it may take.
    pub(in crate::method) patience: Duration,
}

/// Beyond this many bytes of items the rest is left for the next request.
const BYTES: usize = 8 * 1024 * 1024;

impl Wanted {
    /// Reads the backend's list to its end, or as far as is reasonable for one answer: then there
    /// is a cursor for the rest.
    ///
    /// # Errors
    /// What kept the first page from coming; later ones are in [`Part::trouble`].
    pub(in crate::method) async fn drain(
        &self,
        gateway: &Gateway,
        exchange: &Exchange,
    ) -> Result<Part, BackendError> {
        let started = Instant::now();
        let mut part = Part::default();
        let mut cursor = self.from.clone().map(String::from);
        let mut seen: HashSet<_> = cursor.iter().cloned().collect();
        loop {
            let left = self.patience.saturating_sub(started.elapsed());
            let read = match self.page(gateway, exchange, cursor.as_deref(), left).await {
                Ok(Some(page)) => part.take(exchange, self.kind, &page),
                Ok(None) => return Ok(part),
                Err(error) => Err(error),
            };
            let next = match read {
                Ok(Some(next)) => next,
                Ok(None) => return Ok(part),
                // Whoever can opens the session again and reads from the start.
                Err(error @ BackendError::SessionLost) => return Err(error),
                Err(error) if part.pages == 0 => return Err(error),
                Err(error) => {
                    part.trouble = Some(error);
                    return Ok(part);
                }
            };
            if !seen.insert(next.clone()) {
                part.trouble = Some(BackendError::RepeatedCursor);
                return Ok(part);
            }
            let is_enough = part.pages >= PAGES
                || part.items.len() >= BYTES
                || started.elapsed() >= self.patience / 2;
            if is_enough {
                part.next = Some(next);
                return Ok(part);
            }
            cursor = Some(next);
        }
    }

    /// The same, and the list of before where the backend is down for a short while only.
    pub(in crate::method) fn settle(
        &self,
        exchange: &Exchange,
        drained: Result<Part, BackendError>,
    ) -> Result<Part, BackendError> {
        let lists = &exchange.backend().lists;
        if self.from.is_some() {
            return drained;
        }
        match drained {
            Ok(part) => {
                if part.trouble.is_none() && part.next.is_none() {
                    lists.succeeded(&self.asker, self.kind, &part.items);
                }
                Ok(part)
            }
            Err(error) if error.is_absence() => match lists.failed(&self.asker, self.kind) {
                Some(items) => Ok(Part {
                    items: items.into(),
                    trouble: Some(error),
                    is_kept: true,
                    ..Part::default()
                }),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// One page, from memory where it is kept.
    pub(super) async fn page(
        &self,
        gateway: &Gateway,
        exchange: &Exchange,
        cursor: Option<&str>,
        left: Duration,
    ) -> Result<Option<Page>, BackendError> {
        let Self { kind, asker, patience, .. } = self;
        let fetch = exchange.page(gateway, *kind, cursor, left);
        let lists = &exchange.backend().lists;
        let page = lists.page(asker, *kind, cursor, exchange.is_modern(), fetch);
        match tokio::time::timeout(left, page).await {
            Ok(page) => page,
            Err(_) => Err(BackendError::Timeout { stage: Stage::List, after: *patience }),
        }
    }
}

impl Part {
    /// Takes one page; leaves the cursor of the next.
    fn take(
        &mut self,
        exchange: &Exchange,
        kind: ListKind,
        page: &Page,
    ) -> Result<Option<String>, BackendError> {
        let broken = |error: &dyn std::fmt::Display| BackendError::NotJsonRpc(error.to_string());
        let result: &RawValue =
            serde_json::from_slice(&page.result).map_err(|error| broken(&error))?;
        let translated = across_eras(exchange, kind, result);
        let result = translated.as_deref().unwrap_or(result);
        let read =
            list::rewrite(kind, result, |name| rename(exchange, kind, name), &mut self.items)
                .map_err(|error| broken(&error))?;
        let own = page.hints.unwrap_or(CachingHints::NONE);
        self.hints = Some(self.hints.map_or(own, |hints| hints.merge(own)));
        self.pages += 1;
        Ok(read.next_cursor.map(Cow::into_owned))
    }
}

/// The name, or URI, under which clients see an item; `None` if they do not see it.
fn rename<'n>(exchange: &Exchange, kind: ListKind, name: &'n str) -> Option<Cow<'n, str>> {
    let backend = exchange.backend();
    match kind {
        ListKind::Tools => backend.tools.allows(name).then(|| backend.client_name(name)),
        ListKind::Prompts => Some(backend.client_name(name)),
        ListKind::Resources | ListKind::ResourceTemplates => {
            exchange.route.owners.learn(name, backend.tag);
            Some(Cow::Borrowed(name))
        }
    }
}
