//! Enters a host name, leaves what to sign for: service, region and partition, and which official
//! pattern said so.

use std::fmt;

mod host;
mod pattern;
mod region;

pub use host::{is_aws_host, is_loopback, signing_host};
pub use pattern::infer;
pub use region::is_region;

use crate::sign::Scope;

/// What a host name tells about an AWS endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The signing name of the service.
    pub service: String,
    /// The signing region, where the name holds one.
    pub region: Option<String>,
    /// The partition, from the DNS suffix and the region.
    pub partition: Partition,
    /// The pattern that the name matched.
    pub pattern: Pattern,
    /// Whether this is a FIPS 140 endpoint.
    pub fips: bool,
    /// Whether requests may be signed at all.
    pub signing: Signing,
}

/// A separate world of AWS accounts and endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Partition {
    /// `aws`: the commercial regions.
    Aws,
    /// `aws-cn`: China.
    China,
    /// `aws-eusc`: the European Sovereign Cloud.
    EuropeanSovereign,
    /// `aws-us-gov`: GovCloud.
    GovCloud,
    /// `aws-iso` and its sisters: the isolated regions.
    Isolated,
}

/// An official pattern of host names; `Display` shows it as AWS writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pattern {
    /// `{id}.gateway.bedrock-agentcore.{region}.amazonaws.com`
    AgentCoreGateway,
    /// `{service}.{region}.api.aws`
    DualStack,
    /// `{id}.execute-api.{region}.amazonaws.com`, also with `-vpce-…` in the id
    ExecuteApi,
    /// `{service}.amazonaws.com`
    Global,
    /// `{id}.lambda-url.{region}.on.aws`
    LambdaUrl,
    /// `{service}.global.api.aws`
    Public,
    /// `{service}.{region}.amazonaws.com`
    Regional,
    /// `{bucket}.s3.{region}.amazonaws.com`
    S3,
    /// `{part}.sagemaker.{region}.amazonaws.com`
    SageMaker,
    /// `vpce-{id}.{service}.{region}.vpce.amazonaws.com`
    VpcEndpoint,
    /// `{id}.vpc-lattice-svcs.{region}.on.aws`
    VpcLattice,
}

/// Whether an endpoint takes signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signing {
    /// The endpoint is open to all; credentials must not be spent on it.
    Never,
    /// Requests are signed.
    Required,
}

/// Why there is nothing to sign for. The caller words the refusal in terms of its own settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The endpoint takes no signatures, whatever is configured.
    #[error("{host} is open to all and must not be sent AWS credentials; remove them")]
    NeverSigned {
        /// The host asked about.
        host: String,
    },
    /// The service is known and the region is not.
    #[error("cannot infer the AWS region from host {host:?}; set the region explicitly")]
    RegionUnknown {
        /// The host asked about.
        host: String,
    },
    /// The host matches no official pattern.
    #[error("cannot infer the AWS service name from host {host:?}; set the service explicitly")]
    ServiceUnknown {
        /// The host asked about.
        host: String,
    },
}

/// What to sign for at `host`: explicit `service` and `region` win over what the name tells.
///
/// # Errors
/// When a part is neither given nor told by the name, or the endpoint is never signed for.
pub fn resolve(
    host: &str,
    service: Option<&str>,
    region: Option<&str>,
) -> Result<Scope, EndpointError> {
    let endpoint = infer(host);
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.signing == Signing::Never) {
        return Err(EndpointError::NeverSigned { host: host.to_owned() });
    }
    let (told_service, told_region) =
        endpoint.map(|endpoint| (Some(endpoint.service), endpoint.region)).unwrap_or_default();
    let service = service
        .map(str::to_owned)
        .or(told_service)
        .ok_or_else(|| EndpointError::ServiceUnknown { host: host.to_owned() })?;
    let region = region
        .map(str::to_owned)
        .or(told_region)
        .ok_or_else(|| EndpointError::RegionUnknown { host: host.to_owned() })?;
    Ok(Scope::new(region, service))
}

impl Partition {
    /// The name that stands in ARNs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::EuropeanSovereign => "aws-eusc",
            Self::GovCloud => "aws-us-gov",
            Self::Isolated => "aws-iso",
        }
    }
}

impl Pattern {
    /// The pattern as AWS writes it, in the commercial partition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AgentCoreGateway => "{id}.gateway.bedrock-agentcore.{region}.amazonaws.com",
            Self::DualStack => "{service}.{region}.api.aws",
            Self::ExecuteApi => "{id}.execute-api.{region}.amazonaws.com",
            Self::Global => "{service}.amazonaws.com",
            Self::LambdaUrl => "{id}.lambda-url.{region}.on.aws",
            Self::Public => "{service}.global.api.aws",
            Self::Regional => "{service}.{region}.amazonaws.com",
            Self::S3 => "{bucket}.s3.{region}.amazonaws.com",
            Self::SageMaker => "{part}.sagemaker.{region}.amazonaws.com",
            Self::VpcEndpoint => "vpce-{id}.{service}.{region}.vpce.amazonaws.com",
            Self::VpcLattice => "{id}.vpc-lattice-svcs.{region}.on.aws",
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
