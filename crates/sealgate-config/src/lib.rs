//! Resources as people write them (MCPRoute YAML, mcp.json, a URL), checked with positions and
//! resolved into what the data plane runs.
//!
//! [`load`] never stops at the first error and never panics: what is wrong becomes a [`Finding`],
//! and takes down itself only. [`reload`] does the same over and over, and keeps the last good
//! version of what an edit broke.

mod asked;
pub mod certificate;
pub mod finding;
mod gather;
mod kind;
mod load;
mod mcp_json;
mod memory;
mod read;
mod reload;
mod report;
mod resolve;
pub mod resolved;
mod schema;
mod substitute;
mod suggest;
mod summary;
mod text;
mod tree;
mod url;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use finding::{Finding, Place, Severity};
pub use memory::Memory;
pub use reload::reload;
pub use resolved::Resolved;
pub use schema::schema;
use zeroize::Zeroizing;

/// Where configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of resources or an mcp.json (told apart by content), or a directory of them.
    Path(PathBuf),
    /// The URL of one MCP server.
    Url(String),
    /// Text that is already in memory, under a name for findings.
    Text {
        /// Shown where a file name would be.
        name: String,
        /// YAML or JSON. Shared with whoever gave it, and wiped by the last who holds it.
        text: Arc<Zeroizing<String>>,
    },
}

/// What the command line adds.
#[derive(Clone)]
pub struct Options {
    /// Where routes are served when no Gateway says otherwise; its IP address is also where
    /// Gateway listeners bind.
    pub listen: SocketAddr,
    /// A hop for every backend that does not name its own.
    pub via: Option<String>,
    /// Warnings become errors.
    pub strict: bool,
    /// Deadlines of backends that do not name their own.
    pub default_deadlines: resolved::Deadlines,
    /// On a reload, a reference that leads nowhere takes effect like any other edit, rather than
    /// holding the edit back: for objects that come and go one by one, as in a cluster.
    pub references_take_effect: bool,
    /// How long a legacy session lives after its last use.
    pub session_ttl: Duration,
    /// Whether routes that do not say serve clients of HTTP+SSE (2024-11-05).
    pub legacy_sse: bool,
    /// Looks up `${NAME}`; the process environment by default.
    pub environment: Environment,
}

/// A lookup of environment variables.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What loading gives.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What can be served.
    pub resolved: Resolved,
    /// What was found, in source order.
    pub findings: Vec<Finding>,
}

/// Loads, checks and resolves `sources`.
pub fn load(sources: &[Source], options: &Options) -> Outcome {
    reload(sources, options, &mut Memory::default())
}

// === impl Source ===

impl Source {
    /// Text under a name.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text { name: name.into(), text: Arc::new(Zeroizing::new(text.into())) }
    }
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1975)),
            via: None,
            strict: false,
            default_deadlines: resolved::Deadlines::default(),
            references_take_effect: false,
            session_ttl: Duration::from_secs(24 * 60 * 60),
            legacy_sse: false,
            environment: Arc::new(|name| std::env::var(name).ok()),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("listen", &self.listen).finish_non_exhaustive()
    }
}

// === impl Outcome ===

impl Outcome {
    /// What would be served, for people: listeners, routes, paths, backends, kinds of
    /// credentials; never a secret.
    pub fn summary(&self) -> String {
        summary::describe(&self.resolved)
    }

    /// Whether anything had to be left out.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
