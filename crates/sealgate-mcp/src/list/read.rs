//! Reading a page: one pass over the result for its items, and one over each item for its name.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{ListFault, ListKind, Page};
use crate::caching::CacheScope;
use crate::envelope::Text;
use crate::key::Key;

struct PageSeed(ListKind);

struct NameSeed(&'static str);

/// The page, without looking into its items.
pub(super) fn page(
    kind: ListKind,
    result: &RawValue,
) -> Result<(Page<'_>, Vec<&RawValue>), ListFault> {
    PageSeed(kind)
        .deserialize(&mut serde_json::Deserializer::from_str(result.get()))
        .map_err(|cause| ListFault::NotAPage { key: kind.key(), cause })
}

/// The item's name; `None` if it has none, or two.
pub(super) fn name(kind: ListKind, item: &RawValue) -> Option<Text<'_>> {
    NameSeed(kind.name_key())
        .deserialize(&mut serde_json::Deserializer::from_str(item.get()))
        .ok()
        .and_then(Text::of)
}

impl<'a> DeserializeSeed<'a> for PageSeed {
    type Value = (Page<'a>, Vec<&'a RawValue>);

    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for PageSeed {
    type Value = (Page<'a>, Vec<&'a RawValue>);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut page = Page::default();
        let mut items: Option<Vec<&'a RawValue>> = None;
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                key if key == self.0.key() => {
                    if items.replace(map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field(self.0.key()));
                    }
                }
                "nextCursor" => {
                    let raw: &RawValue = map.next_value()?;
                    if page.next_cursor.is_some() {
                        return Err(A::Error::duplicate_field("nextCursor"));
                    }
                    if raw.get() != "null" {
                        let text = Text::of(raw);
                        let text =
                            text.ok_or_else(|| A::Error::custom("`nextCursor`: no string"))?;
                        page.next_cursor = Some(text.value);
                    }
                }
                "ttlMs" => {
                    let raw: &RawValue = map.next_value()?;
                    page.ttl_ms = Some(raw.get().parse().unwrap_or(0));
                }
                "cacheScope" => {
                    let raw: &RawValue = map.next_value()?;
                    page.cache_scope =
                        Text::of(raw).and_then(|text| CacheScope::parse(&text.value));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let items = items.ok_or_else(|| A::Error::missing_field(self.0.key()))?;
        Ok((page, items))
    }
}

impl<'a> DeserializeSeed<'a> for NameSeed {
    type Value = &'a RawValue;

    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for NameSeed {
    type Value = &'a RawValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut name: Option<&'a RawValue> = None;
        while let Some(Key(key)) = map.next_key()? {
            if key != self.0 {
                map.next_value::<IgnoredAny>()?;
            } else if name.replace(map.next_value()?).is_some() {
                return Err(A::Error::duplicate_field(self.0));
            }
        }
        name.ok_or_else(|| A::Error::missing_field(self.0))
    }
}
