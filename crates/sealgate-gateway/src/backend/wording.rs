//! Enters: messages in a client's words, for one backend. Leaves: the same in the backend's own;
//! and back. The words differ in the ids of tasks, where a route has several backends, and in the
//! URIs of resources, where it is configured so; everywhere else nothing is looked at.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body_util::BodyExt;
use memchr::memmem;
use sealgate_config::resolved::UriMode;
use sealgate_mcp::envelope::Envelope;
use sealgate_mcp::listen::Filter;
use sealgate_mcp::reword::{self, Words};
use sealgate_mcp::translate::TASKS_EXTENSION;
use sealgate_mcp::{method::Method, resource_uri};

use super::task_id::{Binding, Task};
use super::{Exchange, Opened};
use crate::fail::BackendError;
use crate::reply::{EVENT_LIMIT, HELD};
use crate::upstream::{Body, Edit};

/// How much of what a backend says to a request is in other words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Nothing,
    /// Messages that are held anyway: a created task is a small thing.
    Small,
    /// All, for which large answers are held too.
    All,
}

/// From the client's words to the backend's.
struct Outward<'e>(&'e Exchange);

/// From the backend's words to the client's.
struct Inward<'e>(&'e Exchange);

impl Exchange {
    /// What of the answer to a request is in other words.
    pub(super) fn scope(&self, request: &[u8]) -> Scope {
        if self.route.uris == UriMode::Prefix {
            return Scope::All;
        }
        if self.route.single().is_some() || memmem::find(request, b"task").is_none() {
            return Scope::Nothing;
        }
        let Ok(message) = Envelope::parse(request) else { return Scope::Nothing };
        if message.method().is_some_and(is_about_tasks) {
            return Scope::All;
        }
        let asks = message.params.as_ref().is_some_and(|params| params.task.is_some());
        let declared = message.meta().and_then(|meta| meta.client_capabilities);
        let declares = declared.is_some_and(|raw| raw.get().contains(TASKS_EXTENSION));
        if asks || declares { Scope::Small } else { Scope::Nothing }
    }

    /// A message for the backend, and the way to send it: its headers repeat its words.
    pub(super) fn outward(&self, body: Bytes) -> (Self, Bytes) {
        let own = self.own_words(body);
        let mut exchange = self.clone();
        if let (Some(mirror), Ok(message)) = (&self.mirror, Envelope::parse(&own))
            && let Ok(Some(target)) = message.target()
        {
            exchange.mirror = Some(mirror.renamed(&target.value).into());
        }
        (exchange, own)
    }

    /// A message in the backend's words.
    pub(super) fn own_words(&self, body: Bytes) -> Bytes {
        match self.may_differ(&body) {
            true => reword::message(&body, &Outward(self)).unwrap_or(body),
            false => body,
        }
    }

    /// A message in the client's words.
    pub(super) fn client_words(&self, body: Bytes) -> Bytes {
        match self.may_differ(&body) {
            true => reword::message(&body, &Inward(self)).unwrap_or(body),
            false => body,
        }
    }

    fn may_differ(&self, body: &[u8]) -> bool {
        self.route.uris == UriMode::Prefix
            || (self.route.single().is_none() && memmem::find(body, b"askId").is_some())
    }

    /// An answer in the client's words.
    pub(super) async fn reworded(
        &self,
        opened: Opened,
        scope: Scope,
    ) -> Result<Opened, BackendError> {
        let response = match opened {
            Opened::Message(message) => return Ok(Opened::Message(self.client_words(message))),
            Opened::Events(response) => {
                let large = scope == Scope::All;
                return Ok(Opened::Events(response.map(|body| self.edited(body, large))));
            }
            Opened::Json(response) => response,
        };
        let (head, mut body) = response.into_parts();
        let mut held = BytesMut::new();
        while let Some(frame) = body.frame().await {
            held.extend_from_slice(&frame?.into_data().unwrap_or_default());
            match scope {
                Scope::All if held.len() > EVENT_LIMIT => {
                    return Err(BackendError::TooLarge(EVENT_LIMIT));
                }
                Scope::All => {}
                _ if held.len() > HELD => {
                    let body = body.unread(held.freeze());
                    return Ok(Opened::Json(Response::from_parts(head, body)));
                }
                _ => {}
            }
        }
        Ok(Opened::Message(self.client_words(held.freeze())))
    }

    /// An event stream whose messages are in the client's words.
    pub(super) fn edited(&self, body: Body, large: bool) -> Body {
        if self.route.uris == UriMode::Keep && self.route.single().is_some() {
            return body;
        }
        let exchange = self.clone();
        let large = large || self.route.uris == UriMode::Prefix;
        body.with_edit(Edit { each: Box::new(move |data| exchange.client_words(data)), large })
    }

    /// What of a filter concerns this backend: tasks and resources that name another do not.
    pub(crate) fn share(&self, filter: &Filter) -> Filter {
        let mut share = filter.clone();
        if self.route.single().is_none() {
            share.task_ids.retain(|id| self.is_own_task(id));
        }
        if self.route.uris == UriMode::Prefix {
            share.uris.retain(|uri| Outward(self).uri(uri).is_some());
        }
        share
    }

    fn is_own_task(&self, id: &str) -> bool {
        self.own_task(id).is_some()
    }

    /// The backend's own id of a task that the client names, if it is this backend's.
    fn own_task(&self, id: &str) -> Option<String> {
        let task = self.binding()?.open(self.route.tag, id)?;
        (task.backend == self.backend().tag).then_some(task.id)
    }

    /// To whom ids are bound.
    fn binding(&self) -> Option<Binding> {
        match &self.reopen {
            Some(reopen) => {
                let keyring = Arc::clone(&reopen.gateway.keyring());
                Some(Binding { keyring, digest: reopen.token.principal })
            }
            None => self.speaker.as_ref().and_then(|speaker| speaker.binding.clone()),
        }
    }
}

impl Words for Outward<'_> {
    fn uri(&self, uri: &str) -> Option<String> {
        let (name, own) =
            resource_uri::split(uri).filter(|_| self.0.route.uris == UriMode::Prefix)?;
        (*name == *self.0.backend().name).then_some(own)
    }

    fn task(&self, id: &str) -> Option<String> {
        if self.0.route.single().is_some() {
            return None;
        }
        self.0.own_task(id)
    }
}

impl Words for Inward<'_> {
    fn uri(&self, uri: &str) -> Option<String> {
        let is_prefixed = self.0.route.uris == UriMode::Prefix;
        is_prefixed.then(|| resource_uri::join(&self.0.backend().name, uri))
    }

    fn task(&self, id: &str) -> Option<String> {
        if self.0.route.single().is_some() {
            return None;
        }
        let task = Task { backend: self.0.backend().tag, id: id.to_owned() };
        Some(self.0.binding()?.seal(self.0.route.tag, &task))
    }
}

fn is_about_tasks(method: Method<'_>) -> bool {
    use Method::{TasksCancel, TasksGet, TasksList, TasksResult, TasksUpdate};
    let tasks = [TasksGet, TasksResult, TasksList, TasksCancel, TasksUpdate];
    tasks.contains(&method) || method == Method::SubscriptionsListen
}
