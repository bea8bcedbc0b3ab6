//! Kubernetes objects in, resources for `sealgate-config` and status for the API server out.

pub mod definition;
