//! `Backend.spec`: where a server is, and how to speak with it.

use schemars::JsonSchema;

use super::reference::{LocalReference, PortNumber, PreciseHostname, SecretReference};

/// The address of an IPv4 or IPv6 host.
const ADDRESS: &str = r"^((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$";

/// A server at one or several endpoints.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [{
        "rule": "self.type != 'DynamicResolver' || !has(self.endpoints)",
        "message": "DynamicResolver type cannot have endpoints specified"
    }])
)]
pub struct BackendSpec {
    /// `Endpoints`; `DynamicResolver` cannot be an MCP backend.
    #[schemars(
        rename = "type",
        extend("enum" = ["Endpoints", "DynamicResolver"], "default" = "Endpoints")
    )]
    pub kind: Option<String>,
    /// Where the server listens.
    #[schemars(
        length(min = 1, max = 256),
        extend("x-kubernetes-validations" = [{
            "rule": "self.all(f, has(f.fqdn)) || !self.exists(f, has(f.fqdn))",
            "message": "fqdn endpoints can't be mixed with other types"
        }])
    )]
    pub endpoints: Option<Vec<Endpoint>>,
    /// Application protocols. Not enforced by Sealgate.
    pub app_protocols: Option<Vec<AppProtocol>>,
    /// Whether it serves only when other servers do not. Not enforced by Sealgate.
    pub fallback: Option<bool>,
    /// TLS to the server; a BackendTLSPolicy that targets the Backend wins over it.
    pub tls: Option<BackendTls>,
}

/// An application protocol.
#[derive(JsonSchema)]
pub struct AppProtocol(
    #[schemars(extend("enum" = [
        "gateway.envoyproxy.io/h2c",
        "gateway.envoyproxy.io/ws",
        "gateway.envoyproxy.io/wss"
    ]))]
    pub String,
);

/// One place where a server listens.
#[derive(JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "(has(self.fqdn) || has(self.ip) || has(self.unix))",
        "message": "one of fqdn, ip or unix must be specified"
    },
    {
        "rule": "((has(self.fqdn) && !(has(self.ip) || has(self.unix))) || (has(self.ip) && \
                 !(has(self.fqdn) || has(self.unix))) || (has(self.unix) && !(has(self.ip) || \
                 has(self.fqdn))))",
        "message": "only one of fqdn, ip or unix can be specified"
    }
]))]
pub struct Endpoint {
    /// The name that the server goes by, when its address does not say it.
    pub hostname: Option<PreciseHostname>,
    /// A host name and a port.
    pub fqdn: Option<FqdnEndpoint>,
    /// An IP address and a port.
    pub ip: Option<IpEndpoint>,
    /// A Unix domain socket.
    pub unix: Option<UnixEndpoint>,
    /// The zone that it is in.
    pub zone: Option<String>,
}

/// A host name and a port.
#[derive(JsonSchema)]
pub struct FqdnEndpoint {
    /// The host name.
    pub hostname: PreciseHostname,
    /// The port.
    pub port: PortNumber,
}

/// An IP address and a port.
#[derive(JsonSchema)]
pub struct IpEndpoint {
    /// The address, IPv4 or IPv6.
    #[schemars(length(min = 3, max = 45), regex(pattern = ADDRESS))]
    pub address: String,
    /// The port.
    pub port: PortNumber,
}

/// A Unix domain socket.
#[derive(JsonSchema)]
pub struct UnixEndpoint {
    /// Its path.
    #[schemars(
        length(min = 1),
        extend("x-kubernetes-validations" = [{
            "rule": "size(self) <= 108",
            "message": "unix domain socket path must not exceed 108 characters"
        }])
    )]
    pub path: String,
}

/// How a server is verified, and how the gateway identifies itself.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [
        {
            "rule": "!(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 && \
                     has(self.wellKnownCACertificates) && self.wellKnownCACertificates != '')",
            "message": "must not contain both CACertificateRefs and WellKnownCACertificates"
        },
        {
            "rule": "!((has(self.insecureSkipVerify) && self.insecureSkipVerify) && \
                     ((has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0) || \
                     (has(self.wellKnownCACertificates) && self.wellKnownCACertificates != '')))",
            "message": "must not contain either CACertificateRefs or WellKnownCACertificates \
                        when InsecureSkipVerify is enabled"
        }
    ])
)]
pub struct BackendTls {
    /// ConfigMaps or Secrets whose key `ca.crt` holds authorities.
    #[schemars(length(max = 8))]
    pub ca_certificate_refs: Option<Vec<LocalReference>>,
    /// `System`: the authorities that this machine trusts.
    #[schemars(rename = "wellKnownCACertificates", extend("enum" = ["System"]))]
    pub well_known_ca_certificates: Option<String>,
    /// Do not verify the server.
    #[schemars(extend("default" = false))]
    pub insecure_skip_verify: Option<bool>,
    /// The name to ask for and to verify.
    pub sni: Option<PreciseHostname>,
    /// A Secret of type kubernetes.io/tls by which the gateway identifies itself.
    pub client_certificate_ref: Option<SecretReference>,
    /// The lowest TLS version. Not enforced by Sealgate.
    #[schemars(extend("enum" = ["Auto", "1.0", "1.1", "1.2", "1.3"]))]
    pub min_version: Option<String>,
    /// The highest TLS version. Not enforced by Sealgate.
    #[schemars(extend("enum" = ["Auto", "1.0", "1.1", "1.2", "1.3"]))]
    pub max_version: Option<String>,
    /// Cipher suites. Not enforced by Sealgate.
    pub ciphers: Option<Vec<String>>,
    /// Curves. Not enforced by Sealgate.
    #[schemars(rename = "ecdhCurves")]
    pub curves: Option<Vec<String>>,
    /// Signature algorithms. Not enforced by Sealgate.
    pub signature_algorithms: Option<Vec<String>>,
    /// Application protocols. Not enforced by Sealgate.
    #[schemars(rename = "alpnProtocols")]
    pub alpn: Option<Vec<String>>,
}
