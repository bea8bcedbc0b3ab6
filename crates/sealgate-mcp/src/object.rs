//! Objects: the raw text of one JSON object → its members in order, borrowed, each key once.
//! For the parts of a message that are merged or translated; routing reads the envelope only.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::envelope::{Text, span_of};
use crate::key::Key;

/// One JSON object, one level deep: values stay raw.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    raw: &'a str,
    members: Vec<Member<'a>>,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// The key, unescaped.
    pub key: Cow<'a, str>,
    /// The value, as it stands.
    pub value: &'a RawValue,
}

/// The text is not one object with each key once.
#[derive(Debug, thiserror::Error)]
pub enum ObjectFault {
    /// Not an object, or not JSON.
    #[error("not a JSON object: {0}")]
    NotObject(#[from] serde_json::Error),
    /// A key stands twice.
    #[error("`{0}` stands twice in the object; send it once")]
    Duplicate(String),
}

struct Members<'a>(Vec<Member<'a>>);

impl<'a> Object<'a> {
    /// Reads the members of `raw`.
    ///
    /// # Errors
    /// [`ObjectFault`] if it is no object, or a key stands twice.
    pub fn parse(raw: &'a str) -> Result<Self, ObjectFault> {
        let raw = raw.trim_ascii();
        let Members(members) = serde_json::from_str(raw)?;
        match duplicate(&members) {
            Some(key) => Err(ObjectFault::Duplicate(key.to_owned())),
            None => Ok(Self { raw, members }),
        }
    }

    /// The members, in order.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The object as it came.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.members.iter().find(|member| member.key == key).map(|member| member.value)
    }

    /// The value of `key`, if it is a string.
    pub fn text(&self, key: &str) -> Option<Text<'a>> {
        self.get(key).and_then(Text::of)
    }

    /// The value of `key`, if it is a non-negative integer that fits.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.get().parse().ok()
    }

    /// Whether the value of `key` is `true`.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.get() == "true")
    }

    /// What to cut out of [`Object::raw`] so that the members whose key `drop` names are gone and
    /// the rest is a good object, to the byte as it was but for blanks around the gap.
    pub fn cuts(&self, mut drop: impl FnMut(&str) -> bool) -> Vec<Range<usize>> {
        let bytes = self.raw.as_bytes();
        let mut cuts = Vec::new();
        let mut is_leading = true;
        let mut start = 1;
        for (at, member) in self.members.iter().enumerate() {
            let mut end = span_of(bytes, member.value.get()).end;
            if drop(&member.key) {
                if is_leading && at + 1 < self.members.len() {
                    // Nothing is kept before: the comma behind goes, not the one before.
                    end += bytes[end..].iter().take_while(|byte| **byte != b',').count() + 1;
                }
                cuts.push(start..end);
            } else {
                is_leading = false;
            }
            start = end;
        }
        cuts
    }
}

/// The first key that stands twice. Small objects, the usual ones, are compared pair by pair.
fn duplicate<'m>(members: &'m [Member<'_>]) -> Option<&'m str> {
    if members.len() <= 16 {
        let twice = members
            .iter()
            .enumerate()
            .find(|(at, member)| members[..*at].iter().any(|earlier| earlier.key == member.key));
        return twice.map(|(_, member)| &*member.key);
    }
    let mut seen = HashSet::with_capacity(members.len());
    members.iter().map(|member| &*member.key).find(|key| !seen.insert(*key))
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push(Member { key, value: map.next_value()? });
                }
                Ok(Members(members))
            }
        }

        parser.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests;
