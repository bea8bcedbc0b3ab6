//! Enters: what hyper, rustls and the system report. Leaves: one named reason why a request got
//! no response head, with a remedy, and whether the server may have seen the request.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::tls;

/// Why a request has no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The server closed the connection before a complete response head.
    #[error("{peer} closed the connection before it answered{}", because(cause))]
    Closed {
        /// Where the request went.
        peer: Arc<str>,
        /// Whether any of the request may have been written.
        sent: bool,
        /// What the system said, where it said something.
        cause: Option<io::ErrorKind>,
    },
    /// No address of the server accepted a connection.
    #[error("no connection to {peer}: {}", plain(cause))]
    Connect {
        /// Where the connection was to go.
        peer: Arc<str>,
        /// What the system said about the last address.
        cause: io::Error,
    },
    /// The connection was not there in time.
    #[error("no connection to {peer} within {} ms ({stage} took too long)", limit.as_millis())]
    ConnectTimeout {
        /// Where the connection was to go.
        peer: Arc<str>,
        /// The connect deadline.
        limit: Duration,
        /// What it was still waiting for.
        stage: Stage,
    },
    /// The request was sent, and nothing came back in time.
    #[error("{peer} sent no response head within {} ms", limit.as_millis())]
    FirstByteTimeout {
        /// Where the request went.
        peer: Arc<str>,
        /// The first-byte deadline.
        limit: Duration,
    },
    /// The name of the server could not be looked up.
    #[error("cannot resolve {host}: {}", plain(cause))]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        cause: io::Error,
    },
    /// What came back is not an HTTP/1.1 response head within the limits.
    #[error("{peer} answered with something that is not HTTP/1.1: {reason}")]
    ResponseHead {
        /// Where the request went.
        peer: Arc<str>,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS could not be agreed on, or the server's certificate was refused.
    #[error("TLS with {peer} failed: {reason}")]
    Tls {
        /// Where the connection went.
        peer: Arc<str>,
        /// What went wrong.
        reason: TlsFailure,
        /// Whether the request may have been written before the failure showed.
        sent: bool,
    },
}

/// The part of connecting that ran out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking the name up.
    Resolve,
    /// TCP, or the Unix socket.
    Connect,
    /// The TLS handshake.
    Handshake,
}

/// Why TLS failed, in words that name the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server refused us with an alert.
    #[error("the server ended the handshake with alert {0}")]
    Alert(String),
    /// The certificate is malformed, revoked or otherwise unfit.
    #[error("the server's certificate is not acceptable: {0}")]
    Certificate(String),
    /// The certificate's time is over, or has not come.
    #[error("the server's certificate is not valid at this time: {0}")]
    CertificateTime(String),
    /// The server asks for a certificate that it was not given or does not accept.
    #[error("the server demands a client certificate")]
    ClientCertificateRequired,
    /// The connection ended during the handshake.
    #[error("the connection ended during the handshake: {0}")]
    Ended(String),
    /// The peer does not speak TLS on this port.
    #[error("the server does not speak TLS on this port")]
    NotTls,
    /// No common version or cipher suite, or another violation.
    #[error("{0}")]
    Protocol(String),
    /// The local TLS set-up could not be built.
    #[error("the local TLS set-up is not usable: {0}")]
    Setup(String),
    /// Nobody whom we trust signed the certificate.
    #[error("the server's certificate is signed by an authority that is not trusted")]
    UnknownIssuer,
    /// The certificate is for other names.
    #[error("the server's certificate is not for {expected:?} but for {}", presented.join(", "))]
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// The names in the certificate.
        presented: Vec<String>,
    },
}

// === impl SendError ===

impl SendError {
    /// Sorts what hyper reported after the request had been handed to a connection.
    pub(super) fn from_exchange(peer: &Arc<str>, error: &hyper::Error, sent: bool) -> Self {
        let peer = Arc::clone(peer);
        if error.is_parse() {
            let reason = if error.is_parse_too_large() {
                "its head is larger than 64 KiB or has more than 100 headers".to_owned()
            } else {
                error.to_string()
            };
            return Self::ResponseHead { peer, reason };
        }
        let cause = io_source(error);
        if let Some(reason) = cause.and_then(tls::failure_within) {
            return Self::Tls { peer, reason, sent };
        }
        Self::Closed { peer, sent, cause: cause.map(io::Error::kind) }
    }

    /// A stable name for logs, error data and metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "upstream_closed",
            Self::Connect { cause, .. } if cause.kind() == io::ErrorKind::ConnectionRefused => {
                "upstream_refused"
            }
            Self::Connect { .. } => "upstream_connect",
            Self::ConnectTimeout { .. } => "upstream_connect_timeout",
            Self::FirstByteTimeout { .. } => "upstream_first_byte_timeout",
            Self::Resolve { .. } => "upstream_resolve",
            Self::ResponseHead { .. } => "upstream_response_head",
            Self::Tls { .. } => "upstream_tls",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Closed { sent: true, .. } => {
                "the request may have been carried out: look before sending it again, and see the \
                 server's log for why it hung up"
            }
            Self::Closed { sent: false, .. } => "nothing was sent: try again",
            Self::Connect { cause, .. } if cause.kind() == io::ErrorKind::ConnectionRefused => {
                "check that the server runs and listens on this address and port"
            }
            Self::Connect { .. } => "check the address and the network between here and there",
            Self::ConnectTimeout { .. } => {
                "check the address, firewalls and security groups, or raise the connect deadline"
            }
            Self::FirstByteTimeout { .. } => {
                "the server may still be at work: raise the backend's first-byte deadline if it \
                 is meant to take this long"
            }
            Self::Resolve { .. } => "check the host name and the resolver of this machine",
            Self::ResponseHead { .. } => {
                "check that this port serves plain HTTP/1.1 (an https server needs a TLS policy)"
            }
            Self::Tls { reason, .. } => reason.remedy(),
        }
        .to_owned()
    }

    /// Whether the server may have seen the request. Only where this is false is it safe to send
    /// the request again.
    pub fn sent(&self) -> bool {
        match self {
            Self::Closed { sent, .. } | Self::Tls { sent, .. } => *sent,
            Self::Connect { .. } | Self::ConnectTimeout { .. } | Self::Resolve { .. } => false,
            Self::FirstByteTimeout { .. } | Self::ResponseHead { .. } => true,
        }
    }
}

// === impl Stage ===

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "name lookup",
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
        })
    }
}

// === impl TlsFailure ===

impl TlsFailure {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Alert(_) | Self::Protocol(_) | Self::Ended(_) => {
                "check that the server accepts TLS 1.2 or 1.3 for this server name"
            }
            Self::Certificate(_) => "replace the server's certificate",
            Self::CertificateTime(_) => "renew the certificate, or set this machine's clock",
            Self::ClientCertificateRequired => "give the backend's TLS policy a client certificate",
            Self::NotTls => "use http for this server, or the port on which it serves https",
            Self::Setup(_) => "check the certificates and keys in the backend's TLS policy",
            Self::UnknownIssuer => {
                "add the authority that signed it to the backend's TLS policy \
                 (validation.caCertificateRefs), or to the system's trust store"
            }
            Self::WrongName { .. } => {
                "set the host name in the backend's TLS policy (validation.hostname) to one that \
                 the certificate carries"
            }
        }
    }
}

/// The first I/O error in the chain of causes.
pub(super) fn io_source<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The system's words without the number that Rust adds.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

fn because(cause: &Option<io::ErrorKind>) -> String {
    cause.map(|kind| format!(" ({kind})")).unwrap_or_default()
}
