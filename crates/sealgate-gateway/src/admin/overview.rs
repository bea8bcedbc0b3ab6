//! Enters: what the gateway serves at this moment. Leaves: the same as plain text, for
//! `/readyz?verbose`. Nothing in it is secret.

use std::fmt;
use std::time::SystemTime;

/// Whoever knows what is served.
pub trait Status: Send + Sync + 'static {
    /// Whether requests are welcome.
    fn readiness(&self) -> Readiness;
    /// What is served, and what is wrong. Asked only on demand.
    fn overview(&self) -> Overview;
}

/// Whether requests are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The process is about to end.
    Draining,
    /// A plan serves.
    Ready,
    /// No plan serves yet.
    Starting,
}

/// What is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// In the order of the sources.
    pub routes: Vec<RouteOverview>,
    /// Every AWS identity in use.
    pub identities: Vec<IdentityOverview>,
    /// What the last load found wrong, rendered without colour.
    pub findings: Vec<String>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOverview {
    /// `namespace/name`.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Its backends, in order.
    pub backends: Vec<BackendOverview>,
}

/// One backend of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendOverview {
    /// Its name in the route.
    pub name: String,
    /// Where its requests go.
    pub target: String,
    /// What they are sealed with.
    pub seal: String,
    /// The last failure, where the last exchange failed.
    pub trouble: Option<String>,
}

/// One AWS identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityOverview {
    /// Which.
    pub name: String,
    /// When its credentials end.
    pub expires_at: Option<SystemTime>,
    /// Why there are no fresh ones.
    pub trouble: Option<String>,
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draining => "draining",
            Self::Ready => "ready",
            Self::Starting => "starting: no plan serves yet",
        })
    }
}

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for route in &self.routes {
            writeln!(f, "route {} at {}", route.name, route.path)?;
            for BackendOverview { name, target, seal, trouble } in &route.backends {
                write!(f, "  backend {name} to {target}, seal {seal}")?;
                Trouble(trouble.as_deref()).fmt(f)?;
            }
        }
        for IdentityOverview { name, expires_at, trouble } in &self.identities {
            write!(f, "identity {name}")?;
            match expires_at.map(|at| at.duration_since(SystemTime::now())) {
                Some(Ok(left)) => write!(f, ", expires in {} s", left.as_secs())?,
                Some(Err(past)) => write!(f, ", expired {} s ago", past.duration().as_secs())?,
                None => {}
            }
            Trouble(trouble.as_deref()).fmt(f)?;
        }
        for finding in &self.findings {
            writeln!(f, "{}", finding.trim_end())?;
        }
        Ok(())
    }
}

/// The end of a line.
struct Trouble<'a>(Option<&'a str>);

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(trouble) => writeln!(f, ": {trouble}"),
            None => writeln!(f),
        }
    }
}
