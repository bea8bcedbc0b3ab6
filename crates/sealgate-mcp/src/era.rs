//! Eras: what the head of an HTTP request says → which of the two families of the protocol it
//! speaks. A client's era and a backend's are independent.

use crate::method::Method;
use crate::version::{self, Version};

/// The family of protocol versions that one side speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// A handshake (`initialize`), sessions; the version agreed on.
    Legacy(Version),
    /// No sessions; every request carries version, client and capabilities in `_meta`.
    Modern,
}

/// What tells a POST's era: the parts of head and body that [`Opening::read`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// The method of the body.
    pub method: Method<'a>,
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`, be it known or not.
    pub body_version: Option<&'a str>,
    /// The `MCP-Protocol-Version` header.
    pub header_version: Option<&'a str>,
    /// Whether the request carries `Mcp-Session-Id`.
    pub has_session: bool,
}

/// How a POST is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// By the modern rules, and by no others: a session id beside it is ignored.
    Modern,
    /// A legacy handshake, which opens a session.
    Handshake,
    /// Within the legacy session that the request names.
    Session,
    /// Legacy, without a session: to be refused, or served as a stateless 2025-03-26.
    Sessionless,
}

impl Era {
    /// The version on the wire.
    pub fn version(self) -> Version {
        match self {
            Self::Legacy(version) => version,
            Self::Modern => version::LATEST,
        }
    }

    /// Whether this is the modern era.
    pub fn is_modern(self) -> bool {
        matches!(self, Self::Modern)
    }

    /// A stable number of one byte, for tokens: that of the version.
    pub fn number(self) -> u8 {
        self.version().number()
    }

    /// The era behind its number, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        Version::from_number(number).map(Self::from)
    }
}

impl From<Version> for Era {
    fn from(version: Version) -> Self {
        if version.is_modern() { Self::Modern } else { Self::Legacy(version) }
    }
}

impl Opening {
    /// Reads the signs in the order of MCP 2026-07-28: the body first, since only it is proof; a
    /// modern header alone still means modern, to be refused for its missing `_meta`.
    pub fn read(signs: &Signs<'_>) -> Self {
        if signs.body_version.is_some() || signs.header_version.is_some_and(version::names_modern) {
            Self::Modern
        } else if signs.method == Method::Initialize {
            Self::Handshake
        } else if signs.has_session {
            Self::Session
        } else if signs.method == Method::ServerDiscover {
            // No legacy peer knows this method: the sender forgot its metadata.
            Self::Modern
        } else {
            Self::Sessionless
        }
    }
}

#[cfg(test)]
mod tests;
