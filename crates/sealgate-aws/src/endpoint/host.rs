//! Enters a host as people and resolvers write it, leaves it as the wire and the signature have it.

use std::borrow::Cow;

use super::Partition;

/// Which family of patterns a DNS suffix opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `amazonaws.com`
    Classic,
    /// `api.aws`
    DualStack,
    /// `on.aws`
    Hosted,
}

const SUFFIXES: [(&str, Family, Partition); 17] = [
    ("amazonaws.com", Family::Classic, Partition::Aws),
    ("api.aws", Family::DualStack, Partition::Aws),
    ("on.aws", Family::Hosted, Partition::Aws),
    ("amazonaws.com.cn", Family::Classic, Partition::China),
    ("api.amazonwebservices.com.cn", Family::DualStack, Partition::China),
    ("on.amazonwebservices.com.cn", Family::Hosted, Partition::China),
    ("amazonaws.eu", Family::Classic, Partition::EuropeanSovereign),
    ("api.amazonwebservices.eu", Family::DualStack, Partition::EuropeanSovereign),
    ("on.amazonwebservices.eu", Family::Hosted, Partition::EuropeanSovereign),
    ("c2s.ic.gov", Family::Classic, Partition::Isolated),
    ("sc2s.sgov.gov", Family::Classic, Partition::Isolated),
    ("cloud.adc-e.uk", Family::Classic, Partition::Isolated),
    ("csp.hci.ic.gov", Family::Classic, Partition::Isolated),
    ("api.aws.ic.gov", Family::DualStack, Partition::Isolated),
    ("api.aws.scloud", Family::DualStack, Partition::Isolated),
    ("api.cloud-aws.adc-e.uk", Family::DualStack, Partition::Isolated),
    ("api.aws.hci.ic.gov", Family::DualStack, Partition::Isolated),
];

/// Whether the name belongs to AWS by its DNS suffix.
pub fn is_aws_host(host: &str) -> bool {
    split(&plain(host)).is_some()
}

/// Whether `host` is this machine: the only one that plain text may carry credentials to.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The host to send and to sign for an `https` (or, with `secure` false, `http`) request to
/// `authority`: lower case, without a trailing dot, with its port unless that is the scheme's own.
pub fn signing_host(authority: &str, secure: bool) -> String {
    let (host, port) = split_port(authority);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    match port {
        None | Some("") => host,
        Some("443") if secure => host,
        Some("80") if !secure => host,
        Some(port) => format!("{host}:{port}"),
    }
}

/// Lower case, without port and trailing dot.
pub(super) fn plain(host: &str) -> Cow<'_, str> {
    let (host, _) = split_port(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// What stands before an AWS suffix, and what the suffix means. `None` when no AWS suffix ends the
/// name, or nothing stands before it.
pub(super) fn split(host: &str) -> Option<(&str, Family, Partition)> {
    SUFFIXES.iter().find_map(|&(suffix, family, partition)| {
        let rest = host.strip_suffix(suffix)?.strip_suffix('.')?;
        (!rest.is_empty() && rest.len() < 256).then_some((rest, family, partition))
    })
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // A colon inside of brackets belongs to an IPv6 address.
        Some((host, port))
            if !port.contains(']') && (!host.contains(':') || host.ends_with(']')) =>
        {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}
