//! Server capabilities and instructions: what several backends declare → what the gateway
//! declares for them all, without loss and without invention.

mod offers;

use serde_json::value::RawValue;

pub use offers::Offers;

use crate::envelope::span_of;
use crate::object::Object;

/// How a value that several backends declare is merged.
#[derive(Clone, Copy)]
enum Merging {
    /// The first one's stands.
    First,
    /// Member by member, each of which the first one's stands.
    Union,
    /// Objects member by member all the way down; a flag is true if it is true somewhere.
    Deep,
}

/// Merges the `capabilities` objects of several backends, in their order:
///
/// - `tools`, `prompts`, `resources`, `logging`, `completions` and `tasks` are merged all the way
///   down, and a flag like `listChanged` is true if one of them says so;
/// - `extensions` and `experimental` are united; where two settle the same one, the first stands;
/// - everything else is kept, of the first that has it.
///
/// Values that need no merging keep their bytes. What is no object counts as empty, and so does a
/// capability that is null.
pub fn merge(capabilities: &[&RawValue]) -> String {
    let mut out = String::new();
    let objects: Vec<_> =
        capabilities.iter().filter_map(|raw| Object::parse(raw.get()).ok()).collect();
    put_union(&mut out, &objects, |key| match key {
        "tools" | "prompts" | "resources" | "logging" | "completions" | "tasks" => Merging::Deep,
        "extensions" | "experimental" => Merging::Union,
        _ => Merging::First,
    });
    out
}

/// The capabilities with `listChanged` for every list in them, to the byte as they were otherwise:
/// what a gateway declares that tells by itself when a list may be another. What is no object
/// stays as it is.
pub fn with_list_changes(capabilities: &str) -> String {
    let mut text = capabilities.trim_ascii().to_owned();
    let Ok(all) = Object::parse(capabilities) else { return capabilities.to_owned() };
    let lists = all.members().iter().rev();
    for list in lists.filter(|list| matches!(&*list.key, "tools" | "prompts" | "resources")) {
        let Ok(inner) = Object::parse(list.value.get()) else { continue };
        let whole = span_of(all.raw().as_bytes(), list.value.get());
        match inner.get("listChanged") {
            Some(flag) if flag.get() == "true" => {}
            Some(flag) => {
                text.replace_range(span_of(all.raw().as_bytes(), flag.get()), "true");
            }
            None => {
                let comma = if inner.members().is_empty() { "" } else { "," };
                let member = format!("\"listChanged\":true{comma}");
                text.insert_str(whole.start + 1, &member);
            }
        }
    }
    text
}

/// Joins the instructions of several backends, each under its name; a single text stays as it is.
/// `None` if there are none.
pub fn merge_instructions<N: AsRef<str>, T: AsRef<str>>(texts: &[(N, T)]) -> Option<String> {
    let texts: Vec<_> = texts
        .iter()
        .map(|(name, text)| (name.as_ref(), text.as_ref()))
        .filter(|(_, text)| !text.trim().is_empty())
        .collect();
    match texts.as_slice() {
        [] => None,
        [(_, only)] => Some((*only).to_owned()),
        several => {
            let parts: Vec<_> =
                several.iter().map(|(name, text)| format!("# {name}\n\n{}", text.trim())).collect();
            Some(parts.join("\n\n"))
        }
    }
}

/// Writes one object with the members of all, in the order in which they first stand.
fn put_union(out: &mut String, objects: &[Object<'_>], merging: impl Fn(&str) -> Merging) {
    out.push('{');
    let start = out.len();
    let mut keys: Vec<&str> = Vec::new();
    for member in objects.iter().flat_map(Object::members) {
        if keys.contains(&&*member.key) || member.value.get() == "null" {
            continue;
        }
        let key = &*member.key;
        keys.push(key);
        let values = objects.iter().filter_map(|object| object.get(key));
        let values: Vec<_> = values.filter(|value| value.get() != "null").collect();
        if out.len() > start {
            out.push(',');
        }
        out.push_str(&serde_json::Value::from(key).to_string());
        out.push(':');
        put_value(out, &values, merging(key));
    }
    out.push('}');
}

fn put_value(out: &mut String, values: &[&RawValue], merging: Merging) {
    let Some(first) = values.first() else { return };
    let objects: Vec<_> =
        values.iter().filter_map(|value| Object::parse(value.get()).ok()).collect();
    match merging {
        Merging::Union | Merging::Deep if values.len() > 1 && objects.len() == values.len() => {
            put_union(out, &objects, |_| match merging {
                Merging::Deep => Merging::Deep,
                _ => Merging::First,
            });
        }
        Merging::Deep if values.iter().any(|value| value.get() == "true") => out.push_str("true"),
        _ => out.push_str(first.get()),
    }
}

#[cfg(test)]
mod tests;
