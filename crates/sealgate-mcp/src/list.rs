//! Lists: one page of a backend's tools, prompts, resources or templates → its items, renamed or
//! left out, for a list of several backends. Items keep every byte outside their name.

mod read;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::caching::{CacheScope, CachingHints};
use crate::envelope::{Text, span_of};
use crate::method::Method;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    ResourceTemplates,
}

/// What else a page says, and what became of its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<'a> {
    /// `nextCursor`: there is more. May be the empty string.
    pub next_cursor: Option<Cow<'a, str>>,
    /// `ttlMs`; a negative one counts as 0.
    pub ttl_ms: Option<u64>,
    /// `cacheScope`.
    pub cache_scope: Option<CacheScope>,
    /// How many items were appended.
    pub kept: usize,
    /// How many items the caller did not want.
    pub dropped: usize,
    /// How many items had no name, or two: nobody could call them.
    pub nameless: usize,
}

/// One item of a page.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// Its name; for resources the URI, for templates the URI template.
    pub name: Text<'a>,
    /// The item as it came.
    pub raw: &'a RawValue,
}

/// A result that is no page of the list.
#[derive(Debug, thiserror::Error)]
pub enum ListFault {
    /// Not an object, or a member of the wrong type, or one that stands twice.
    #[error("the result is not a page of `{key}`: {cause}")]
    NotAPage {
        /// The key of the items.
        key: &'static str,
        /// What is wrong.
        cause: serde_json::Error,
    },
}

/// Appends the items of `result`, comma-separated, to `out`, which is empty, ends with `[`, or
/// ends with an item. `rename` is given each name (or URI) and returns the one to write instead;
/// `None` leaves the item out.
///
/// # Errors
/// [`ListFault`] if `result` is no page; `out` then is as it was.
pub fn rewrite<'a>(
    kind: ListKind,
    result: &'a RawValue,
    mut rename: impl FnMut(&str) -> Option<Cow<'_, str>>,
    out: &mut Vec<u8>,
) -> Result<Page<'a>, ListFault> {
    let (mut page, items) = read::page(kind, result)?;
    out.reserve(result.get().len() + 16 * items.len());
    for raw in items {
        let Some(name) = read::name(kind, raw) else {
            page.nameless += 1;
            continue;
        };
        let Some(new_name) = rename(&name.value) else {
            page.dropped += 1;
            continue;
        };
        page.kept += 1;
        append(out, &Item { raw, name: name.clone() }, &new_name);
    }
    Ok(page)
}

/// The items of `result` themselves, for whoever has to look into them; those without a name are
/// left out and counted.
///
/// # Errors
/// [`ListFault`] if `result` is no page.
pub fn items(kind: ListKind, result: &RawValue) -> Result<(Page<'_>, Vec<Item<'_>>), ListFault> {
    let (mut page, raws) = read::page(kind, result)?;
    let count = raws.len();
    let named = raws.into_iter().filter_map(|raw| Some(Item { name: read::name(kind, raw)?, raw }));
    let items: Vec<_> = named.collect();
    page.nameless = count - items.len();
    Ok((page, items))
}

/// What `result` says of how long it may be kept, if it says so.
///
/// # Errors
/// [`ListFault`] if `result` is no page: nothing to keep.
pub fn hints(kind: ListKind, result: &RawValue) -> Result<Option<CachingHints>, ListFault> {
    read::page(kind, result).map(|(page, _)| page.hints())
}

/// Appends one item under a new name, as [`rewrite`] does.
pub fn append(out: &mut Vec<u8>, item: &Item<'_>, name: &str) {
    if out.last().is_some_and(|last| *last != b'[') {
        out.push(b',');
    }
    let raw = item.raw.get().as_bytes();
    if *name == *item.name.value {
        out.extend_from_slice(raw);
        return;
    }
    let old = span_of(raw, item.name.raw.get());
    out.extend_from_slice(&raw[..old.start]);
    put_string(out, name);
    out.extend_from_slice(&raw[old.end..]);
}

/// Appends `text` as a JSON string.
fn put_string(out: &mut Vec<u8>, text: &str) {
    let is_plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if is_plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

impl Page<'_> {
    /// What the page says of how long it may be kept; for whom, if that is all it leaves out, is
    /// for nobody else.
    pub fn hints(&self) -> Option<CachingHints> {
        let scope = self.cache_scope.unwrap_or(CacheScope::Private);
        self.ttl_ms.map(|ttl_ms| CachingHints { ttl_ms, scope })
    }
}

impl ListKind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::Tools, Self::Prompts, Self::Resources, Self::ResourceTemplates];

    /// The kind that a method lists.
    pub fn of(method: &Method<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.method() == *method)
    }

    /// The method that lists it.
    pub const fn method(self) -> Method<'static> {
        match self {
            Self::Tools => Method::ToolsList,
            Self::Prompts => Method::PromptsList,
            Self::Resources => Method::ResourcesList,
            Self::ResourceTemplates => Method::ResourcesTemplatesList,
        }
    }

    /// The key of the items in the result.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }

    /// The key of what tells items apart.
    pub const fn name_key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
        }
    }
}

#[cfg(test)]
mod tests;
