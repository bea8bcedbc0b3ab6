//! A tree node in, a typed value out; everything wrong on the way is reported with its place and
//! in the API server's words.

mod fact;
pub(crate) mod lists;
mod protective;
mod rule;

use std::time::Duration;

use http::HeaderName;

use crate::finding::Severity;
use crate::report::At;
use crate::suggest::{did_you_mean, nearest};
use crate::tree::{Entry, Node, Scalar, Value};

pub(crate) use fact::{Fact, Kind};
use protective::PROTECTIVE;
pub(crate) use protective::is_protective;
pub(crate) use rule::{Shape, duration};

/// A value and its place.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    node: &'a Node,
    pub(crate) at: At,
}

/// A map whose fields are read by name.
#[derive(Clone)]
pub(crate) struct Object<'a> {
    entries: &'a [Entry],
    pub(crate) at: At,
}

// === impl Field ===

impl<'a> Field<'a> {
    /// The root of a document; paths start below it.
    pub(crate) fn root(node: &'a Node, at: &At) -> Self {
        Self { node, at: at.at(first_span(node)) }
    }

    /// The same field, as part of `resource`.
    pub(crate) fn of_resource(self, resource: &str) -> Self {
        Self { at: self.at.of_resource(resource), ..self }
    }

    /// A map with these fields and no others.
    pub(crate) fn object(&self, allowed: &[&str]) -> Option<Object<'a>> {
        self.object_where(allowed, Severity::Warning)
    }

    /// As [`Field::object`] where an unknown field is an error, for the caller to count: what it was
    /// to say about whose credentials are used must not get lost.
    pub(crate) fn exact_object(&self, allowed: &[&str]) -> Option<Object<'a>> {
        self.object_where(allowed, Severity::Error)
    }

    fn object_where(&self, allowed: &[&str], unknown: Severity) -> Option<Object<'a>> {
        self.at.learn(|| Fact::Fields(allowed.iter().map(|name| (*name).to_owned()).collect()));
        let object = self.open_object()?;
        for entry in object.entries.iter().filter(|it| !allowed.contains(&it.key.as_str())) {
            object.unknown(entry, allowed, unknown);
        }
        Some(object)
    }

    /// A map with any fields.
    pub(crate) fn open_object(&self) -> Option<Object<'a>> {
        self.at.learn(|| Fact::Object);
        match self.node.entries() {
            Some(entries) => Some(Object { entries, at: self.at.clone() }),
            None => {
                self.wrong_type("object");
                None
            }
        }
    }

    /// A list of `min` to `max` items.
    pub(crate) fn list(&self, min: usize, max: usize) -> Vec<Field<'a>> {
        self.at.learn(|| Fact::List { min, max });
        let Value::List(items) = &self.node.value else {
            self.wrong_type("array");
            return Vec::new();
        };
        let path = self.at.path();
        if items.len() < min {
            let count = items.len();
            self.at.invalid(
                "too-few",
                format!("Invalid value: {count}: {path} in body should have at least {min} items"),
            );
        }
        if items.len() > max {
            let count = items.len();
            self.at
                .invalid("too-many", format!("Too many: {count}: must have at most {max} items"));
        }
        items
            .iter()
            .take(max)
            .enumerate()
            .map(|(index, node)| Field { node, at: self.at.item(index, first_span(node)) })
            .collect()
    }

    /// A list of strings.
    pub(crate) fn strings(&self, max: usize, shape: &Shape) -> Vec<String> {
        self.list(0, max).iter().filter_map(|item| item.text(shape)).collect()
    }

    /// Any text; what looks like a number or truth value is refused as the API server does.
    pub(crate) fn string(&self) -> Option<String> {
        self.at.learn(|| Fact::Text { min: 0, max: usize::MAX, pattern: None });
        let Value::Scalar(scalar) = &self.node.value else {
            self.wrong_type("string");
            return None;
        };
        if scalar_type(scalar) != "string" && !scalar.substituted {
            self.wrong_type("string");
            return None;
        }
        Some(scalar.text.to_string())
    }

    /// Text of a certain shape.
    pub(crate) fn text(&self, shape: &Shape) -> Option<String> {
        self.at.learn(|| shape.fact());
        let text = self.string()?;
        self.check(&text, shape)?;
        Some(text)
    }

    /// Reports what is wrong with the shape of `text`, which was made out of this value.
    pub(crate) fn check(&self, text: &str, shape: &Shape) -> Option<()> {
        let Some((code, problem)) = shape.check(text, self.at.path()) else { return Some(()) };
        self.at.invalid(code, problem);
        None
    }

    /// Text that must never be shown; only its length is checked.
    pub(crate) fn secret(&self) -> Option<String> {
        self.at.mask(self.node.span.clone());
        let text = self.string()?;
        if text.is_empty() {
            self.at.invalid("empty-secret", "Required value: the text is empty");
            return None;
        }
        Some(text)
    }

    /// One of a few words.
    pub(crate) fn one_of<'b>(&self, words: &[&'b str]) -> Option<&'b str> {
        self.at.learn(|| Fact::Words(words.iter().map(|word| (*word).to_owned()).collect()));
        let text = self.string()?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let supported: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            let message = format!(
                "{}: Unsupported value: {text:?}: supported values: {}",
                self.at.path(),
                supported.join(", ")
            );
            let help = did_you_mean(&text, words.iter().copied());
            self.at.say(Severity::Error, "unsupported-value", message, help);
        }
        found
    }

    /// A whole number within limits.
    pub(crate) fn integer(&self, min: u64, max: u64) -> Option<u64> {
        self.at.learn(|| Fact::Integer { min, max });
        let Value::Scalar(scalar) = &self.node.value else {
            self.wrong_type("integer");
            return None;
        };
        let (true, Ok(number)) =
            (scalar.plain || scalar.substituted, scalar.text.trim().parse::<i128>())
        else {
            self.wrong_type("integer");
            return None;
        };
        let path = self.at.path();
        let limit = if number < i128::from(min) {
            format!("greater than or equal to {min}")
        } else if number > i128::from(max) {
            format!("less than or equal to {max}")
        } else {
            return u64::try_from(number).ok();
        };
        let problem = format!("Invalid value: {number}: {path} in body should be {limit}");
        self.at.invalid("out-of-range", problem);
        None
    }

    /// A TCP port.
    pub(crate) fn port(&self) -> Option<u16> {
        self.integer(1, 65535).and_then(|port| u16::try_from(port).ok())
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        self.at.learn(|| Fact::Boolean);
        match &self.node.value {
            Value::Scalar(scalar) if scalar.plain || scalar.substituted => {
                match scalar.text.as_str() {
                    "true" | "True" | "TRUE" => return Some(true),
                    "false" | "False" | "FALSE" => return Some(false),
                    _ => {}
                }
            }
            _ => {}
        }
        self.wrong_type("boolean");
        None
    }

    /// A Gateway API duration (`1m30s`), never zero.
    pub(crate) fn duration(&self) -> Option<Duration> {
        let text = self.text(&Shape::DURATION)?;
        let duration = rule::duration(&text).filter(|duration| !duration.is_zero());
        if duration.is_none() {
            self.at.invalid("zero-duration", format!("Invalid value: {text:?}: must be positive"));
        }
        duration
    }

    /// The name of a header that may be set from configuration.
    pub(crate) fn header_name(&self) -> Option<HeaderName> {
        let text = self.text(&Shape::NON_EMPTY)?;
        let name = header_name(&text);
        if let Err(problem) = &name {
            self.at.invalid("header-name", format!("Invalid value: {text:?}: {problem}"));
        }
        name.ok()
    }

    /// Whether this is a map.
    pub(crate) fn is_object(&self) -> bool {
        self.node.entries().is_some()
    }

    /// The tree below, for readers of other formats.
    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    fn wrong_type(&self, wanted: &str) {
        let found = match &self.node.value {
            Value::Map(_) => "object",
            Value::List(_) => "array",
            Value::Scalar(scalar) => scalar_type(scalar),
        };
        let path = self.at.path();
        let problem = format!(
            "Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\""
        );
        self.at.invalid("wrong-type", problem);
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    /// A field, unless it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        (!entry.value.is_null()).then(|| self.enter(entry))
    }

    /// A field that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Option<Field<'a>> {
        self.at.learn(|| Fact::Required(name));
        let field = self.get(name);
        if field.is_none() {
            let at = self.at.field(name, self.at.span());
            at.error("required", format!("{}: Required value", at.path()));
        }
        field
    }

    /// Whether a field is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every field that is not null, with its name.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        self.at.learn(|| Fact::Map);
        self.entries
            .iter()
            .filter(|entry| !entry.value.is_null())
            .map(|entry| (entry.key.as_str(), self.enter(entry)))
    }

    /// Reports a broken CEL rule on this object.
    pub(crate) fn broken(&self, message: &str) {
        self.at.invalid("rule", format!("Invalid value: \"object\": {message}"));
    }

    /// As [`Object::fields`], for callers that outlive the object.
    pub(crate) fn into_fields(self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        self.at.learn(|| Fact::Map);
        let entries = self.entries.iter().filter(|entry| !entry.value.is_null());
        entries.map(move |entry| (entry.key.as_str(), self.enter(entry)))
    }

    fn enter(&self, entry: &'a Entry) -> Field<'a> {
        let span = match &entry.value.value {
            Value::Scalar(_) => entry.value.span.clone(),
            _ => entry.key_span.clone(),
        };
        Field { node: &entry.value, at: self.at.field(&entry.key, span) }
    }

    fn unknown(&self, entry: &Entry, allowed: &[&str], otherwise: Severity) {
        let at = self.at.field(&entry.key, entry.key_span.clone());
        let meant = nearest(&entry.key, allowed.iter().copied());
        let message = format!("unknown field \"{}\"", at.path());
        let help = meant.map(|meant| format!("did you mean \"{meant}\"?"));
        let severity = match meant {
            Some(meant) if PROTECTIVE.contains(&meant) => Severity::Error,
            _ => otherwise,
        };
        at.say(severity, "unknown-field", message, help);
    }
}

