//! Enters: a tool of a backend. Leaves: which of its arguments are mirrored in headers, as its
//! input schema says (MCP 2026-07-28, `x-mcp-header`). Read from the backend's own list, and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sealgate_mcp::envelope::span;
use sealgate_mcp::list::{self, ListKind};
use sealgate_mcp::object::Object;
use sealgate_mcp::param_header::{self, ParamHeader};
use sealgate_mcp::splice::Splice;
use serde_json::value::RawValue;

use super::page::PAGES;
use super::{Exchange, Lease};
use crate::fail::BackendError;
use crate::gateway::Gateway;

/// What is known of a backend's tools.
#[derive(Default)]
pub(crate) struct Schemas {
    known: Mutex<Option<Known>>,
    /// One reading at a time.
    turn: tokio::sync::Mutex<()>,
}

struct Known {
    since: Instant,
    /// Whether this is everything: a tool that is not here then has no headers.
    tools: Arc<HashMap<Box<str>, Arc<[ParamHeader]>>>,
}

/// How long a list is taken for true.
const KEPT: Duration = Duration::from_secs(300);
/// A tool that is not in the list is looked for again, but not more often than this.
const LOOKED: Duration = Duration::from_secs(10);

impl Schemas {
    fn recall(&self, tool: &str) -> Option<Arc<[ParamHeader]>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|known| known.since.elapsed() < KEPT)?;
        match known.tools.get(tool) {
            Some(headers) => Some(Arc::clone(headers)),
            None => (known.since.elapsed() < LOOKED).then(|| Arc::from([])),
        }
    }

    fn learn(&self, tools: HashMap<Box<str>, Arc<[ParamHeader]>>) {
        let known = Known { since: Instant::now(), tools: tools.into() };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// The schemas may have changed.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The headers of a legacy backend's tool; `None` if its list cannot be read.
pub(crate) async fn of_lease(
    gateway: &Gateway,
    lease: &mut Lease,
    tool: &str,
) -> Option<Arc<[ParamHeader]>> {
    let memory = Arc::clone(&lease.exchange().backend().memory);
    if let Some(headers) = memory.schemas.recall(tool) {
        return Some(headers);
    }
    let _turn = memory.schemas.turn.lock().await;
    if let Some(headers) = memory.schemas.recall(tool) {
        return Some(headers);
    }
    let mut read = read(gateway, lease.exchange()).await;
    if matches!(read, Err(BackendError::SessionLost)) && lease.renew(gateway).await.is_ok() {
        read = self::read(gateway, lease.exchange()).await;
    }
    settle(&memory.schemas, lease.exchange(), read, tool)
}

/// The headers of a modern backend's tool; `None` if its list cannot be read.
pub(crate) async fn of_modern(
    gateway: &Gateway,
    exchange: &Exchange,
    tool: &str,
) -> Option<Arc<[ParamHeader]>> {
    let schemas = &exchange.backend().memory.schemas;
    if let Some(headers) = schemas.recall(tool) {
        return Some(headers);
    }
    let _turn = schemas.turn.lock().await;
    if let Some(headers) = schemas.recall(tool) {
        return Some(headers);
    }
    settle(schemas, exchange, read(gateway, exchange).await, tool)
}

type Tools = HashMap<Box<str>, Arc<[ParamHeader]>>;

fn settle(
    schemas: &Schemas,
    exchange: &Exchange,
    read: Result<Tools, BackendError>,
    tool: &str,
) -> Option<Arc<[ParamHeader]>> {
    match read {
        Ok(tools) => {
            schemas.learn(tools);
            schemas.recall(tool)
        }
        Err(error) => {
            let backend = &exchange.backend().name;
            tracing::debug!(%backend, %error, "schemas of the tools not read");
            None
        }
    }
}

async fn read(gateway: &Gateway, exchange: &Exchange) -> Result<Tools, BackendError> {
    let mut tools = HashMap::new();
    let mut cursor: Option<String> = None;
    let within = exchange.backend().deadlines.list;
    for _ in 0..PAGES {
        let page = exchange.page(gateway, ListKind::Tools, cursor.as_deref(), within).await?;
        let Some(result) = page else { break };
        let broken = |error: &dyn std::fmt::Display| BackendError::NotJsonRpc(error.to_string());
        let raw: &RawValue = serde_json::from_slice(&result).map_err(|error| broken(&error))?;
        let (page, items) = list::items(ListKind::Tools, raw).map_err(|error| broken(&error))?;
        for item in items {
            let tool = Object::parse(item.raw.get()).ok();
            let schema = tool.and_then(|tool| tool.get("inputSchema"));
            let headers = schema.and_then(|schema| param_header::read(schema).ok());
            if let Some(headers) = headers.filter(|headers| !headers.is_empty()) {
                tools.insert(item.name.value.as_ref().into(), headers.into());
            }
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next.into_owned()),
            None => break,
        }
    }
    Ok(tools)
}

/// Whether a list of tools may hold one that [`callable_tools`] leaves out; most hold none.
pub(crate) fn may_be_uncallable(list: &[u8]) -> bool {
    memchr::memmem::find(list, b"x-mcp-header").is_some()
}

/// A `tools/list` result without the tools whose annotations are not valid: who calls over HTTP
/// must leave them out (MCP 2026-07-28). `None` if there are none of these.
pub(crate) fn callable_tools(result: &RawValue) -> Option<Vec<u8>> {
    let object = Object::parse(result.get()).ok()?;
    let (_, items) = list::items(ListKind::Tools, result).ok()?;
    let kept: Vec<_> = items.iter().filter(|item| is_callable(item.raw)).collect();
    if kept.len() == items.len() {
        return None;
    }
    let raw: Vec<_> = kept.iter().map(|item| item.raw.get()).collect();
    let mut splice = Splice::new(object.raw().as_bytes());
    let place = span(object.raw().as_bytes(), object.get(ListKind::Tools.key())?);
    splice.replace(place, format!("[{}]", raw.join(",")).into_bytes());
    Some(splice.finish().to_vec())
}

fn is_callable(tool: &RawValue) -> bool {
    let Ok(object) = Object::parse(tool.get()) else { return true };
    let Some(Err(fault)) = object.get("inputSchema").map(param_header::read) else { return true };
    let name = object.text("name").map(|name| name.value.into_owned()).unwrap_or_default();
    tracing::warn!(tool = %name, %fault, "tool left out");
    false
}
