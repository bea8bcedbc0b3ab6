//! BackendSecurityPolicy in: a named AWS identity, which `identityRef` or `targetRefs` put to use.

use super::{AwsCredentials, ObjectReference};
use crate::read::Field;

/// AWS credentials with a name of their own.
pub(crate) struct BackendSecurityPolicy {
    /// `None` for the types of other providers, which mean nothing here.
    pub(crate) aws: Option<AwsCredentials>,
    /// Backends that it applies to.
    pub(crate) targets: Vec<ObjectReference>,
}

// === impl BackendSecurityPolicy ===

impl BackendSecurityPolicy {
    const TYPES: [(&'static str, &'static str); 6] = [
        ("APIKey", "apiKey"),
        ("AWSCredentials", "awsCredentials"),
        ("AzureAPIKey", "azureAPIKey"),
        ("AzureCredentials", "azureCredentials"),
        ("GCPCredentials", "gcpCredentials"),
        ("AnthropicAPIKey", "anthropicAPIKey"),
    ];

    pub(crate) fn read(spec: &Field<'_>) -> Option<Self> {
        let mut allowed = vec!["type", "targetRefs", "credentialOverride"];
        allowed.extend(Self::TYPES.map(|(_, field)| field));
        let object = spec.object(&allowed)?;
        let kind = object.required("type")?.one_of(&Self::TYPES.map(|(name, _)| name))?;
        for (name, own) in Self::TYPES.iter().filter(|(name, _)| *name == kind) {
            let others = Self::TYPES.iter().any(|(_, field)| field != own && object.has(field));
            if !object.has(own) || others {
                object.broken(&format!("When type is {name}, only {own} field should be set"));
                return None;
            }
        }
        let targets = match object.get("targetRefs") {
            Some(list) => {
                let targets: Vec<_> = list.list(0, 16).iter().filter_map(read_target).collect();
                let known =
                    |it: &ObjectReference| TARGETS.contains(&(it.group.as_str(), it.kind.as_str()));
                if !targets.iter().all(known) {
                    list.at.invalid(
                        "rule",
                        "Invalid value: \"array\": targetRefs must reference Backend, \
                         AIServiceBackend or InferencePool resources",
                    );
                }
                targets
            }
            None => Vec::new(),
        };
        if kind != "AWSCredentials" {
            spec.at.note("not-enforced", format!("type {kind} is not enforced by Sealgate"));
            return Some(Self { aws: None, targets });
        }
        if let Some(field) = object.get("credentialOverride") {
            field.at.warning("not-enforced", "credentialOverride is not enforced by Sealgate");
        }
        let aws = object.required("awsCredentials")?;
        Some(Self { aws: Some(AwsCredentials::of_policy(&aws)?), targets })
    }
}

/// What may be targeted; only a Backend means anything here.
const TARGETS: [(&str, &str); 3] = [
    (super::ENVOY_GATEWAY, "Backend"),
    (super::AI_GATEWAY, "AIServiceBackend"),
    ("inference.networking.k8s.io", "InferencePool"),
];

/// A reference that leaves nothing to defaults.
fn read_target(item: &Field<'_>) -> Option<ObjectReference> {
    let object = item.open_object()?;
    let complete = [object.required("group"), object.required("kind")].iter().all(Option::is_some);
    ObjectReference::read(item, "", "").filter(|_| complete)
}
