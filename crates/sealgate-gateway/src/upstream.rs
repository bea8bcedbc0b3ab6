//! Enters: a sealed request and the origin it is for. Leaves: the response head and a body that
//! streams from the wire, or a named reason why there is none.

mod body;
mod coding;
mod connect;
mod dial;
mod error;
mod io;
mod origin;
mod pool;
mod subject;
mod tls;
mod trust;

pub(crate) use body::Edit;
pub use body::{Body, BodyError};
pub use error::{SendError, Stage, TlsFailure};
pub use origin::{ClientIdentity, Origin, OriginError, OriginSpec, Origins, TlsSpec, Trust};
pub use pool::{Pool, PoolLimits, SendDeadlines};

#[cfg(test)]
pub(crate) mod tests;
