//! A Rust type in, a structural schema out: what the API server accepts of JSON Schema, with
//! nothing nullable, as the published definitions have it.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Formats that the API server knows; Rust's integer widths are not among them.
const FORMATS: [&str; 4] = ["int32", "int64", "uri", "date-time"];

/// The schema of `T`.
pub(super) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    structure(&mut schema);
    schema.to_value()
}

fn structure(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        structure_object(object);
    } else {
        // "Anything goes": the schema of `serde_json::Value`.
        *schema = schemars::json_schema!({ "x-kubernetes-preserve-unknown-fields": true });
    }
}

fn structure_object(object: &mut Map<String, Value>) {
    object.remove("title");
    unwrap_option(object);
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if object.get("format").and_then(Value::as_str).is_some_and(|f| !FORMATS.contains(&f)) {
        object.remove("format");
    }
    if let Some(Value::String(text)) = object.get_mut("description") {
        // Line breaks are those of the source file.
        *text = text
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect::<Vec<_>>()
            .join("\n");
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = object.get_mut(key) {
            structure_value(below);
        }
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(structure_value);
    }
}

fn structure_value(value: &mut Value) {
    if let Value::Object(object) = value {
        structure_object(object);
    } else {
        *value = json!({ "x-kubernetes-preserve-unknown-fields": true });
    }
}

/// `anyOf: [X, null]` becomes `X`; what stands beside it wins over what is in it.
fn unwrap_option(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.remove("anyOf") else { return };
    let some = choices.into_iter().find(|choice| choice.get("type") != Some(&json!("null")));
    if let Some(Value::Object(some)) = some {
        for (key, value) in some {
            object.entry(key).or_insert(value);
        }
    }
}
