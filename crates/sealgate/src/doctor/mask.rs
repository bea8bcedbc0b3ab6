//! Enters: a text, some of which others wrote. Leaves: the same without any secret that the
//! gateway holds: what AWS or a server repeats in an error is not printed either.

use sealgate_aws::identity::Source;
use sealgate_config::resolved::Credential;

use super::inside::Inside;

/// Shorter texts are no secrets, and would mask half of the report.
const SHORTEST: usize = 6;
/// Environment variables that hold secrets.
const VARIABLES: [&str; 3] =
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// Every secret in use.
pub(super) struct Mask {
    secrets: Vec<String>,
}

impl Mask {
    /// The secrets of all backends and their identities.
    pub(super) fn of(inside: &Inside) -> Self {
        let mut secrets: Vec<String> =
            VARIABLES.iter().filter_map(|name| std::env::var(name).ok()).collect();
        let mut add = |text: &str| {
            secrets.push(text.to_owned());
            // `Bearer x`: the scheme is not the secret.
            secrets.extend(text.split_once(' ').map(|(_, rest)| rest.to_owned()));
        };
        for (_, backend) in inside.backends() {
            match &backend.credential {
                Credential::None => {}
                Credential::ApiKey { value, .. } | Credential::QueryKey { value, .. } => {
                    add(value.expose());
                }
                Credential::Headers(headers) => {
                    headers.iter().for_each(|(_, value)| add(value.expose()));
                }
                Credential::Aws { identity, .. } => match &identity.source {
                    Source::CredentialsText { text, .. } => {
                        let secret = |name: &str| {
                            name.ends_with("secret_access_key") || name.ends_with("session_token")
                        };
                        let lines = text.expose().lines().filter_map(|line| line.split_once('='));
                        lines
                            .filter(|(name, _)| secret(&name.trim().to_lowercase()))
                            .for_each(|(_, value)| add(value.trim()));
                    }
                    Source::Oidc { client, .. } => add(client.client_secret.expose()),
                    _ => {}
                },
            }
        }
        for identity in inside.gateway.identities().all() {
            if let Ok(credentials) = identity.current() {
                add(credentials.secret_access_key.expose());
                credentials.session_token.iter().for_each(|token| add(token.expose()));
            }
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        // A secret that begins with another is masked whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// The text without them, as they are and as JSON writes them.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "[redacted]");
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            text = text.replace(quoted.trim_matches('"'), "[redacted]");
        }
        text
    }
}
