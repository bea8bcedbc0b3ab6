//! Enters a text in the format of the shared credentials file, leaves static keys and the roles to
//! assume over them. Reaches nothing outside of the text: what a profile could start, read or call
//! is refused by name.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AssumeRole, IdentityError};
use crate::credentials::Credentials;
use crate::secret::Secret;

/// More than any file of credentials, less than what hurts.
const LONGEST: usize = 256 * 1024;
/// How many profiles may stand on each other.
const DEEPEST: usize = 8;

/// Keys that reach outside of the text.
const REFUSED: [&str; 5] = [
    "credential_process",
    "credential_source",
    "login_session",
    "mfa_serial",
    "web_identity_token_file",
];

/// What a profile of the text amounts to.
#[derive(Debug)]
pub(super) struct TextProfile {
    pub(super) credentials: Credentials,
    /// In the order in which they are assumed.
    pub(super) roles: Vec<AssumeRole>,
    pub(super) region: Option<String>,
}

/// What is wrong with a text of credentials; quotes no value of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextProblem {
    /// A profile is not there.
    #[error("the credentials text has no profile {profile}; its profiles: {known}")]
    NoProfile {
        /// The one that is asked for, or that another stands on.
        profile: String,
        /// Those that are there.
        known: String,
    },
    /// A profile has no keys of its own where it needs them.
    #[error("profile {profile} of the credentials text lacks {key}")]
    NoKeys {
        /// The profile.
        profile: String,
        /// What it lacks.
        key: &'static str,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

type Profile<'a> = BTreeMap<String, &'a str>;

/// Whether `profile` (`default` when empty) of `text` can be used.
///
/// # Errors
/// What is wrong with it.
pub fn check_text(text: &Secret, profile: &str) -> Result<(), TextProblem> {
    read(text, profile).map(drop)
}

/// Reads `profile` (`default` when empty) of `text`.
pub(super) fn read(text: &Secret, profile: &str) -> Result<TextProfile, TextProblem> {
    let text = text.expose();
    if text.len() > LONGEST {
        return Err(invalid(format!("the credentials text is longer than {LONGEST} bytes")));
    }
    let profiles = parse(text)?;
    let mut name = if profile.is_empty() { "default" } else { profile };
    let region = profiles.get(name).and_then(|first| first.get("region")).map(|&it| it.to_owned());
    let mut roles = Vec::new();
    for _ in 0..DEEPEST {
        let found = profiles.get(name).ok_or_else(|| missing(name, &profiles))?;
        refuse_what_reaches_out(name, found)?;
        let source = found.get("source_profile").copied();
        let Some(role_arn) = found.get("role_arn") else {
            roles.reverse();
            return Ok(TextProfile { credentials: keys(name, found)?, roles, region });
        };
        roles.push(role(name, role_arn, found)?);
        let Some(source) = source else {
            return Err(invalid(format!(
                "profile {name} of the credentials text has role_arn without source_profile"
            )));
        };
        if source == name {
            // A profile may stand on its own keys.
            roles.reverse();
            return Ok(TextProfile { credentials: keys(name, found)?, roles, region });
        }
        name = source;
    }
    Err(invalid(format!(
        "the profiles of the credentials text stand on each other in a circle, or more than \
         {DEEPEST} deep"
    )))
}

fn parse(text: &str) -> Result<BTreeMap<&str, Profile<'_>>, TextProblem> {
    let mut profiles: BTreeMap<&str, Profile<'_>> = BTreeMap::new();
    let mut current: Option<&str> = None;
    // Settings nested below a key without a value belong to that key, and none of those matters.
    let mut nested = false;
    for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = index + 1;
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let (name, _) = rest.split_once(']').ok_or_else(|| {
                invalid(format!("line {number} of the credentials text lacks its closing `]`"))
            })?;
            let name = name.trim();
            let name = match name.split_once(char::is_whitespace) {
                Some(("profile", name)) => name.trim(),
                _ => name,
            };
            profiles.entry(name).or_default();
            (current, nested) = (Some(name), false);
            continue;
        }
        if nested && raw.starts_with([' ', '\t']) {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| {
            invalid(format!(
                "line {number} of the credentials text is neither `[profile]` nor `key = value`"
            ))
        })?;
        let Some(profile) = current.and_then(|name| profiles.get_mut(name)) else {
            return Err(invalid(format!(
                "line {number} of the credentials text stands before the first `[profile]`"
            )));
        };
        let value = without_comment(value.trim());
        nested = value.is_empty();
        profile.insert(key.trim().to_ascii_lowercase(), value);
    }
    Ok(profiles)
}

/// A `#` or `;` after white space begins a comment.
fn without_comment(value: &str) -> &str {
    let bytes = value.as_bytes();
    let end = (1..bytes.len())
        .find(|&at| matches!(bytes[at], b'#' | b';') && matches!(bytes[at - 1], b' ' | b'\t'));
    value[..end.unwrap_or(value.len())].trim_end()
}

fn refuse_what_reaches_out(name: &str, profile: &Profile<'_>) -> Result<(), TextProblem> {
    let reaches = |key: &&String| REFUSED.contains(&key.as_str()) || key.starts_with("sso_");
    match profile.keys().find(reaches) {
        None => Ok(()),
        Some(key) => Err(invalid(format!(
            "profile {name} of the credentials text has {key}, which reaches outside of the text \
             and is not allowed there; use static keys, or role_arn with source_profile"
        ))),
    }
}

fn keys(name: &str, profile: &Profile<'_>) -> Result<Credentials, TextProblem> {
    let value = |key: &'static str| match profile.get(key) {
        Some(value) if !value.is_empty() => Ok((*value).to_owned()),
        _ => Err(TextProblem::NoKeys { profile: name.to_owned(), key }),
    };
    let mut credentials =
        Credentials::new(value("aws_access_key_id")?, value("aws_secret_access_key")?);
    // botocore reads the older name too.
    let token = ["aws_session_token", "aws_security_token"]
        .iter()
        .find_map(|key| profile.get(*key).filter(|value| !value.is_empty()));
    if let Some(token) = token {
        credentials = credentials.with_session_token(*token);
    }
    Ok(credentials)
}

fn role(name: &str, arn: &str, profile: &Profile<'_>) -> Result<AssumeRole, TextProblem> {
    let text = |key: &str| profile.get(key).map(|&value| value.to_owned());
    let duration = match profile.get("duration_seconds") {
        None => None,
        Some(value) => Some(Duration::from_secs(value.parse().map_err(|_| {
            invalid(format!(
                "duration_seconds of profile {name} of the credentials text is no number"
            ))
        })?)),
    };
    Ok(AssumeRole {
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        duration,
        ..AssumeRole::new(arn)
    })
}

fn missing(name: &str, profiles: &BTreeMap<&str, Profile<'_>>) -> TextProblem {
    let known = profiles.keys().copied().collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "none".to_owned() } else { known };
    TextProblem::NoProfile { profile: name.to_owned(), known }
}

fn invalid(message: String) -> TextProblem {
    TextProblem::Other(message)
}

impl From<TextProblem> for IdentityError {
    fn from(problem: TextProblem) -> Self {
        Self::Invalid { message: problem.to_string().into() }
    }
}

#[cfg(test)]
mod tests;
