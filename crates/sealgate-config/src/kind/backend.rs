//! Backend in: where an MCP server is, and how to speak with it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::backend_tls_policy::{read_authorities, read_well_known};
use super::{Metadata, ObjectReference};
use crate::finding::Severity;
use crate::read::{Field, Object, Shape, duration, lists};
use crate::report::At;
use crate::resolved::{EraSetting, ListSettings, QuestionSetting, SubjectName, TlsVersions};
use crate::suggest::did_you_mean;

const SESSION_ID: HeaderName =
    HeaderName::from_static("x-amzn-bedrock-agentcore-runtime-session-id");
const USER_ID: HeaderName = HeaderName::from_static("x-amzn-bedrock-agentcore-runtime-user-id");

/// What may be asked for; HTTP/1.1 is spoken whatever it is.
const APP_PROTOCOLS: [&str; 3] =
    ["gateway.envoyproxy.io/h2c", "gateway.envoyproxy.io/ws", "gateway.envoyproxy.io/wss"];

/// What the kernel takes.
const MAX_SOCKET_PATH: usize = 108;

/// A server at one or several endpoints.
pub(crate) struct Backend {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) annotations: BackendAnnotations,
}

/// What `sealgate.dev/` annotations say.
#[derive(Default)]
pub(crate) struct BackendAnnotations {
    pub(crate) via: Option<(String, At)>,
    pub(crate) signing_host: Option<String>,
    pub(crate) connect: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) initialize: Option<Duration>,
    pub(crate) list: Option<Duration>,
    pub(crate) call: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) era: EraSetting,
    pub(crate) questions: QuestionSetting,
    pub(crate) lists: ListSettings,
    /// `load-balancing: failover`.
    pub(crate) failover: bool,
    /// Fixed headers of AgentCore Runtime.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One place where the server listens.
pub(crate) struct Endpoint {
    pub(crate) target: Target,
    /// The name that the server goes by, when the target does not say.
    pub(crate) hostname: Option<String>,
}

/// An address.
pub(crate) enum Target {
    Fqdn { hostname: String, port: u16 },
    Ip { address: IpAddr, port: u16 },
    Unix { path: PathBuf },
}

/// How to verify a server, from a Backend or a BackendTLSPolicy.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    /// Empty means those of the system.
    pub(crate) authorities: Vec<ObjectReference>,
    pub(crate) insecure_skip_verify: bool,
    pub(crate) server_name: Option<String>,
    /// Names of which the certificate must carry one; empty means the server name.
    pub(crate) subject_names: Vec<SubjectName>,
    pub(crate) client_certificate: Option<ObjectReference>,
    pub(crate) versions: TlsVersions,
}

// === impl Backend ===

impl Backend {
    pub(crate) fn read(spec: &Field<'_>, metadata: &Metadata) -> Option<Self> {
        let object = spec.object(&["type", "endpoints", "appProtocols", "fallback", "tls"])?;
        if let Some(kind) = object.get("type")
            && kind.one_of(&["Endpoints", "DynamicResolver"])? == "DynamicResolver"
        {
            kind.at.error("not-supported-yet", "type DynamicResolver cannot be an MCP backend");
            return None;
        }
        if let Some(protocols) = object.get("appProtocols") {
            for protocol in protocols.list(0, usize::MAX) {
                protocol.one_of(&APP_PROTOCOLS);
            }
            protocols.at.note("not-enforced", "appProtocols is not enforced by Sealgate");
        }
        if let Some(fallback) = object.get("fallback")
            && fallback.boolean() == Some(true)
        {
            // It orders the Backends of one route rule; here each is a server of its own.
            let message = "fallback is not enforced by Sealgate: each backendRef is a server of \
                           its own; annotation sealgate.dev/load-balancing: failover orders \
                           endpoints";
            fallback.at.note("not-enforced", message);
        }
        let Some(list) = object.get("endpoints") else {
            spec.at.error("no-endpoints", "a Backend without endpoints cannot be an MCP backend");
            return None;
        };
        let endpoints: Vec<_> = list.list(1, 256).iter().filter_map(Endpoint::read).collect();
        let fqdns = endpoints.iter().filter(|it| matches!(it.target, Target::Fqdn { .. })).count();
        if fqdns != 0 && fqdns != endpoints.len() {
            list.at.invalid(
                "rule",
                "Invalid value: \"array\": fqdn endpoints can't be mixed with other types",
            );
        }
        let tls = match object.get("tls") {
            Some(tls) => Some(TlsSettings::read(&tls)?),
            None => None,
        };
        Some(Self { endpoints, tls, annotations: BackendAnnotations::read(metadata) })
    }
}

