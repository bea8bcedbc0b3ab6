//! Enters: a [`Draft`], an upstream request without credentials. Leaves: a [`Sealed`] one, which
//! is all that `upstream` will send. Only the backend that a draft was written for can seal it.

mod draft;
mod key;
mod mirror;
mod query_key;

pub(crate) use draft::Draft;
pub(crate) use draft::{LAST_EVENT_ID, PROTOCOL_VERSION, SESSION_ID};
pub(crate) use key::SigV4;
pub(crate) use mirror::Mirror;
pub(crate) use query_key::QueryKey;

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http_body_util::Full;
use sealgate_aws::sign::Explanation;

use crate::fail::BackendError;
use crate::upstream::Origin;

/// How one backend's requests are sealed. Holds that backend's secrets and nobody else's.
pub(crate) enum Seal {
    /// Fixed headers: an API key, or the headers of an `mcp.json` entry.
    Headers {
        /// Sent on every request.
        headers: Vec<(HeaderName, HeaderValue)>,
        /// Whether a forwarded client header of the same name gives way.
        always: bool,
    },
    /// Nothing to add.
    None,
    /// An AWS Signature Version 4.
    SigV4(SigV4),
}

/// A request that carries its backend's credentials. It cannot be built or changed elsewhere.
pub(crate) struct Sealed {
    origin: Arc<Origin>,
    request: http::Request<Full<Bytes>>,
}

impl Seal {
    /// What kind of credentials this is, for logs and `check`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Headers { .. } => "headers",
            Self::None => "none",
            Self::SigV4(_) => "sigv4",
        }
    }
}

impl Draft<'_> {
    /// Puts the backend's credentials on the request, last of all, over the bytes that are sent,
    /// dated `now` by the local clock.
    ///
    /// # Errors
    /// [`BackendError::Credentials`] when no valid credentials are at hand,
    /// [`BackendError::Sign`] when the request cannot be put in canonical form.
    pub(crate) fn seal_at(&self, now: SystemTime) -> Result<Sealed, BackendError> {
        let backend = self.backend;
        let mut headers = self.headers();
        match &backend.seal {
            Seal::None => {}
            Seal::Headers { headers: own, always } => {
                for (name, value) in own {
                    if *always || !headers.contains_key(name) {
                        headers.insert(name, value.clone());
                    }
                }
            }
            Seal::SigV4(sigv4) => {
                sigv4.sign(self, now, &mut headers)?;
                backend.metrics.signed();
            }
        }
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.unwrap_or(&backend.target).clone();
        *request.headers_mut() = headers;
        let origin = self.place.map_or(&backend.origin, |place| &place.origin);
        Ok(Sealed { origin: Arc::clone(origin), request })
    }

    /// The texts that a signature of `now` covers, secrets masked; `None` for backends that are
    /// not signed for.
    ///
    /// # Errors
    /// Those of [`Draft::seal_at`].
    pub(crate) fn explain(&self, now: SystemTime) -> Result<Option<Explanation>, BackendError> {
        match &self.backend.seal {
            Seal::SigV4(sigv4) => sigv4.explain(self, now, &self.headers()).map(Some),
            Seal::None | Seal::Headers { .. } => Ok(None),
        }
    }
}

impl Sealed {
    /// Where it goes and what goes there; for `upstream` alone.
    pub(crate) fn into_parts(self) -> (Arc<Origin>, http::Request<Full<Bytes>>) {
        (self.origin, self.request)
    }
}

#[cfg(test)]
mod tests;
