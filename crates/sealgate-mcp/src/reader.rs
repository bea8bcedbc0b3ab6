//! The reader: the text of one JSON value → the objects, keys and raw values that a message is read
//! by, in one pass, strings a register at a time.
//!
//! It takes nothing that `serde_json` refuses. What it does not take, broken JSON above all, is
//! [`Odd`], and for `serde_json` to judge and to explain: there is one opinion on what JSON is.

mod skip;

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::envelope::MAX_DEPTH;

/// A place in a text.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Of each open bracket, the innermost last, whether it is an object's.
    objects: u128,
}

/// Not for this reader.
#[derive(Debug)]
pub(crate) struct Odd;

/// The members of an object whose brace was passed.
struct Members<'r, 'a> {
    reader: &'r mut Reader<'a>,
    is_first: bool,
}

/// A raw value, handed over as `serde_json::value::RawValue` expects it: as a map of one member,
/// whose key is the name that it asked under.
struct Raw<'a> {
    name: Option<&'static str>,
    text: &'a str,
}

// One bit a level.
const _: () = assert!(MAX_DEPTH <= u128::BITS as usize);

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, objects: 0 }
    }

    /// Whether nothing but blanks is left.
    pub(crate) fn end(&mut self) -> Result<(), Odd> {
        self.blanks();
        if self.at == self.text.len() { Ok(()) } else { Err(Odd) }
    }

    /// The next value, as it stands.
    fn raw(&mut self) -> Result<&'a str, Odd> {
        self.blanks();
        let start = self.at;
        self.skip()?;
        self.text.get(start..self.at).ok_or(Odd)
    }
}

impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Odd;

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.blanks();
        self.take(b'{')?;
        self.open(true)?;
        visitor.visit_map(Members { reader: self, is_first: true })
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.blanks();
        let start = self.at;
        self.take(b'"')?;
        let is_escaped = self.string()?;
        if is_escaped {
            let text = self.text.get(start..self.at).ok_or(Odd)?;
            let unescaped: String = serde_json::from_str(text).map_err(|_| Odd)?;
            return visitor.visit_string(unescaped);
        }
        visitor.visit_borrowed_str(self.text.get(start + 1..self.at - 1).ok_or(Odd)?)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Odd> {
        visitor.visit_map(Raw { name: Some(name), text: self.raw()? })
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.raw()?;
        visitor.visit_unit()
    }

    /// Of everything else `serde_json` knows more.
    fn deserialize_any<V: Visitor<'a>>(self, _: V) -> Result<V::Value, Odd> {
        Err(Odd)
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct struct enum identifier
    }
}

impl<'a> MapAccess<'a> for Members<'_, 'a> {
    type Error = Odd;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Odd> {
        self.reader.blanks();
        match self.reader.peek() {
            Some(b'}') => {
                self.reader.at += 1;
                self.reader.close();
                return Ok(None);
            }
            Some(b',') if !self.is_first => self.reader.at += 1,
            Some(_) if self.is_first => self.is_first = false,
            _ => return Err(Odd),
        }
        let key = seed.deserialize(&mut *self.reader)?;
        self.reader.blanks();
        self.reader.take(b':')?;
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Odd> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'a> MapAccess<'a> for Raw<'a> {
    type Error = Odd;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Odd> {
        let name: Option<StrDeserializer<'_, Odd>> =
            self.name.take().map(|it| it.into_deserializer());
        name.map(|name| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Odd> {
        seed.deserialize(serde::de::value::BorrowedStrDeserializer::new(self.text))
    }
}

impl fmt::Display for Odd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not for this reader")
    }
}

impl std::error::Error for Odd {}

impl serde::de::Error for Odd {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests;
