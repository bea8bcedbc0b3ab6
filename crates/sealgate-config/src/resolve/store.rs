//! Every resource by kind, namespace and name; and what may refer to what.

use std::collections::HashMap;

use sealgate_aws::Secret;

use crate::finding::Severity;
use crate::kind::{Named, ObjectReference, Resource};
use crate::report::At;
use crate::suggest::did_you_mean;

/// The resources of all sources.
pub(super) struct Store<'a> {
    by_kind: HashMap<&'a str, Vec<&'a Named>>,
    by_name: HashMap<(&'a str, &'a str, &'a str), &'a Named>,
}

/// Who refers to something.
#[derive(Clone, Copy)]
pub(super) struct Referrer<'a> {
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
}

/// Why there is no value; worded by who asked.
pub(super) enum Absent {
    /// No such object.
    NotFound,
    /// The object has no such key.
    NoKey,
    /// Already reported.
    Reported,
}

// === impl Store ===

impl<'a> Store<'a> {
    pub(super) fn new(resources: &'a [Named]) -> Self {
        let by_name = resources
            .iter()
            .map(|named| {
                let metadata = &named.metadata;
                ((named.kind, metadata.namespace.as_str(), metadata.name.as_str()), named)
            })
            .collect();
        let mut by_kind: HashMap<&str, Vec<&Named>> = HashMap::new();
        for named in resources {
            by_kind.entry(named.kind).or_default().push(named);
        }
        Self { by_kind, by_name }
    }

    pub(super) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&'a Named> {
        self.by_name.get(&(kind, namespace, name)).copied()
    }

    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &'a Named> {
        self.by_kind.get(kind).into_iter().flatten().copied()
    }

    /// What to do about a name that is not there.
    pub(super) fn missing(&self, kind: &str, namespace: &str, name: &str) -> Option<String> {
        if let Some(elsewhere) = self.of_kind(kind).find(|named| named.metadata.name == name) {
            let other = &elsewhere.metadata.namespace;
            return Some(format!("{kind} {name} exists in namespace {other:?}, not {namespace:?}"));
        }
        did_you_mean(name, self.of_kind(kind).map(|named| named.metadata.name.as_str()))
    }

    /// Whether `from` may refer to an object; across namespaces only by a ReferenceGrant.
    pub(super) fn permits(&self, from: Referrer<'_>, to: &ObjectReference) -> bool {
        let namespace = to.namespace_in(from.namespace);
        if namespace == from.namespace {
            return true;
        }
        let permitted = self
            .of_kind("ReferenceGrant")
            .filter(|named| named.metadata.namespace == namespace)
            .filter_map(|named| match &named.resource {
                Some(Resource::ReferenceGrant(grant)) => Some(grant),
                _ => None,
            })
            .any(|grant| {
                grant.from.iter().any(|(group, kind, namespace)| {
                    group == from.group && kind == from.kind && namespace == from.namespace
                }) && grant.to.iter().any(|(group, kind, name)| {
                    *group == to.group
                        && *kind == to.kind
                        && name.as_ref().is_none_or(|name| *name == to.name)
                })
            });
        if !permitted {
            let message = format!(
                "{} {namespace}/{} is in another namespace and no ReferenceGrant there permits it",
                to.kind, to.name
            );
            let help = format!(
                "add a ReferenceGrant to namespace {namespace:?} from {} in {:?} to {}",
                from.kind, from.namespace, to.kind
            );
            to.at.say(Severity::Error, "no-reference-grant", message, Some(help));
        }
        permitted
    }

    /// One value of a Secret or ConfigMap.
    pub(super) fn value(
        &self,
        from: Referrer<'_>,
        reference: &ObjectReference,
        key: &str,
    ) -> Result<Secret, Absent> {
        if !self.permits(from, reference) {
            return Err(Absent::Reported);
        }
        let namespace = reference.namespace_in(from.namespace);
        let named =
            self.find(&reference.kind, namespace, &reference.name).ok_or(Absent::NotFound)?;
        match &named.resource {
            Some(Resource::Secret(payload) | Resource::ConfigMap(payload)) => {
                payload.values.get(key).cloned().ok_or(Absent::NoKey)
            }
            _ => {
                invalid(&reference.at, &reference.kind, namespace, &reference.name);
                Err(Absent::Reported)
            }
        }
    }

    /// As [`Store::value`], with everything that is wrong reported in plain words.
    pub(super) fn value_or_report(
        &self,
        from: Referrer<'_>,
        reference: &ObjectReference,
        key: &str,
    ) -> Option<Secret> {
        let kind = reference.kind.to_lowercase();
        let (namespace, name) = (reference.namespace_in(from.namespace), &reference.name);
        let message = match self.value(from, reference, key) {
            Ok(value) => return Some(value),
            Err(Absent::Reported) => return None,
            Err(Absent::NotFound) => format!("{kind} {namespace}/{name} not found"),
            Err(Absent::NoKey) => format!("{kind} {namespace}/{name} does not contain '{key}' key"),
        };
        let help = self.missing(&reference.kind, namespace, name);
        reference.at.say(Severity::Error, "unresolved-reference", message, help);
        None
    }

    /// Reports a value that is of no use, at the object that holds it: so an edit of that object
    /// alone is held back. Who refers to it is told that it is invalid.
    pub(super) fn blame(
        &self,
        from: Referrer<'_>,
        reference: &ObjectReference,
        key: &str,
        code: &'static str,
        problem: &str,
    ) {
        let namespace = reference.namespace_in(from.namespace);
        let held = self.find(&reference.kind, namespace, &reference.name);
        if let Some(Resource::Secret(payload) | Resource::ConfigMap(payload)) =
            held.and_then(|named| named.resource.as_ref())
            && let Some(at) = payload.places.get(key)
        {
            at.error(code, problem);
        }
        invalid(&reference.at, &reference.kind, namespace, &reference.name);
    }
}

/// Reports a reference to an object that has errors of its own.
pub(super) fn invalid(at: &At, kind: &str, namespace: &str, name: &str) {
    at.error("invalid-reference", format!("{kind} {namespace}/{name} is invalid, see its errors"));
}
