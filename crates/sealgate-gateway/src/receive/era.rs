//! Enters: a well-formed message and the headers around it. Leaves: the era in which its sender
//! speaks and, for a modern request, the certainty that headers and body say the same.

use http::HeaderMap;
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::era::{Opening, Signs};
use sealgate_mcp::method::Method;
use sealgate_mcp::modern_headers::{self, Carried, Mirrored, ModernFault, Served};
use sealgate_mcp::version::Version;

use super::Received;
use crate::fail::Failure;
use crate::seal::{PROTOCOL_VERSION, SESSION_ID};

/// What `server/discover` and refusals list.
pub(crate) const MODERN_VERSIONS: &[Version] = &[Version::V2026_07_28];

/// Reads the era: the body first, since only it is proof.
pub(super) fn opening(headers: &HeaderMap, message: &Envelope<'_>) -> Opening {
    let body_version = message.meta().and_then(|meta| meta.protocol_version.as_ref());
    Opening::read(&Signs {
        method: message.method().unwrap_or(Method::Other("")),
        body_version: body_version.map(|text| &*text.value),
        header_version: header_version(headers),
        has_session: headers.contains_key(SESSION_ID),
    })
}

/// Whether a request without a body, GET or DELETE, is a modern client's.
pub(crate) fn names_modern(headers: &HeaderMap) -> bool {
    header_version(headers).is_some_and(sealgate_mcp::version::names_modern)
}

fn header_version(headers: &HeaderMap) -> Option<&str> {
    headers.get(PROTOCOL_VERSION)?.to_str().ok().map(str::trim)
}

/// A header as [`modern_headers`] takes it.
pub(crate) fn carried<'h>(headers: &'h HeaderMap, name: &str) -> Carried<'h> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Carried::Absent,
        (Some(value), None) => Carried::Once(value.as_bytes()),
        (Some(_), Some(_)) => Carried::Repeated,
    }
}

impl Received<'_> {
    /// Whether the sender speaks the modern era.
    pub(crate) fn is_modern(&self) -> bool {
        self.opening == Opening::Modern
    }

    /// Compares a modern request's headers with its body, and both with what is served here.
    ///
    /// # Errors
    /// [`Failure::Modern`], by the first rule that is broken.
    pub(crate) fn agree(&self) -> Result<(), Failure> {
        if !self.is_modern() || self.kind == Kind::Notification {
            return Ok(());
        }
        let mirrored = Mirrored {
            version: carried(self.headers, modern_headers::VERSION),
            method: carried(self.headers, modern_headers::METHOD),
            name: carried(self.headers, modern_headers::NAME),
        };
        let served =
            Served { versions: MODERN_VERSIONS, unknown_methods: self.route.single().is_some() };
        match modern_headers::validate(&self.message, &mirrored, &served) {
            Ok(_) => Ok(()),
            Err(fault @ ModernFault::Target(_)) => Err(Failure::InvalidParams(fault.to_string())),
            Err(fault) => Err(Failure::Modern(fault)),
        }
    }
}
