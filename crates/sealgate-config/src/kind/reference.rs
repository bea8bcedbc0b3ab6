//! References to other objects, defaults filled in.

use crate::read::{Field, Shape};
use crate::report::At;

/// A reference to an object by group, kind, name and, where allowed, namespace.
#[derive(Clone)]
pub(crate) struct ObjectReference {
    pub(crate) at: At,
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
}

// === impl ObjectReference ===

impl ObjectReference {
    /// Reads a reference whose group and kind may be left out.
    pub(crate) fn read(field: &Field<'_>, group: &str, kind: &str) -> Option<Self> {
        let allowed = ["group", "kind", "name", "namespace", "sectionName"];
        let object = field.object(&allowed)?;
        let text = |name: &str, shape: &Shape, default: &str| match object.get(name) {
            Some(field) => field.text(shape),
            None => Some(default.to_owned()),
        };
        let (group, kind) = (text("group", &Shape::GROUP, group), text("kind", &Shape::KIND, kind));
        let namespace = object.get("namespace").map(|field| field.text(&Shape::NAMESPACE));
        let name = object.required("name")?;
        let at = name.at.clone();
        Some(Self {
            at,
            group: group?,
            kind: kind?,
            name: name.text(&Shape::OBJECT_NAME)?,
            namespace: match namespace {
                Some(namespace) => Some(namespace?),
                None => None,
            },
        })
    }

    /// A reference to a Secret.
    pub(crate) fn secret(field: &Field<'_>) -> Option<Self> {
        let reference = Self::read(field, "", "Secret")?;
        if reference.kind != "Secret" || !reference.group.is_empty() {
            let problem =
                format!("Unsupported value: {:?}: only Secret is supported", reference.kind);
            field.at.invalid("unsupported-value", problem);
            return None;
        }
        Some(reference)
    }

    /// The namespace that it means from within `own`.
    pub(crate) fn namespace_in<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}
