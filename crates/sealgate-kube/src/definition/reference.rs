//! Names of objects and references to them, as the Gateway API limits them.

use schemars::JsonSchema;

/// The name of an object.
#[derive(JsonSchema)]
pub struct ObjectName(#[schemars(length(min = 1, max = 253))] pub String);

/// The name of a namespace.
#[derive(JsonSchema)]
pub struct Namespace(
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub String,
);

/// The group of an API; empty for the core group.
#[derive(JsonSchema)]
pub struct Group(
    #[schemars(
        length(max = 253),
        regex(pattern = r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub String,
);

/// The kind of an object.
#[derive(JsonSchema)]
pub struct Kind(
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$")
    )]
    pub String,
);

/// A host name without wildcards.
#[derive(JsonSchema)]
pub struct PreciseHostname(
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub String,
);

/// A host name; `*.` in front stands for any labels.
#[derive(JsonSchema)]
pub struct Hostname(
    #[schemars(
        length(min = 1, max = 253),
        regex(
            pattern = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
        )
    )]
    pub String,
);

/// The name of a header.
#[derive(JsonSchema)]
pub struct HeaderName(
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$"))]
    pub String,
);

/// A TCP port.
#[derive(JsonSchema)]
pub struct PortNumber(#[schemars(range(min = 1, max = 65535))] pub i32);

/// A length of time such as `1m30s`.
#[derive(JsonSchema)]
pub struct Duration(#[schemars(regex(pattern = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"))] pub String);

/// A Secret.
#[derive(JsonSchema)]
pub struct SecretReference {
    /// The group of the Secret: the core group.
    #[schemars(extend("default" = ""))]
    pub group: Option<Group>,
    /// `Secret`.
    #[schemars(extend("default" = "Secret"))]
    pub kind: Option<Kind>,
    /// The name of the Secret.
    pub name: ObjectName,
    /// Its namespace, by default that of who refers to it. Another one needs a ReferenceGrant
    /// there.
    pub namespace: Option<Namespace>,
}

/// An object in the same namespace.
#[derive(JsonSchema)]
pub struct LocalReference {
    /// Its group; empty for the core group.
    pub group: Group,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: ObjectName,
}

/// A server, as the Gateway API refers to one.
#[derive(JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
    "message": "Must have port for Service reference"
}]))]
pub struct ServerReference {
    /// Its group.
    #[schemars(extend("default" = ""))]
    pub group: Option<Group>,
    /// Its kind.
    #[schemars(extend("default" = "Service"))]
    pub kind: Option<Kind>,
    /// Its name.
    pub name: ObjectName,
    /// Its namespace.
    pub namespace: Option<Namespace>,
    /// Its port; a Service needs one.
    pub port: Option<PortNumber>,
    /// Whether it serves only when the others do not.
    pub fallback: Option<bool>,
    /// Its share of requests.
    #[schemars(range(min = 0, max = 1_000_000), extend("default" = 1))]
    pub weight: Option<i32>,
}
