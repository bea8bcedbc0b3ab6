//! Enters one set of AWS keys, leaves the value that a signer is made from.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::secret::Secret;

/// One set of AWS keys.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The access key id; public by nature, it stands in every signature.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The session token, which temporary credentials need and lasting ones lack.
    pub session_token: Option<Secret>,
    /// When AWS stops accepting these keys; `None` for lasting keys.
    pub expires_at: Option<SystemTime>,
    /// The account the keys belong to, where the source said so.
    pub account_id: Option<String>,
}

impl Credentials {
    /// Lasting keys, without session token and expiry.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<Secret>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            expires_at: None,
            account_id: None,
        }
    }

    /// The same keys with a session token.
    pub fn with_session_token(mut self, token: impl Into<Secret>) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// The same keys with an expiry.
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// How long the keys still live; `None` when they never expire, zero when they have.
    pub fn remaining(&self, now: SystemTime) -> Option<Duration> {
        self.expires_at.map(|at| at.duration_since(now).unwrap_or_default())
    }

    /// Whether AWS would refuse the keys as expired at `now`.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &self.secret_access_key)
            .field("session_token", &self.session_token)
            .field("expires_at", &self.expires_at)
            .field("account_id", &self.account_id)
            .finish()
    }
}

#[cfg(test)]
mod tests;
