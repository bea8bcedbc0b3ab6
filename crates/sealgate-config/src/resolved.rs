//! What the data plane runs: every reference followed, every default filled in, nothing left to
//! check. Enters from `resolve`, leaves to whoever compiles a plan out of it.

mod address;
mod credential;
mod host;
mod selector;
mod subject;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use sealgate_aws::Secret;

pub use address::{Address, Scheme, Via};
pub use credential::Credential;
pub use host::HostPattern;
pub use selector::{Pattern, ToolSelector};
pub use subject::SubjectName;

/// Everything that can be served. Parts are `PartialEq`, so that a reload sees what changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// Where to listen. Several may share one address and differ in host name.
    pub listeners: Vec<Listener>,
    /// What to serve, in the order in which the sources gave it.
    pub routes: Vec<Route>,
    /// Files and directories to watch for changes: the sources themselves and every file that a
    /// substitution read.
    pub watched: Vec<PathBuf>,
}

/// One Gateway listener, or the one of `--listen`.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// `main` for `--listen`, else `namespace/gateway/listener`.
    pub name: String,
    /// The socket address; port 0 asks the system for one.
    pub address: SocketAddr,
    /// Serve only requests for these hosts; `None` serves all.
    pub hostname: Option<HostPattern>,
    /// Present on HTTPS listeners.
    pub tls: Option<ListenerTls>,
    /// Further certificates of the same listener, for other names.
    pub more_certificates: Vec<ListenerTls>,
}

/// The certificate of an HTTPS listener.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerTls {
    /// Certificate chain, PEM, leaf first.
    pub certificate_pem: Vec<u8>,
    /// Private key, PEM.
    pub key_pem: Secret,
}

/// One MCPRoute: a path that serves a set of backends as one MCP server.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `namespace/name` of the resource.
    pub name: String,
    /// Indices into [`Resolved::listeners`].
    pub listeners: Vec<usize>,
    /// Matched exactly: no prefix, no tolerance for a trailing slash.
    pub path: String,
    /// Any of these must match the request's host; empty matches all.
    pub hostnames: Vec<HostPattern>,
    /// All of these must match.
    pub headers: Vec<HeaderMatch>,
    /// At least one, in the order of the resource; names are unique.
    pub backends: Vec<Backend>,
    /// How long a legacy session lives after its last use.
    pub session_ttl: Duration,
    /// Whether clients of the HTTP+SSE transport of 2024-11-05 are served beside the others.
    pub legacy_sse: bool,
    /// How clients see the URIs of resources.
    pub uris: UriMode,
}

/// A condition on one request header.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderMatch {
    /// Which header.
    pub name: HeaderName,
    /// What its value must be.
    pub value: HeaderValueMatch,
}

/// How a header's value is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderValueMatch {
    /// Byte for byte.
    Exact(String),
    /// The whole value matches the expression.
    Regex(Pattern),
}

/// One upstream MCP server as seen from one route. `Debug` shows the path without its query, which
/// may hold a key.
#[derive(Clone, PartialEq)]
pub struct Backend {
    /// The name of the backend reference: the prefix of its tools.
    pub name: String,
    /// Whether names carry that prefix.
    pub prefix: PrefixMode,
    /// What the server itself speaks. With a [`Via`] the hop's own scheme is on the wire.
    pub scheme: Scheme,
    /// The Host header, and the host that AWS signing covers: host, and port unless it is the
    /// scheme's default. IPv6 in brackets.
    pub authority: String,
    /// Where connections go, tried in order; a via hop replaces it. Never empty.
    pub connect: Vec<Address>,
    /// Another hop to send through; never changes what is signed.
    pub via: Option<Via>,
    /// How to verify the server; present exactly when `scheme` is https.
    pub tls: Option<TlsPolicy>,
    /// Each endpoint by itself, where there are several; else empty, and the fields above say all.
    pub endpoints: Vec<Endpoint>,
    /// Use an endpoint only when those before it cannot be reached, instead of all in turn.
    pub failover: bool,
    /// The request target, kept byte for byte as configured.
    pub path_and_query: String,
    /// What the gateway puts on each request.
    pub credential: Credential,
    /// Fixed headers of every request, none of them secret; a client header that is forwarded
    /// under the same name replaces one.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Which tools are offered.
    pub tools: ToolSelector,
    /// Client headers that are copied.
    pub forward_headers: Vec<ForwardHeader>,
    /// How long each step may take.
    pub deadlines: Deadlines,
    /// Which protocol era to speak.
    pub era: EraSetting,
    /// What becomes of a legacy backend's questions to a modern client.
    pub questions: QuestionSetting,
    /// How its lists are kept.
    pub lists: ListSettings,
}

/// One of several places that serve the same: what differs between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// As [`Backend::authority`].
    pub authority: String,
    /// Where connections go; a via hop replaces it.
    pub connect: Address,
    /// As [`Backend::tls`].
    pub tls: Option<TlsPolicy>,
}

