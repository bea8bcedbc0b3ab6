//! Namespace in: its labels, by which a Gateway may choose whose routes it takes.

use super::label_selector::Labels;
use crate::read::Field;

/// One namespace.
pub(crate) struct Namespace {
    pub(crate) labels: Labels,
}

// === impl Namespace ===

impl Namespace {
    pub(crate) fn read(root: &Field<'_>) -> Option<Self> {
        let object = root.open_object()?;
        let metadata = object.required("metadata")?.open_object()?;
        let mut labels = Labels::new();
        if let Some(field) = metadata.get("labels") {
            for (key, value) in field.open_object()?.fields() {
                labels.insert(key.to_owned(), value.string()?);
            }
        }
        Some(Self { labels })
    }
}