// === impl BackendAnnotations ===

impl BackendAnnotations {
    const KEYS: [&'static str; 15] = [
        "via",
        "signing-host",
        "connect-timeout",
        "first-byte-timeout",
        "initialize-timeout",
        "list-timeout",
        "call-timeout",
        "idle-timeout",
        "era",
        "questions",
        "list-cache",
        "list-grace",
        "load-balancing",
        "agentcore-session-id",
        "agentcore-user-id",
    ];

    fn read(metadata: &Metadata) -> Self {
        let mut read = Self::default();
        for (key, text, at) in metadata.annotations("sealgate.dev/") {
            match key {
                "via" => read.via = Some((text.to_owned(), at.clone())),
                "signing-host" => read.signing_host = Some(text.to_ascii_lowercase()),
                "connect-timeout" => read.connect = timeout(text, at),
                "first-byte-timeout" => read.first_byte = timeout(text, at),
                "initialize-timeout" => read.initialize = timeout(text, at),
                "list-timeout" => read.list = timeout(text, at),
                "call-timeout" => read.call = timeout(text, at),
                "idle-timeout" => read.idle = timeout(text, at),
                "era" => match text {
                    "auto" => read.era = EraSetting::Auto,
                    "legacy" => read.era = EraSetting::Legacy,
                    "modern" => read.era = EraSetting::Modern,
                    _ => at.invalid(
                        "unsupported-value",
                        format!(
                            "Unsupported value: {text:?}: supported values: \"auto\", \"legacy\", \
                             \"modern\""
                        ),
                    ),
                },
                "questions" => match text {
                    "refuse" => read.questions = QuestionSetting::Refuse,
                    "park" => read.questions = QuestionSetting::Park,
                    _ => at.invalid(
                        "unsupported-value",
                        format!(
                            "Unsupported value: {text:?}: supported values: \"refuse\", \"park\""
                        ),
                    ),
                },
                "list-cache" => match lists::cache(text) {
                    Ok(cache) => read.lists.cache = cache,
                    Err(problem) => at.invalid("list-cache", problem),
                },
                "list-grace" => match duration(text) {
                    Some(grace) => read.lists.grace = grace,
                    None => at.invalid("duration", lists::no_duration(text)),
                },
                "load-balancing" => match text {
                    "round-robin" => read.failover = false,
                    "failover" => read.failover = true,
                    _ => at.invalid(
                        "unsupported-value",
                        format!(
                            "Unsupported value: {text:?}: supported values: \"round-robin\", \
                             \"failover\""
                        ),
                    ),
                },
                "agentcore-session-id" => {
                    read.headers.extend(agentcore(SESSION_ID, text, 33, 256, at))
                }
                "agentcore-user-id" => read.headers.extend(agentcore(USER_ID, text, 1, 1024, at)),
                _ => {
                    let message = format!("unknown annotation \"sealgate.dev/{key}\"");
                    let help = did_you_mean(key, Self::KEYS);
                    at.say(Severity::Warning, "unknown-annotation", message, help);
                }
            }
        }
        read
    }
}

/// A header of Bedrock AgentCore's InvokeAgentRuntime, with AWS's own limits on its length.
fn agentcore(
    name: HeaderName,
    text: &str,
    least: usize,
    most: usize,
    at: &At,
) -> Option<(HeaderName, HeaderValue)> {
    let value = HeaderValue::from_str(text).ok().filter(|_| (least..=most).contains(&text.len()));
    if value.is_none() {
        let problem = format!("Invalid value: {text:?}: must be {least} to {most} characters");
        at.invalid("agentcore-header", problem);
    }
    Some((name, value?))
}

fn timeout(text: &str, at: &At) -> Option<Duration> {
    let read = duration(text).filter(|duration| !duration.is_zero());
    if read.is_none() {
        at.invalid("duration", lists::no_duration(text));
    }
    read
}

// === impl Endpoint ===