/// Headers that belong to the connection or the protocol and that the gateway sets itself.
const RESERVED: [&str; 11] = [
    "host",
    "content-length",
    "content-type",
    "accept",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "mcp-session-id",
];

/// Reads the name of a header that may be set from configuration, or says why it may not.
pub(crate) fn header_name(text: &str) -> Result<HeaderName, &'static str> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| "not a header name")?;
    if RESERVED.contains(&name.as_str()) {
        return Err("the gateway sets this header itself");
    }
    Ok(name)
}

/// What the API server would call the type of a scalar.
fn scalar_type(scalar: &Scalar) -> &'static str {
    if !scalar.plain {
        return "string";
    }
    let text = scalar.text.as_str();
    match text {
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => "boolean",
        "" | "~" | "null" | "Null" | "NULL" => "null",
        _ if text.parse::<i64>().is_ok() => "integer",
        _ if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
            && text.parse::<f64>().is_ok() =>
        {
            "number"
        }
        _ => "string",
    }
}

/// What to underline for a node: itself, or the first key of a map.
fn first_span(node: &Node) -> std::ops::Range<usize> {
    match &node.value {
        Value::Map(entries) => {
            entries.first().map_or_else(|| node.span.clone(), |entry| entry.key_span.clone())
        }
        _ => node.span.clone(),
    }
}

#[cfg(test)]
mod tests;
