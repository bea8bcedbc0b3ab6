//! Secret and ConfigMap in, their keys and values out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealgate_aws::Secret;

use super::Metadata;
use crate::read::Field;
use crate::report::At;

/// What a Secret or ConfigMap holds.
pub(crate) struct Payload {
    /// Decoded; keys of `stringData` win over those of `data`.
    pub(crate) values: BTreeMap<String, Secret>,
    /// Where each value comes from.
    pub(crate) places: BTreeMap<String, At>,
    /// `substitution.aigw.run/{env,file}/<key>` annotations, filled in while loading.
    pub(crate) substitutions: Vec<Substitution>,
}

/// A value that comes from the environment or from a file.
pub(crate) struct Substitution {
    pub(crate) key: String,
    pub(crate) from: SubstitutionSource,
    pub(crate) at: At,
}

/// Where a substituted value comes from.
pub(crate) enum SubstitutionSource {
    /// The name of an environment variable.
    Environment(String),
    /// A path; `~` is the home directory.
    File(String),
}

// === impl Payload ===

impl Payload {
    pub(crate) fn read(root: &Field<'_>, metadata: &Metadata, is_secret: bool) -> Option<Self> {
        let common = ["apiVersion", "kind", "metadata", "data", "immutable"];
        let own: &[&str] = if is_secret { &["stringData", "type"] } else { &["binaryData"] };
        let object = root.object(&[&common[..], own].concat())?;
        let (mut values, mut places) = (BTreeMap::new(), BTreeMap::new());
        for (section, encoded) in [("data", is_secret), ("binaryData", true), ("stringData", false)]
        {
            let Some(section) = object.get(section).and_then(|field| field.open_object()) else {
                continue;
            };
            for (key, field) in section.fields() {
                if is_secret {
                    field.at.mask(field.node().span.clone());
                }
                let text = field.string();
                let Some(text) = text else { continue };
                let value = if encoded { decode(&field, &text) } else { Some(text) };
                if let Some(value) = value {
                    values.insert(key.to_owned(), Secret::new(value));
                    places.insert(key.to_owned(), field.at.clone());
                }
            }
        }
        let environment =
            metadata.annotations("substitution.aigw.run/env/").map(|(key, name, at)| {
                let from = SubstitutionSource::Environment(name.to_owned());
                Substitution { key: key.to_owned(), from, at: at.clone() }
            });
        let files = metadata.annotations("substitution.aigw.run/file/").map(|(key, path, at)| {
            let from = SubstitutionSource::File(path.to_owned());
            Substitution { key: key.to_owned(), from, at: at.clone() }
        });
        Some(Self { values, places, substitutions: environment.chain(files).collect() })
    }
}

fn decode(field: &Field<'_>, text: &str) -> Option<String> {
    let compact: String = text.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(compact).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if decoded.is_none() {
        // The value itself is never quoted.
        field.at.invalid("base64", "Invalid value: must be base64 of UTF-8 text");
    }
    decoded
}
