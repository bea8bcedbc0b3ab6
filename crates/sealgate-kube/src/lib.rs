//! Kubernetes objects in, resources for `sealgate-config` and status for the API server out.
//!
//! An object takes the same way as a file: its text goes through `sealgate_config::load`, so that
//! the same rules, defaults and messages hold. What a cluster adds is here: what is watched, what
//! belongs to this controller, where the servers of a Service are, and what status tells.

mod cluster;
pub mod definition;
mod endpoint;
mod facts;
mod kind;
mod lease;
mod line;
mod object;
mod status;
mod watch;
mod watches;

pub use cluster::{Cluster, Settings};
pub use kube::Client;
pub use lease::Election;
pub use status::Trouble;

/// Connects as `KUBECONFIG` or `~/.kube/config` says, or as a pod does.
///
/// # Errors
///
/// When neither says how; the message names both.
pub async fn connect() -> Result<Client, ConnectError> {
    let config = kube::Config::infer().await.map_err(ConnectError::Config)?;
    Client::try_from(config).map_err(ConnectError::Client)
}

/// Why there is no way to an API server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing says where the API server is.
    #[error("no Kubernetes API server is known: {0}; set KUBECONFIG, or run in a pod")]
    Config(kube::config::InferConfigError),
    /// What is said cannot be used.
    #[error("the Kubernetes API server cannot be reached as configured: {0}")]
    Client(kube::Error),
}
