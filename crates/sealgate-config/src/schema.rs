//! The readers in, a JSON Schema of what they read out, for editors that know YAML.
//!
//! Nothing is written down twice: the readers read a sample in which every field stands, and tell
//! what they would take in its place. What a schema cannot say (rules between fields, references)
//! is `sealgate check`'s to say.

mod describe;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::Environment;
use crate::gather::{Gathered, Text};
use crate::kind::KNOWN;
use crate::load::{Reading, load};
use crate::memory::{Memory, Values};
use crate::read::{Fact, Kind};
use crate::report::Report;

/// Documents with every field, for the readers alone.
const SAMPLES: [(&str, &str); 2] = [
    ("samples.yaml", include_str!("schema/samples.yaml")),
    ("samples.json", include_str!("schema/samples.json")),
];

/// What readers would take at a place.
#[derive(Default)]
struct Place {
    facts: Vec<Fact>,
    /// How often a reader looked for an object's fields here.
    visits: usize,
    /// How often it could not do without a field.
    required: BTreeMap<&'static str, usize>,
    below: BTreeMap<String, Place>,
}

/// The schema of a file of resources or an mcp.json, draft 2020-12.
pub fn schema() -> Value {
    let places = learn();
    let mut definitions = Map::new();
    let mut choices = Vec::new();
    for (kind, place) in &places {
        let mut definition = place.schema();
        if kind == "mcp.json" {
            choices.push(json!({
                "if": { "required": ["mcpServers"] },
                "then": { "$ref": "#/$defs/mcp.json" },
            }));
        } else if let Some(known) = KNOWN.iter().find(|known| known.kind == kind) {
            let versions: Vec<_> = known.versions.iter().map(|it| known.api_version(it)).collect();
            definition["properties"]["apiVersion"] = json!({ "enum": versions });
            definition["properties"]["kind"] = json!({ "const": kind });
            definition["required"] = json!(["apiVersion", "kind", "metadata"]);
            if place.below.contains_key("spec") {
                definition["required"] = json!(["apiVersion", "kind", "metadata", "spec"]);
            }
            let group = match known.group {
                "" => "^[^/]*$".to_owned(),
                group => format!("^{}/", group.replace('.', "\\.")),
            };
            choices.push(json!({
                "if": {
                    "properties": {
                        "kind": { "const": kind },
                        "apiVersion": { "type": "string", "pattern": group },
                    },
                    "required": ["kind", "apiVersion"],
                },
                "then": { "$ref": format!("#/$defs/{kind}") },
            }));
        }
        describe::describe(kind, &mut definition, "");
        definitions.insert(kind.clone(), definition);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sealgate resources",
        "type": "object",
        "allOf": choices,
        "$defs": definitions,
    })
}

/// Lets the readers read every sample, and gathers what they tell.
fn learn() -> BTreeMap<String, Place> {
    let texts = SAMPLES.map(|(name, text)| Text::File {
        name: name.to_owned(),
        content: Ok(Arc::new(text.to_owned().into())),
    });
    let gathered = Gathered { texts: texts.into(), ..Gathered::default() };
    let environment: Environment = Arc::new(|_| None);
    let (memory, kept) = (Memory::default(), std::collections::BTreeSet::new());
    let reading = Reading { environment: &environment, memory: &memory, kept: &kept };
    let loaded = load(&gathered, &reading, Report::that_learns(), &mut Values::default());
    let mut kinds: BTreeMap<String, Place> = BTreeMap::new();
    for (resource, path, fact) in loaded.report.learned() {
        let kind = resource.split(' ').next().unwrap_or_default().to_owned();
        let mut place = kinds.entry(kind).or_default();
        for part in parts(&path) {
            place = place.below.entry(part).or_default();
        }
        place.take(fact);
    }
    kinds.values_mut().for_each(Place::unite_maps);
    kinds
}

/// `spec.backendRefs[0].name` → `spec`, `backendRefs`, `[]`, `name`.
fn parts(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        match part.split_once('[') {
            Some((name, indices)) => {
                if !name.is_empty() {
                    parts.push(name.to_owned());
                }
                parts.extend(indices.split('[').map(|_| "[]".to_owned()));
            }
            None => parts.push(part.to_owned()),
        }
    }
    parts
}

// === impl Place ===

impl Place {
    /// The values of a map are alike: what one of them showed is true of all.
    fn unite_maps(&mut self) {
        if self.facts.contains(&Fact::Map) {
            let mut all = Self::default();
            for (_, place) in std::mem::take(&mut self.below) {
                all.unite(place);
            }
            self.below.insert("*".to_owned(), all);
        }
        self.below.values_mut().for_each(Self::unite_maps);
    }

