//! `metadata` in, name, namespace and annotations out.

use crate::read::{Field, Shape};
use crate::report::At;

/// What identifies a resource.
#[derive(Clone)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    /// `default` unless given.
    pub(crate) namespace: String,
    annotations: Vec<(String, String, At)>,
}

// === impl Metadata ===

impl Metadata {
    pub(crate) fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.open_object()?;
        let name = object.required("name")?.text(&super::NAME)?;
        let namespace = match object.get("namespace") {
            Some(namespace) => namespace.text(&Shape::NAMESPACE)?,
            None => "default".to_owned(),
        };
        let mut annotations = Vec::new();
        if let Some(field) = object.get("annotations")
            && let Some(object) = field.open_object()
        {
            for (key, value) in object.fields() {
                if let Some(text) = value.string() {
                    annotations.push((key.to_owned(), text, value.at));
                }
            }
        }
        Some(Self { name, namespace, annotations })
    }

    /// Every annotation below `prefix` (`sealgate.dev/`): the rest of its key, its text, its place.
    pub(crate) fn annotations<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a At)> {
        self.annotations
            .iter()
            .filter_map(move |(key, text, at)| Some((key.strip_prefix(prefix)?, text.as_str(), at)))
    }
}
