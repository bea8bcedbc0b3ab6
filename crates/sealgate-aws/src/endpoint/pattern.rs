//! Enters the labels of a host name, leaves the official pattern they match. A name that matches
//! none is not guessed at: a wrong service costs a remote 403 that explains nothing.

use super::host::{Family, plain, split};
use super::region::{is_region, partition};
use super::{Endpoint, Partition, Pattern, Signing};

/// Host labels that differ from the signing name of their service.
const SIGNING_NAMES: [(&str, &str); 9] = [
    ("appstream2", "appstream"),
    ("bedrock-agent", "bedrock"),
    ("bedrock-agent-runtime", "bedrock"),
    ("bedrock-agentcore-control", "bedrock-agentcore"),
    ("bedrock-data-automation", "bedrock"),
    ("bedrock-data-automation-runtime", "bedrock"),
    ("bedrock-runtime", "bedrock"),
    ("email", "ses"),
    ("portal.sso", "awsssoportal"),
];

/// Services with one endpoint for the whole commercial partition, signed for in `us-east-1`.
const GLOBAL: [&str; 6] = ["cloudfront", "iam", "organizations", "route53", "s3", "sts"];

/// Services that are open to all.
const PUBLIC: [&str; 1] = ["knowledge-mcp"];

/// What `host` tells; `None` when it matches no official pattern. Case, a trailing dot and a port
/// do not matter.
pub fn infer(host: &str) -> Option<Endpoint> {
    let host = plain(host);
    let (rest, family, suffix) = split(&host)?;
    let labels: Vec<&str> = rest.split('.').collect();
    if labels.iter().any(|label| label.is_empty()) {
        return None;
    }
    match family {
        Family::Classic => classic(&labels, suffix),
        Family::DualStack => dual_stack(&labels, suffix),
        Family::Hosted => hosted(&labels, suffix),
    }
}

fn classic(labels: &[&str], suffix: Partition) -> Option<Endpoint> {
    match labels {
        [before @ .., region, "vpce"] if is_region(region) => {
            // What follows the endpoint's own label is the public name of the service.
            let own = before.iter().position(|label| label.starts_with("vpce-"))?;
            let inner = regional(&before[own + 1..], region, suffix, Pattern::Regional)?;
            Some(Endpoint { pattern: Pattern::VpcEndpoint, ..inner })
        }
        [before @ .., region] if is_region(region) => {
            regional(before, region, suffix, Pattern::Regional)
        }
        [service] if suffix == Partition::Aws && GLOBAL.contains(service) => {
            Some(endpoint(service, Some("us-east-1"), suffix, Pattern::Global))
        }
        _ => None,
    }
}

fn dual_stack(labels: &[&str], suffix: Partition) -> Option<Endpoint> {
    match labels {
        [service, "global"] => {
            let signing = if PUBLIC.contains(service) { Signing::Never } else { Signing::Required };
            Some(Endpoint { signing, ..endpoint(service, None, suffix, Pattern::Public) })
        }
        [before @ .., region] if is_region(region) => {
            regional(before, region, suffix, Pattern::DualStack)
        }
        _ => None,
    }
}

fn hosted(labels: &[&str], suffix: Partition) -> Option<Endpoint> {
    match labels {
        [_, "lambda-url", region] if is_region(region) => {
            Some(endpoint("lambda", Some(region), suffix, Pattern::LambdaUrl))
        }
        [_, .., "vpc-lattice-svcs", region] if is_region(region) => {
            Some(endpoint("vpc-lattice-svcs", Some(region), suffix, Pattern::VpcLattice))
        }
        _ => None,
    }
}

/// The labels before the region.
fn regional(before: &[&str], region: &str, suffix: Partition, plain: Pattern) -> Option<Endpoint> {
    let found = |service: &str, pattern| Some(endpoint(service, Some(region), suffix, pattern));
    match before {
        ["gateway", "bedrock-agentcore"] | [_, "gateway", "bedrock-agentcore"] => {
            found("bedrock-agentcore", Pattern::AgentCoreGateway)
        }
        ["execute-api"] | [_, "execute-api"] => found("execute-api", Pattern::ExecuteApi),
        ["s3" | "s3-fips"] => found(before[0], plain),
        [.., "s3" | "s3-fips"] => found("s3", Pattern::S3),
        [part, "sagemaker"] => {
            let found = found("sagemaker", Pattern::SageMaker)?;
            Some(Endpoint { fips: part.ends_with("-fips"), ..found })
        }
        ["fips", service] => Some(Endpoint { fips: true, ..found(service, plain)? }),
        [service] => found(service, plain),
        [first, second] => {
            let joined = format!("{first}.{second}");
            let known = SIGNING_NAMES.iter().any(|(label, _)| *label == joined);
            known.then(|| endpoint(&joined, Some(region), suffix, plain))
        }
        _ => None,
    }
}

fn endpoint(label: &str, region: Option<&str>, suffix: Partition, pattern: Pattern) -> Endpoint {
    let (name, fips) = match label.strip_suffix("-fips") {
        Some(name) => (name, true),
        None => (label, false),
    };
    let service = SIGNING_NAMES
        .iter()
        .find_map(|(host, signing)| (*host == name).then_some(*signing))
        .unwrap_or(name);
    Endpoint {
        service: service.to_owned(),
        region: region.map(str::to_owned),
        partition: partition(suffix, region),
        pattern,
        fips,
        signing: Signing::Required,
    }
}
