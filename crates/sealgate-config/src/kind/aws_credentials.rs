//! `awsCredentials` in: region, service, and where the AWS credentials come from.

use sealgate_aws::identity::AssumeRole;

use http::HeaderName;
use sealgate_aws::sign::is_signable;

use super::{ObjectReference, OidcExchange};
use crate::read::{Field, Shape};
use crate::report::At;

/// How to sign for a backend. `assumeRole`, `identityRef`, `signedHeaders` and `signingHost` are
/// extensions of the published schema.
#[derive(Clone)]
pub(crate) struct AwsCredentials {
    pub(crate) at: At,
    /// Authoritative: what the host says never replaces it.
    pub(crate) region: String,
    pub(crate) region_at: At,
    /// Inferred from the host when absent.
    pub(crate) service: Option<String>,
    pub(crate) file: Option<CredentialsFile>,
    pub(crate) oidc: Option<OidcExchange>,
    pub(crate) assume_role: Option<AssumeRole>,
    /// A BackendSecurityPolicy whose identity is used.
    pub(crate) identity: Option<ObjectReference>,
    /// Signed beside those that always are, where a request has them.
    pub(crate) signed_headers: Vec<HeaderName>,
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
    /// The fields of a route's.
    const OF_ROUTE: [&'static str; 8] = [
        "region",
        "service",
        "mode",
        "credentialsFile",
        "assumeRole",
        "identityRef",
        "signedHeaders",
        "signingHost",
    ];
    /// The fields of a BackendSecurityPolicy's.
    const OF_POLICY: [&'static str; 6] = [
        "region",
        "service",
        "credentialsFile",
        "oidcExchangeToken",
        "assumeRole",
        "signedHeaders",
    ];

    pub(crate) fn of_route(field: &Field<'_>) -> Option<Self> {
        Self::read(field, &Self::OF_ROUTE)
    }

    pub(crate) fn of_policy(field: &Field<'_>) -> Option<Self> {
        Self::read(field, &Self::OF_POLICY)
    }

    fn read(field: &Field<'_>, fields: &[&str]) -> Option<Self> {
        let before = field.at.report().errors();
        let object = field.exact_object(fields)?;
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
        let oidc = object.get("oidcExchangeToken").map(|field| OidcExchange::read(&field));
        let assume_role = object.get("assumeRole").map(|field| assume_role(&field));
        let identity = object
            .get("identityRef")
            .map(|field| ObjectReference::read(&field, super::AI_GATEWAY, "BackendSecurityPolicy"));
        let signed_headers = object.get("signedHeaders").map(|field| signed_headers(&field));
        let signing_host =
            object.get("signingHost").map(|field| field.text(&Shape::PRECISE_HOSTNAME));
        let region = object.required("region")?;
        if file.is_some() && identity.is_some() {
            object.broken("only one of credentialsFile or identityRef can be set");
            return None;
        }
        if file.is_some() && oidc.is_some() {
            let message = "only one of credentialsFile or oidcExchangeToken can be set";
            field.at.error("two-credentials", message);
            return None;
        }
        let read = Self {
            at: field.at.clone(),
            region_at: region.at.clone(),
            region: region.text(&Shape::NON_EMPTY)?,
            service: all_or_none(service)?,
            file: all_or_none(file)?,
            oidc: all_or_none(oidc)?,
            assume_role: all_or_none(assume_role)?,
            identity: all_or_none(identity)?,
            signed_headers: all_or_none(signed_headers)?.unwrap_or_default(),
            signing_host: all_or_none(signing_host)?,
        };
        (field.at.report().errors() == before).then_some(read)
    }
}

// === impl CredentialsFile ===

impl CredentialsFile {
    pub(crate) fn read(field: &Field<'_>) -> Option<Self> {
        let before = field.at.report().errors();
        let object = field.exact_object(&["secretRef", "profile"])?;
        let profile = match object.get("profile") {
            Some(profile) => profile.string()?,
            None => String::new(),
        };
        let profile = if profile.is_empty() { "default".to_owned() } else { profile };
        let secret = ObjectReference::secret(&object.required("secretRef")?)?;
        (field.at.report().errors() == before).then_some(Self { secret, profile })
    }
}

/// Limits are those of `sts:AssumeRole`.
pub(crate) fn assume_role(field: &Field<'_>) -> Option<AssumeRole> {
    const FIELDS: [&str; 9] = [
        "roleArn",
        "externalId",
        "sessionName",
        "duration",
        "policy",
        "policyArns",
        "tags",
        "transitiveTagKeys",
        "sourceIdentity",
    ];
    let object = field.exact_object(&FIELDS)?;
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
    if let Some(keys) = object.get("transitiveTagKeys") {
        role.transitive_tags = keys.strings(50, &Shape::length(1, 128));
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
    role.role_arn = role_arn(&object.required("roleArn")?)?;
    (field.at.report().errors() == before).then_some(role)
}

/// The ARN of a role, within the limits of `sts:AssumeRole`.
pub(crate) fn role_arn(field: &Field<'_>) -> Option<String> {
    let text = field.text(&Shape::length(20, 2048))?;
    check_role(field, &text);
    Some(text)
}

/// Says so when `text` is not the ARN of a role.
pub(super) fn check_role(field: &Field<'_>, text: &str) {
    if text.starts_with("arn:") && text.contains(":role/") {
        return;
    }
    let problem = format!("Invalid value: {text:?}: must be the ARN of an IAM role");
    field.at.say(
        crate::Severity::Error,
        "role-arn",
        format!("{}: {problem}", field.at.path()),
        Some("such as arn:aws:iam::123456789012:role/name".to_owned()),
    );
}

/// Names of headers that a signature may cover.
pub(crate) fn signed_headers(field: &Field<'_>) -> Option<Vec<HeaderName>> {
    let before = field.at.report().errors();
    let mut names = Vec::new();
    for item in field.list(0, 16) {
        let Some(text) = item.text(&Shape::HEADER_NAME) else { continue };
        match HeaderName::from_bytes(text.as_bytes()) {
            Ok(name) if is_signable(&name) => names.push(name),
            _ => {
                let message = format!(
                    "{}: header {text:?} cannot be signed: what is on the way to AWS sets or \
                     changes it",
                    item.at.path()
                );
                item.at.error("unsignable-header", message);
            }
        }
    }
    (field.at.report().errors() == before).then_some(names)
}

/// An optional part that must be right when it is there.
fn all_or_none<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(None) => None,
        Some(Some(part)) => Some(Some(part)),
    }
}