/// Whether a backend's names carry its prefix (`github__search`) or stay bare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrefixMode {
    /// `backend__tool`.
    #[default]
    Always,
    /// `tool`.
    Never,
}

/// How clients see the URIs of a route's resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UriMode {
    /// As the backend wrote them; whose a URI is, is found out.
    #[default]
    Keep,
    /// `backend+uri`, and `ui://backend/rest` for `ui://rest`.
    Prefix,
}

/// How the server's certificate is verified.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsPolicy {
    /// SNI, and the name that the certificate must carry unless `subject_names` says otherwise.
    pub server_name: String,
    /// One of these must the certificate carry; empty means the server name.
    pub subject_names: Vec<SubjectName>,
    /// Which authorities are trusted.
    pub ca: Roots,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
    /// What to present when the server asks.
    pub client_certificate: Option<ClientCertificate>,
    /// Which versions of TLS may be agreed on.
    pub versions: TlsVersions,
}

/// TLS 1.2 and 1.3 unless narrowed; older versions are never spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsVersions {
    /// Either.
    #[default]
    Both,
    /// TLS 1.2 alone.
    Only12,
    /// TLS 1.3 alone.
    Only13,
}

/// Trusted certificate authorities.
#[derive(Clone, Debug, PartialEq)]
pub enum Roots {
    /// Those of the operating system.
    System,
    /// Exactly these, PEM, concatenated.
    Pem(Vec<u8>),
}

/// A client certificate for mutual TLS.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientCertificate {
    /// Certificate chain, PEM, leaf first.
    pub certificate_pem: Vec<u8>,
    /// Private key, PEM.
    pub key_pem: Secret,
}

/// A client header that is copied to the backend, possibly under another name. Only the first
/// value is copied; a credential on the same header wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardHeader {
    /// Its name in the client's request.
    pub client: HeaderName,
    /// Its name in the backend's request.
    pub backend: HeaderName,
}

/// How long each step of talking to a backend may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// TCP and TLS.
    pub connect: Duration,
    /// From the end of the request to the first byte of the answer's head.
    pub first_byte: Duration,
    /// A whole `initialize` (or discovery) of this backend.
    pub initialize: Duration,
    /// A whole list request, so that a slow backend does not hold the merged list.
    pub list: Duration,
    /// A whole call, streamed answer included.
    pub call: Duration,
    /// Without a sign of life in a call's answer that has begun. Progress extends this one only.
    pub idle: Duration,
}

/// What becomes of a question that a legacy backend asks in the middle of a modern client's call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuestionSetting {
    /// The question is refused and the call fails.
    #[default]
    Refuse,
    /// The call waits in this process until the client sends it again with the answer.
    Park,
}

/// How the lists of a backend (tools, prompts, resources, templates) are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListSettings {
    /// Which lists are answered without asking the backend.
    pub cache: ListCacheSetting,
    /// For how long the items of a backend that is down keep their place in merged lists; zero
    /// lets them vanish at once.
    pub grace: Duration,
}

/// Which lists are answered without asking the backend again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListCacheSetting {
    /// Those that the backend gives a `ttlMs`, for as long and for whom it says.
    #[default]
    Hinted,
    /// None.
    Off,
    /// Also those without a `ttlMs`.
    For {
        /// How long they hold.
        ttl: Duration,
        /// Whether one client's list is every client's.
        is_shared: bool,
    },
}

/// Which protocol era to speak with a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EraSetting {
    /// Find out.
    #[default]
    Auto,
    /// Sessions and `initialize` (2025-11-25 and before).
    Legacy,
    /// Stateless (2026-07-28 and after).
    Modern,
}

// === impl Backend ===

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        f.debug_struct("Backend")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .field("scheme", &self.scheme)
            .field("authority", &self.authority)
            .field("connect", &self.connect)
            .field("via", &self.via)
            .field("tls", &self.tls)
            .field("path", &path)
            .field("credential", &self.credential)
            .field("endpoints", &self.endpoints)
            .field("failover", &self.failover)
            .field("headers", &self.headers)
            .field("tools", &self.tools)
            .field("forward_headers", &self.forward_headers)
            .field("deadlines", &self.deadlines)
            .field("era", &self.era)
            .field("lists", &self.lists)
            .finish()
    }
}

// === impl Deadlines ===

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            initialize: Duration::from_secs(15),
            list: Duration::from_secs(15),
            call: Duration::from_secs(300),
            idle: Duration::from_secs(300),
        }
    }
}

// === impl ListSettings ===

impl Default for ListSettings {
    fn default() -> Self {
        Self { cache: ListCacheSetting::default(), grace: Duration::from_secs(300) }
    }
}

// === impl HeaderValueMatch ===

impl HeaderValueMatch {
    /// Whether `value` satisfies the condition.
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Self::Exact(expected) => expected == value,
            Self::Regex(pattern) => pattern.matches(value),
        }
    }
}
