//! What a server's certificate must be for, where it is not the name that the server is asked by.

use std::fmt;

use super::HostPattern;

/// One subject alternative name (RFC 5280 section 4.2.1.6), as the Gateway API lists them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SubjectName {
    /// A DNS name. `*.example.org` is carried by a certificate for exactly that, or for one name
    /// directly below it.
    Host(HostPattern),
    /// A URI, such as a SPIFFE ID: the same to the byte.
    Uri(String),
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Uri(uri) => f.write_str(uri),
        }
    }
}
