//! What the gateway puts on a backend's requests. Values are secrets and cannot print.

use http::HeaderName;

use sealgate_aws::{IdentitySpec, Secret};

/// A backend's own credential; exactly one kind each.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one for each backend, and read in one place")]
pub enum Credential {
    /// Requests go out as they are.
    #[default]
    None,
    /// A fixed header.
    ApiKey {
        /// Which header.
        header: HeaderName,
        /// The whole value, scheme included (`Bearer …` on Authorization).
        value: Secret,
        /// Replace a header that the client forwarded; otherwise the forwarded one stays.
        always: bool,
    },
    /// A query parameter, appended to the path after `?` or `&`, form-encoded by who sends.
    QueryKey {
        /// Its name.
        param: String,
        /// Its value, not yet encoded.
        value: Secret,
    },
    /// Several fixed headers (`headers` of an mcp.json server).
    Headers(Vec<(HeaderName, Secret)>),
    /// An AWS Signature Version 4 signature.
    Aws {
        /// Where the AWS credentials come from.
        identity: IdentitySpec,
        /// The credential scope's region.
        region: String,
        /// The credential scope's service.
        service: String,
        /// Headers that are signed too, beside those that always are, where a request has them.
        signed_headers: Vec<HeaderName>,
        /// Sign for this host instead of the backend's authority.
        signing_host: Option<String>,
    },
}

// === impl Credential ===

impl Credential {
    /// A word for logs and summaries: `none`, `api-key`, `query-key`, `headers`, `aws`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ApiKey { .. } => "api-key",
            Self::QueryKey { .. } => "query-key",
            Self::Headers(_) => "headers",
            Self::Aws { .. } => "aws",
        }
    }
}
