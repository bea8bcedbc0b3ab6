//! Enters: what happened. Leaves: counters, one access line a request, and the program's log.
//! Every metric name and log field is named here and nowhere else (`docs/metrics.md` lists them).

pub mod access;
pub mod logs;
pub mod metrics;

pub use metrics::{
    BackendMetrics, IdentityFacts, Metrics, OpenStream, Operation, Outcome, ProcessMetrics,
    ReloadResult, RouteMetrics,
};
