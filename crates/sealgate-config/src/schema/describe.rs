//! A schema in, the same with a word on each field out, for editors to show.

use serde_json::Value;

/// `KIND path: text` a line; `*` is any kind, and a path may be the end of one.
const DESCRIPTIONS: &str = include_str!("descriptions.txt");

/// Describes every field below `schema`, which stands at `path` of a `kind`.
pub(super) fn describe(kind: &str, schema: &mut Value, path: &str) {
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        choices.iter_mut().for_each(|choice| describe(kind, choice, path));
    }
    if let Some(items) = fields.get_mut("items") {
        describe(kind, items, &format!("{path}[]"));
    }
    if let Some(values) = fields.get_mut("additionalProperties") {
        describe(kind, values, &format!("{path}.*"));
    }
    let Some(Value::Object(properties)) = fields.get_mut("properties") else { return };
    for (name, property) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        describe(kind, property, &path);
        if let (Some(property), Some(text)) = (property.as_object_mut(), text(kind, &path)) {
            property.insert("description".to_owned(), text.into());
        }
    }
}

/// What is said of a field: of its own kind before any kind, of a longer path before a shorter.
fn text(kind: &str, path: &str) -> Option<&'static str> {
    DESCRIPTIONS
        .lines()
        .filter_map(|line| {
            let (place, text) = line.split_once(": ")?;
            let (of, end) = place.split_once(' ')?;
            let rest = path.strip_suffix(end)?;
            let whole = rest.is_empty() || rest.ends_with('.');
            ((of == kind || of == "*") && whole).then_some(((of == kind, end.len()), text))
        })
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, text)| text)
}
