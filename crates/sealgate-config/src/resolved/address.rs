//! Where bytes go: schemes, connect addresses and the hop in between.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// http or https.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A name that is looked up on each connect.
    Dns {
        /// Lower-case host name without a trailing dot.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A fixed socket address.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Another hop that every request of a backend passes through (a local Envoy, an egress proxy in
/// reverse-proxy mode). It receives the backend's own Host and target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Via {
    /// What the hop speaks.
    pub scheme: Scheme,
    /// Where it listens.
    pub address: Address,
    /// Its own host, and port unless default: the TLS server name when `scheme` is https.
    pub authority: String,
}

// === impl Scheme ===

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Address ===

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns { host, port } => write!(f, "{host}:{port}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
