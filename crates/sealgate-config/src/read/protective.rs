//! The name of a field in; whether it protects something out.

use crate::suggest::nearest;

/// Fields that protect something: one of them misspelt must not pass as unknown.
pub(super) const PROTECTIVE: [&str; 15] = [
    "apiKey",
    "awsCredentials",
    "assumeRole",
    "securityPolicy",
    "backendSelector",
    "toolSelector",
    "authorization",
    "apiKeyAuth",
    "extAuth",
    "oauth",
    "exclude",
    "excludeRegex",
    "include",
    "includeRegex",
    "hostnames",
];

/// Further fields that must not be missing from what stays in force in place of a bad edit.
const ALSO_ASKED: [&str; 3] = ["includeTools", "targetRefs", "tls"];

/// Whether a field of this name, or what it may be a slip of, protects something.
pub(crate) fn is_protective(name: &str) -> bool {
    let mut all = PROTECTIVE.into_iter().chain(ALSO_ASKED);
    all.any(|known| known == name) || nearest(name, PROTECTIVE).is_some()
}
