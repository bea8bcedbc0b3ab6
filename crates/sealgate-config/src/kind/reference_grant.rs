//! ReferenceGrant in: which kinds of which namespaces may refer to what in its own.

use crate::read::{Field, Shape};

/// One grant.
pub(crate) struct ReferenceGrant {
    /// Group, kind and namespace of who may refer.
    pub(crate) from: Vec<(String, String, String)>,
    /// Group, kind and perhaps name of what may be referred to.
    pub(crate) to: Vec<(String, String, Option<String>)>,
}

// === impl ReferenceGrant ===

impl ReferenceGrant {
    pub(crate) fn read(spec: &Field<'_>) -> Option<Self> {
        let spec = spec.object(&["from", "to"])?;
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for item in spec.required("from")?.list(1, 16) {
            let item = item.object(&["group", "kind", "namespace"])?;
            from.push((
                item.required("group")?.text(&Shape::GROUP)?,
                item.required("kind")?.text(&Shape::KIND)?,
                item.required("namespace")?.text(&Shape::NAMESPACE)?,
            ));
        }
        for item in spec.required("to")?.list(1, 16) {
            let item = item.object(&["group", "kind", "name"])?;
            let name = item.get("name").and_then(|name| name.text(&Shape::OBJECT_NAME));
            to.push((
                item.required("group")?.text(&Shape::GROUP)?,
                item.required("kind")?.text(&Shape::KIND)?,
                name,
            ));
        }
        Some(Self { from, to })
    }
}