impl Endpoint {
    fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.object(&["fqdn", "ip", "unix", "hostname", "zone"])?;
        let given = ["fqdn", "ip", "unix"].iter().filter(|name| object.has(name)).count();
        if given != 1 {
            let word = if given == 0 { "one of" } else { "only one of" };
            object.broken(&format!(
                "{word} fqdn, ip or unix {} be specified",
                if given == 0 { "must" } else { "can" }
            ));
            return None;
        }
        if let Some(zone) = object.get("zone") {
            zone.string();
        }
        let hostname = match object.get("hostname") {
            Some(hostname) => Some(hostname.text(&Shape::PRECISE_HOSTNAME)?),
            None => None,
        };
        let target = if let Some(fqdn) = object.get("fqdn") {
            let fqdn = fqdn.object(&["hostname", "port"])?;
            let hostname = fqdn.required("hostname")?;
            let port = fqdn.required("port")?.port()?;
            // Names are case-insensitive and may end with a dot; the API server is stricter.
            let text = hostname.string()?.to_ascii_lowercase();
            let text = text.strip_suffix('.').unwrap_or(&text).to_owned();
            hostname.check(&text, &Shape::PRECISE_HOSTNAME)?;
            if text != hostname.string()? {
                let message = format!("the host name is read as {text:?}");
                hostname.at.note("host-normalised", message);
            }
            Target::Fqdn { hostname: text, port }
        } else if let Some(ip) = object.get("ip") {
            let ip = ip.object(&["address", "port"])?;
            let field = ip.required("address")?;
            let address = field.text(&Shape::IP)?.parse().ok()?;
            Target::Ip { address, port: ip.required("port")?.port()? }
        } else {
            let unix = object.get("unix")?.object(&["path"])?;
            let field = unix.required("path")?;
            let path = field.text(&Shape::NON_EMPTY)?;
            if path.chars().count() > MAX_SOCKET_PATH {
                let problem = "unix domain socket path must not exceed 108 characters";
                field.at.invalid("rule", format!("Invalid value: {path:?}: {problem}"));
                return None;
            }
            Target::Unix { path: path.into() }
        };
        Some(Self { target, hostname })
    }
}

// === impl TlsSettings ===

impl TlsSettings {
    const IGNORED: [&'static str; 4] =
        ["ciphers", "ecdhCurves", "signatureAlgorithms", "alpnProtocols"];

    fn read(field: &Field<'_>) -> Option<Self> {
        let mut allowed = vec![
            "caCertificateRefs",
            "wellKnownCACertificates",
            "insecureSkipVerify",
            "sni",
            "clientCertificateRef",
            "minVersion",
            "maxVersion",
        ];
        allowed.extend(Self::IGNORED);
        let object = field.object(&allowed)?;
        for name in Self::IGNORED {
            if let Some(ignored) = object.get(name) {
                ignored.at.warning("not-enforced", format!("{name} is not enforced by Sealgate"));
            }
        }
        let versions = read_versions(&object);
        let authorities = read_authorities(&object);
        if read_well_known(&object) && !authorities.is_empty() {
            object.broken("must not contain both CACertificateRefs and WellKnownCACertificates");
        }
        let insecure_skip_verify = match object.get("insecureSkipVerify") {
            Some(field) => {
                let insecure = field.boolean()?;
                if insecure {
                    field.at.warning("insecure-tls", "the server's certificate is not verified");
                }
                insecure
            }
            None => false,
        };
        Some(Self {
            authorities,
            insecure_skip_verify,
            server_name: match object.get("sni") {
                Some(sni) => Some(sni.text(&Shape::PRECISE_HOSTNAME)?),
                None => None,
            },
            subject_names: Vec::new(),
            client_certificate: match object.get("clientCertificateRef") {
                Some(reference) => Some(ObjectReference::secret(&reference)?),
                None => None,
            },
            versions: versions?,
        })
    }
}

/// `minVersion` and `maxVersion`; what is older than TLS 1.2 is not spoken.
fn read_versions(object: &Object<'_>) -> Option<TlsVersions> {
    const WORDS: [&str; 5] = ["Auto", "1.0", "1.1", "1.2", "1.3"];
    let word = |name| match object.get(name) {
        Some(field) => field.one_of(&WORDS).map(|word| (word, Some(field.at))),
        None => Some(("Auto", None)),
    };
    let ((min, min_at), (max, max_at)) = (word("minVersion")?, word("maxVersion")?);
    if let (Some(at), "1.0" | "1.1") = (&min_at, min) {
        at.note("tls-version", "TLS 1.2 is the oldest version that is spoken");
    }
    match (min, max, max_at) {
        (_, "1.0" | "1.1", Some(at)) => {
            at.error("tls-version", "TLS 1.2 is the oldest version that is spoken");
            None
        }
        ("1.3", "1.2", Some(at)) => {
            at.invalid("tls-version", "Invalid value: \"1.2\": must not be below minVersion");
            None
        }
        ("1.3", ..) => Some(TlsVersions::Only13),
        (_, "1.2", _) => Some(TlsVersions::Only12),
        _ => Some(TlsVersions::Both),
    }
}
