//! Enters an HTTP request for AWS, leaves the same request signed; or a host name and leaves what
//! to sign for. Knows no MCP: usable by anyone who signs HTTP.
//!
//! - [`sign`]: SigV4 and SigV4a over the bytes that are really sent, in headers or in the query.
//! - [`endpoint`]: host name → service, region, partition.
//! - [`identity`]: where credentials come from, kept fresh in the background.
//! - [`refusal`]: what AWS meant when it said no, and what to do about it.
//!
//! ```
//! # fn main() -> Result<(), sealgate_aws::SignError> {
//! use std::time::SystemTime;
//!
//! use http::{HeaderMap, Method};
//! use sealgate_aws::sign::Payload;
//! use sealgate_aws::{Credentials, Scope, SignRequest, Signer};
//!
//! let keys = Credentials::new("AKIDEXAMPLE", "secret").with_session_token("token");
//! // Kept: it remembers the key of the day.
//! let signer = Signer::new(keys, Scope::new("us-east-1", "bedrock-agentcore"));
//! let mut headers = HeaderMap::new();
//! let request = SignRequest {
//!     method: &Method::POST,
//!     host: "bedrock-agentcore.us-east-1.amazonaws.com",
//!     path_and_query: "/runtimes/arn%3Aaws%3Ax/invocations?qualifier=DEFAULT",
//!     body: Payload::Bytes(b"{}"),
//! };
//! signer.sign(request, SystemTime::now(), &mut headers)?;
//! assert!(headers.contains_key("authorization"));
//! # Ok(())
//! # }
//! ```

pub mod credentials;
pub mod endpoint;
pub mod identity;
pub mod refusal;
pub mod secret;
pub mod sign;

pub use credentials::Credentials;
pub use identity::{Identity, IdentitySpec};
pub use secret::Secret;
pub use sign::{Scope, SignError, SignRequest, Signer};
