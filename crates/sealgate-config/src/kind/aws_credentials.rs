//! `awsCredentials` in: region, service, and where the AWS credentials come from.

use sealgate_aws::identity::AssumeRole;

use super::ObjectReference;
use crate::read::{Field, Shape};
use crate::report::At;

/// How to sign for a backend. `assumeRole`, `identityRef` and `signingHost` are extensions of the
/// published schema.
#[derive(Clone)]
pub(crate) struct AwsCredentials {
    pub(crate) at: At,
    /// Authoritative: what the host says never replaces it.
    pub(crate) region: String,
    pub(crate) region_at: At,
    /// Inferred from the host when absent.
    pub(crate) service: Option<String>,
    pub(crate) file: Option<CredentialsFile>,
    pub(crate) assume_role: Option<AssumeRole>,
    /// A BackendSecurityPolicy whose identity is used.
    pub(crate) identity: Option<ObjectReference>,
    pub(crate) signing_host: Option<String>,
}

/// A Secret that holds an AWS shared-credentials file.
#[derive(Clone)]
pub(crate) struct CredentialsFile {
    pub(crate) secret: ObjectReference,
    pub(crate) profile: String,
}

// === impl AwsCredentials ===

impl AwsCredentials {
    const FIELDS: [&'static str; 7] = [
        "region",
        "service",
        "mode",
        "credentialsFile",
        "assumeRole",
        "identityRef",
        "signingHost",
    ];

    pub(crate) fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.object(&Self::FIELDS)?;
        // The published default is misspelt and its documentation is not: both are accepted.
        if let Some(mode) = object.get("mode") {
            let text = mode.string()?;
            if !matches!(text.as_str(), "ServiceIdentify" | "ServiceIdentity") {
                let message = format!("mode {text:?} is unknown; ServiceIdentify is meant");
                mode.at.warning("aws-mode", message);
            }
        }
        let service = object.get("service").map(|field| field.text(&Shape::NON_EMPTY));
        let file = object.get("credentialsFile").map(|field| CredentialsFile::read(&field));
        let assume_role = object.get("assumeRole").map(|field| assume_role(&field));
        let identity = object
            .get("identityRef")
            .map(|field| ObjectReference::read(&field, super::AI_GATEWAY, "BackendSecurityPolicy"));
        let signing_host =
            object.get("signingHost").map(|field| field.text(&Shape::PRECISE_HOSTNAME));
        let region = object.required("region")?;
        if file.is_some() && identity.is_some() {
            object.broken("only one of credentialsFile or identityRef can be set");
            return None;
        }
        Some(Self {
            at: field.at.clone(),
            region_at: region.at.clone(),
            region: region.text(&Shape::NON_EMPTY)?,
            service: all_or_none(service)?,
            file: all_or_none(file)?,
            assume_role: all_or_none(assume_role)?,
            identity: all_or_none(identity)?,
            signing_host: all_or_none(signing_host)?,
        })
    }
}

// === impl CredentialsFile ===

impl CredentialsFile {
    pub(crate) fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.object(&["secretRef", "profile"])?;
        let profile = match object.get("profile") {
            Some(profile) => profile.string()?,
            None => String::new(),
        };
        let profile = if profile.is_empty() { "default".to_owned() } else { profile };
        Some(Self { secret: ObjectReference::secret(&object.required("secretRef")?)?, profile })
    }
}

/// Limits are those of `sts:AssumeRole`.
pub(crate) fn assume_role(field: &Field<'_>) -> Option<AssumeRole> {
    const FIELDS: [&str; 8] = [
        "roleArn",
        "externalId",
        "sessionName",
        "duration",
        "policy",
        "policyArns",
        "tags",
        "sourceIdentity",
    ];
    let object = field.object(&FIELDS)?;
    let before = field.at.report().errors();
    let text = |name: &str, min, max| {
        object.get(name).and_then(|field| field.text(&Shape::length(min, max)))
    };
    let mut role = AssumeRole {
        external_id: text("externalId", 2, 1224),
        session_name: text("sessionName", 2, 64),
        source_identity: text("sourceIdentity", 2, 64),
        policy: text("policy", 1, 2048),
        policy_arns: object
            .get("policyArns")
            .map(|field| field.strings(10, &Shape::length(20, 2048)))
            .unwrap_or_default(),
        ..AssumeRole::default()
    };
    for name in ["sessionName", "sourceIdentity"] {
        let Some(field) = object.get(name) else { continue };
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if let Some(value) = field.string().filter(|value| !value.chars().all(fits)) {
            let path = field.at.path();
            let problem =
                format!("Invalid value: {value:?}: {path} in body should match '^[\\w+=,.@-]*$'");
            field.at.invalid("pattern", problem);
        }
    }
    if let Some(policy) = &role.policy
        && serde_json::from_str::<serde::de::IgnoredAny>(policy).is_err()
        && let Some(field) = object.get("policy")
    {
        field.at.invalid("policy-json", "Invalid value: must be a JSON policy document");
    }
    if let Some(field) = object.get("duration") {
        role.duration = field.duration();
        if role.duration.is_some_and(|time| !(900..=43_200).contains(&time.as_secs())) {
            field.at.invalid("out-of-range", "Invalid value: must be between 15m and 12h");
        }
    }
    if let Some(tags) = object.get("tags").and_then(|field| field.open_object()) {
        for (key, value) in tags.fields() {
            let value = value.text(&Shape::length(0, 256)).unwrap_or_default();
            role.tags.push((key.to_owned(), value));
        }
        if role.tags.len() > 50 {
            let count = role.tags.len();
            tags.at.invalid("too-many", format!("Too many: {count}: must have at most 50 items"));
        }
    }
    let arn = object.required("roleArn")?;
    role.role_arn = arn.text(&Shape::length(20, 2048))?;
    if !(role.role_arn.starts_with("arn:") && role.role_arn.contains(":role/")) {
        let problem = format!("Invalid value: {:?}: must be the ARN of an IAM role", role.role_arn);
        arn.at.say(
            crate::Severity::Error,
            "role-arn",
            format!("{}: {problem}", arn.at.path()),
            Some("such as arn:aws:iam::123456789012:role/name".to_owned()),
        );
    }
    (field.at.report().errors() == before).then_some(role)
}

/// An optional part that must be right when it is there.
fn all_or_none<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(None) => None,
        Some(Some(part)) => Some(Some(part)),
    }
}
