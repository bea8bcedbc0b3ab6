//! Stand-ins for `sealgate-aws` until its modules land; this file disappears then.
#![allow(missing_docs)]

/// See `sealgate_aws::Secret`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// See `sealgate_aws::identity::IdentitySpec`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct IdentitySpec {}
