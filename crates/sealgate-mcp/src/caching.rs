//! Caching hints: `ttlMs` and `cacheScope` of results (MCP 2026-07-28), read and merged.

use std::borrow::Cow;

/// Who may be served a cached result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheScope {
    /// Only who asked for it.
    Private,
    /// Anyone.
    Public,
}

/// How long, and for whom, a result may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachingHints {
    /// For how many milliseconds from its arrival on.
    pub ttl_ms: u64,
    /// For whom.
    pub scope: CacheScope,
}

impl CacheScope {
    /// The scope that `text` names exactly.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "private" => Some(Self::Private),
            "public" => Some(Self::Public),
            _ => None,
        }
    }

    /// The scope as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

impl CachingHints {
    /// Not to be kept: what the result of a legacy server is given.
    pub const NONE: Self = Self { ttl_ms: 0, scope: CacheScope::Private };

    /// What a result made of several may say: the shortest time, the narrowest scope.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { ttl_ms: self.ttl_ms.min(other.ttl_ms), scope: self.scope.min(other.scope) }
    }

    /// The members of the result, without braces.
    pub fn members(self) -> Cow<'static, str> {
        let Self { ttl_ms, scope } = self;
        Cow::Owned(format!(r#""ttlMs":{ttl_ms},"cacheScope":"{}""#, scope.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_hints_are_the_most_restrictive() {
        let public = CachingHints { ttl_ms: 5, scope: CacheScope::Public };
        let private = CachingHints { ttl_ms: 9, scope: CacheScope::Private };
        let both = CachingHints { ttl_ms: 5, scope: CacheScope::Private };
        assert_eq!(public.merge(private), both);
        assert_eq!(both.members(), r#""ttlMs":5,"cacheScope":"private""#);
    }
}