    fn unite(&mut self, other: Self) {
        other.facts.into_iter().for_each(|fact| self.add(fact));
        self.visits += other.visits;
        for (name, times) in other.required {
            *self.required.entry(name).or_default() += times;
        }
        for (name, place) in other.below {
            self.below.entry(name).or_default().unite(place);
        }
    }

    fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Required(name) => *self.required.entry(name).or_default() += 1,
            Fact::Fields(_) => {
                self.visits += 1;
                self.add(fact);
            }
            fact => self.add(fact),
        }
    }

    fn add(&mut self, fact: Fact) {
        if !self.facts.contains(&fact) {
            self.facts.push(fact);
        }
    }

    fn schema(&self) -> Value {
        let mut kinds: Vec<Kind> = self.facts.iter().map(Fact::kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        // Where an object's fields are told, that it is some object says nothing more.
        let mut choices: Vec<Value> = kinds.iter().map(|kind| self.schema_of(*kind)).collect();
        match choices.len() {
            0 => json!({}),
            1 => choices.remove(0),
            _ => json!({ "anyOf": choices }),
        }
    }

    fn schema_of(&self, kind: Kind) -> Value {
        let facts = self.facts.iter().filter(|fact| fact.kind() == kind);
        match kind {
            Kind::Object => self.object(),
            Kind::List => {
                let items = self.below.get("[]").map_or_else(|| json!({}), Self::schema);
                let mut schema = json!({ "type": "array", "items": items });
                for fact in facts {
                    if let Fact::List { min, max } = fact {
                        bound(&mut schema, "minItems", *min as u64, 0);
                        bound(&mut schema, "maxItems", *max as u64, usize::MAX as u64);
                    }
                }
                schema
            }
            Kind::Text => text(facts),
            Kind::Integer => {
                let mut schema = json!({ "type": "integer" });
                for fact in facts {
                    if let Fact::Integer { min, max } = fact {
                        schema["minimum"] = json!(min);
                        schema["maximum"] = json!(max);
                    }
                }
                json!({ "anyOf": [schema, variable()] })
            }
            Kind::Boolean => json!({ "anyOf": [{ "type": "boolean" }, variable()] }),
        }
    }

    fn object(&self) -> Value {
        let mut schema = json!({ "type": "object" });
        if self.facts.contains(&Fact::Map) {
            schema["additionalProperties"] =
                self.below.values().next().map_or_else(|| json!({}), Self::schema);
            return schema;
        }
        let mut properties = Map::new();
        let mut closed = false;
        for fact in &self.facts {
            if let Fact::Fields(names) = fact {
                closed = true;
                for name in names {
                    properties.insert(name.clone(), json!({}));
                }
            }
        }
        for (name, place) in &self.below {
            properties.insert(name.clone(), place.schema());
        }
        let always = |(_, times): &(&&str, &usize)| **times >= self.visits.max(1);
        let required: Vec<_> = self.required.iter().filter(always).map(|(name, _)| *name).collect();
        schema["properties"] = properties.into();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if closed {
            schema["additionalProperties"] = json!(false);
        }
        schema
    }
}

/// Any text that holds a variable may turn into what is wanted.
fn variable() -> Value {
    json!({ "type": "string", "pattern": r"\$\{.+\}" })
}

fn text<'a>(facts: impl Iterator<Item = &'a Fact>) -> Value {
    let mut schema = json!({ "type": "string" });
    let mut strict = false;
    for fact in facts {
        match fact {
            Fact::Words(words) => {
                schema = json!({ "enum": words });
                strict = true;
                break;
            }
            Fact::Text { min, max, pattern } => {
                bound(&mut schema, "minLength", *min as u64, 0);
                bound(&mut schema, "maxLength", *max as u64, usize::MAX as u64);
                if let Some(pattern) = pattern {
                    strict = true;
                    // The one rule that is a format and no expression.
                    let name = if *pattern == "uri" { "format" } else { "pattern" };
                    schema[name] = json!(pattern.replace(r"\x60", "`"));
                }
            }
            _ => {}
        }
    }
    if strict { json!({ "anyOf": [schema, variable()] }) } else { schema }
}

fn bound(schema: &mut Value, name: &str, value: u64, unbounded: u64) {
    if value != unbounded {
        schema[name] = json!(value);
    }
}

#[cfg(test)]
mod tests;
