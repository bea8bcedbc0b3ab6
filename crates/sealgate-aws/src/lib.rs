//! Enters an HTTP request for AWS, leaves the same request signed; or a host name and leaves what
//! to sign for. Knows no MCP: usable by anyone who signs HTTP.
//!
//! - [`sign`]: SigV4 and SigV4a over the bytes that are really sent, in headers or in the query.
//! - [`endpoint`]: host name → service, region, partition.
//! - [`identity`]: where credentials come from, kept fresh in the background.
//! - [`refusal`]: what AWS meant when it said no, and what to do about it.

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
