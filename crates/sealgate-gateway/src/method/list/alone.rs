//! Enters: a list request on a route with one backend whose names stay bare. Leaves: the page that
//! is kept of its list, as the client's era has it; or nothing, where none may be kept: then the
//! request passes as it is.

use sealgate_mcp::caching::CachingHints;
use sealgate_mcp::envelope::span;
use sealgate_mcp::object::Object;
use sealgate_mcp::splice::Splice;
use sealgate_mcp::translate::without;
use serde_json::value::RawValue;

use super::part::Wanted;
use crate::backend::{Exchange, across_eras};
use crate::method::Call;

/// The page at the client's own cursor. Whatever is wrong is for the backend to tell in its own
/// words: then there is none.
pub(in crate::method) async fn page(
    call: &mut Call<'_, '_>,
    exchange: &Exchange,
    wanted: &Wanted,
) -> Option<String> {
    let lists = &exchange.backend().lists;
    if !lists.keeps(wanted.kind, exchange.is_modern()) || !is_plain(call.permit.received.body) {
        return None;
    }
    let gateway = &call.worker.gateway;
    let cursor = wanted.from.as_deref();
    let page = wanted.page(gateway, exchange, cursor, wanted.patience).await.ok()??;
    call.record.backend(exchange.backend());
    call.record.spoke(exchange.is_modern());
    let raw: &RawValue = serde_json::from_slice(&page.result).ok()?;
    let translated = across_eras(exchange, wanted.kind, raw);
    let text = translated.as_deref().unwrap_or(raw).get();
    let is_new = |key: &str| matches!(key, "resultType" | "ttlMs" | "cacheScope");
    match (call.permit.received.is_modern(), exchange.is_modern()) {
        (false, false) => Some(text.to_owned()),
        (false, true) => Some(without(text, is_new)),
        (true, true) => Some(aged(text, page.hints)),
        (true, false) => {
            let hints = page.hints.unwrap_or(CachingHints::NONE).members();
            let head = format!(r#"{{"resultType":"complete",{hints}"#);
            let bare = without(text, is_new);
            let rest = bare.trim_ascii_start().strip_prefix('{')?.trim_ascii_start();
            let comma = if rest.starts_with('}') { "" } else { "," };
            Some(format!("{head}{comma}{rest}"))
        }
    }
}

/// The result with what is left of its `ttlMs`.
fn aged(text: &str, hints: Option<CachingHints>) -> String {
    let ttl = Object::parse(text).ok().and_then(|object| object.get("ttlMs"));
    let (Some(ttl), Some(hints)) = (ttl, hints) else { return text.to_owned() };
    let mut splice = Splice::new(text.as_bytes());
    splice.replace(span(text.as_bytes(), ttl), hints.ttl_ms.to_string().into_bytes());
    String::from_utf8_lossy(&splice.finish()).into_owned()
}

/// Whether a request asks for nothing but a page.
fn is_plain(body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let Ok(message) = Object::parse(text) else { return false };
    match message.get("params").map(|params| Object::parse(params.get())) {
        None => true,
        Some(Ok(params)) => {
            params.members().iter().all(|member| matches!(&*member.key, "cursor" | "_meta"))
        }
        Some(Err(_)) => false,
    }
}
