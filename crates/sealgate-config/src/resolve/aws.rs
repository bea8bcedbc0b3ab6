//! `awsCredentials` in, what to sign with and for out.

use sealgate_aws::endpoint::{self, Signing, is_loopback};
use sealgate_aws::identity::{AssumeRole, OidcClient, Source, TextProblem, check_text};
use sealgate_aws::{IdentitySpec, Secret};

use super::Context;
use super::backend::{Host, Server};
use super::store::{Absent, Referrer, invalid};
use super::tls::Tls;
use crate::finding::Severity;
use crate::kind::{
    AI_GATEWAY, AwsCredentials, ClientName, CredentialsFile, ENVOY_GATEWAY, ObjectReference,
    OidcExchange, Resource,
};
use crate::report::At;
use crate::resolved::{Credential, Scheme};

/// Resolves the AWS credentials of one backend.
pub(super) fn resolve(
    context: &Context<'_>,
    from: Referrer<'_>,
    server: &mut Server<'_>,
    aws: &AwsCredentials,
) -> Option<Credential> {
    let signing_host = aws.signing_host.clone().or_else(|| server.signing_host.clone());
    check_transport(server, &aws.at)?;
    let service = services(server, signing_host.as_deref(), aws)?;
    let identity = identity(context, from, aws)?;
    Some(Credential::Aws {
        identity,
        region: aws.region.clone(),
        service,
        signed_headers: aws.signed_headers.clone(),
        signing_host,
    })
}

/// The credentials that a BackendSecurityPolicy gives to a Backend by targeting it. `None` when
/// something about it is wrong.
pub(super) fn of_policy(
    context: &Context<'_>,
    namespace: &str,
    to: &ObjectReference,
    server: &mut Server<'_>,
) -> Option<Credential> {
    for named in context.store.of_kind("BackendSecurityPolicy") {
        if named.metadata.namespace != namespace {
            continue;
        }
        let Some(Resource::BackendSecurityPolicy(policy)) = &named.resource else {
            if named.mentions.contains(&to.name) {
                invalid(&to.at, "BackendSecurityPolicy", namespace, &named.metadata.name);
                return None;
            }
            continue;
        };
        let hit = policy.targets.iter().any(|target| {
            target.name == to.name && target.kind == "Backend" && target.group == ENVOY_GATEWAY
        });
        if let (true, Some(aws)) = (hit, &policy.aws) {
            let from = Referrer { group: AI_GATEWAY, kind: named.kind, namespace };
            return resolve(context, from, server, aws);
        }
    }
    Some(Credential::None)
}

/// The service of every endpoint, each of which is signed for its own host unless `signing_host`
/// stands for all.
fn services(
    server: &Server<'_>,
    signing_host: Option<&str>,
    aws: &AwsCredentials,
) -> Option<String> {
    let mut hosts: Vec<&str> = signing_host.into_iter().collect();
    if hosts.is_empty() {
        for (host, _) in &server.hosts {
            match host {
                Host::Named(host) => hosts.push(host),
                Host::Address(ip) if is_loopback(ip) && aws.service.is_some() => hosts.push(ip),
                Host::Address(_) => {
                    let message = format!(
                        "backend {} has no FQDN/hostname endpoint, which is required for AWS \
                         SigV4 signing",
                        server.name
                    );
                    aws.at.error("aws-host", message);
                    return None;
                }
            }
        }
        hosts.dedup();
    }
    let mut services = Vec::new();
    for host in hosts {
        let service = aws.service.as_deref();
        services.push(scope(host, service, &aws.region, &aws.at, &aws.region_at)?);
    }
    services.dedup();
    if services.len() > 1 {
        let message = format!(
            "the endpoints of backend {} belong to different AWS services: {}",
            server.name,
            services.join(", ")
        );
        let help = "set securityPolicy.awsCredentials.service, or make each a Backend of its own";
        aws.at.say(Severity::Error, "aws-hosts", message, Some(help.to_owned()));
        return None;
    }
    services.pop()
}

/// A signature is worth stealing: it leaves only over TLS, to this machine, or to a hop that was
/// named on purpose.
fn check_transport(server: &mut Server<'_>, at: &At) -> Option<()> {
    if server.scheme == Scheme::Https {
        return Some(());
    }
    if server.via.is_some() {
        // The hop speaks TLS with AWS; AWS sees the host without its port.
        if server.hosts.iter().all(|(_, port)| *port == 443) {
            server.scheme = Scheme::Https;
            server.tls = Some(Tls::SYSTEM);
        }
        return Some(());
    }
    let local = |address: &crate::resolved::Address| match address {
        crate::resolved::Address::Dns { host, .. } => is_loopback(host),
        crate::resolved::Address::Ip(address) => address.ip().is_loopback(),
        crate::resolved::Address::Unix(_) => true,
    };
    if server.connect.iter().all(local) {
        return Some(());
    }
    let message = format!(
        "backend {} is left out: AWS credentials are not sent over plain http",
        server.name
    );
    let help = "add a BackendTLSPolicy that targets it, or spec.tls to the Backend";
    at.say(Severity::Error, "aws-plain-http", message, Some(help.to_owned()));
    None
}

/// A region becomes a part of the name of the STS that is asked, and must not make another of it.
pub(super) fn check_region(set: &str, at: &At) -> Option<()> {
    let is_label = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if set.split(',').all(|one| one == "*" || is_label(one)) {
        return Some(());
    }
    let help = "regions are named like us-east-1";
    let message = format!("{set:?} cannot be an AWS region");
    at.say(Severity::Error, "aws-region", message, Some(help.to_owned()));
    None
}

/// The service to sign for; contradictions between what is set and what the host says are named.
fn scope(
    host: &str,
    service: Option<&str>,
    region: &str,
    at: &At,
    region_at: &At,
) -> Option<String> {
    let told = endpoint::infer(host);
    if told.as_ref().is_some_and(|told| told.signing == Signing::Never) {
        let message = format!("{host} is open to all and must not be sent AWS credentials");
        at.say(Severity::Error, "aws-never-signed", message, Some("remove them".to_owned()));
        return None;
    }
    let set: Vec<&str> = region.split(',').collect();
    check_region(region, region_at)?;
    let covers = |other: &str| set.iter().any(|one| *one == other || *one == "*");
    if let Some(other) = told.as_ref().and_then(|told| told.region.as_deref())
        && !covers(other)
    {
        let message = format!(
            "region {region:?} contradicts host {host:?}, which is in {other:?}; signing for \
             {region:?}"
        );
        region_at.warning("aws-region-contradiction", message);
    } else if !set.iter().all(|one| *one == "*" || endpoint::is_region(one)) {
        region_at.warning("aws-region", format!("{region:?} does not look like an AWS region"));
    }
    let told = told.map(|told| told.service);
    match (service, told) {
        (Some(service), Some(told)) if service != told => {
            let message = format!(
                "service {service:?} contradicts host {host:?}, which is {told:?}; signing for \
                 {service:?}"
            );
            at.warning("aws-service-contradiction", message);
            Some(service.to_owned())
        }
        (Some(service), _) => Some(service.to_owned()),
        (None, Some(told)) => Some(told),
        (None, None) => {
            let message = format!(
                "cannot infer AWS SigV4 service name from host {host:?}; set \
                 securityPolicy.awsCredentials.service explicitly"
            );
            at.error("aws-service", message);
            None
        }
    }
}

fn identity(
    context: &Context<'_>,
    from: Referrer<'_>,
    aws: &AwsCredentials,
) -> Option<IdentitySpec> {
    let mut spec = match (&aws.file, &aws.oidc, &aws.identity) {
        (Some(file), ..) => IdentitySpec::new(credentials_text(context, from, file)?),
        (None, Some(oidc), _) => {
            let spec = IdentitySpec::new(token_exchange(context, from, oidc)?);
            IdentitySpec { sts_region: Some(aws.region.clone()), ..spec }
        }
        (None, None, Some(reference)) => shared_identity(context, from, reference)?,
        (None, None, None) => IdentitySpec::new(Source::DefaultChain),
    };
    if let Some(role) = &aws.assume_role {
        spec = with_role(spec, role, &aws.region);
    }
    Some(spec)
}

/// Adds a role, asked for at the STS of the region that is signed for.
pub(super) fn with_role(mut spec: IdentitySpec, role: &AssumeRole, region: &str) -> IdentitySpec {
    spec.sts_region.get_or_insert_with(|| region.to_owned());
    spec.with_role(role.clone())
}

/// The identity of a BackendSecurityPolicy.
fn shared_identity(
    context: &Context<'_>,
    from: Referrer<'_>,
    reference: &ObjectReference,
) -> Option<IdentitySpec> {
    if !context.store.permits(from, reference) {
        return None;
    }
    let (kind, name) = ("BackendSecurityPolicy", &reference.name);
    let namespace = reference.namespace_in(from.namespace);
    let Some(named) = context.store.find(kind, namespace, name) else {
        let message = format!("{kind} {namespace}/{name} not found");
        let help = context.store.missing(kind, namespace, name);
        reference.at.say(Severity::Error, "unresolved-reference", message, help);
        return None;
    };
    let Some(Resource::BackendSecurityPolicy(policy)) = &named.resource else {
        invalid(&reference.at, kind, namespace, name);
        return None;
    };
    let Some(aws) = &policy.aws else {
        let message = format!("{kind} {namespace}/{name} is not of type AWSCredentials");
        reference.at.error("identity-type", message);
        return None;
    };
    identity(context, Referrer { group: AI_GATEWAY, kind, namespace }, aws)
}

fn token_exchange(
    context: &Context<'_>,
    from: Referrer<'_>,
    oidc: &OidcExchange,
) -> Option<Source> {
    let value = |reference, key| context.store.value_or_report(from, reference, key);
    let client_id = match &oidc.client {
        ClientName::Inline(name) => Some(name.clone()),
        ClientName::Secret(reference) => {
            value(reference, "client-id").map(|name| name.expose().trim().to_owned())
        }
    };
    let client_secret = value(&oidc.secret, "client-secret");
    Some(Source::Oidc {
        client: OidcClient {
            issuer: oidc.issuer.clone(),
            token_endpoint: oidc.token_endpoint.clone(),
            client_id: client_id?,
            client_secret: client_secret?,
            scopes: oidc.scopes.clone(),
            audience: oidc.audience.clone(),
            resources: oidc.resources.clone(),
        },
        role: AssumeRole::new(oidc.role_arn.as_str()),
    })
}

fn credentials_text(
    context: &Context<'_>,
    from: Referrer<'_>,
    file: &CredentialsFile,
) -> Option<Source> {
    let reference = &file.secret;
    let (namespace, name) = (reference.namespace_in(from.namespace), &reference.name);
    let message = match context.store.value(from, reference, "credentials") {
        Ok(text) => match profile_problem(&text, &file.profile) {
            None => {
                let profile = file.profile.clone();
                let origin = format!("Secret {namespace}/{name}");
                return Some(Source::CredentialsText { origin, text, profile });
            }
            Some(problem) => {
                context.store.blame(from, reference, "credentials", "aws-credentials", &problem);
                return None;
            }
        },
        Err(Absent::Reported) => return None,
        Err(Absent::NotFound) => format!(
            "failed to get AWS credentials secret {namespace}/{name}: secrets {name:?} not found"
        ),
        Err(Absent::NoKey) => {
            format!("secret {namespace}/{name} does not contain key 'credentials' key")
        }
    };
    let help = context.store.missing("Secret", namespace, name);
    reference.at.say(Severity::Error, "aws-credentials", message, help);
    None
}

/// What is wrong with a profile of a shared-credentials file, without quoting any of it.
fn profile_problem(text: &Secret, profile: &str) -> Option<String> {
    let problem = check_text(text, profile).err()?;
    Some(match &problem {
        TextProblem::NoProfile { profile: missing, .. } if missing == profile => {
            format!("cannot load shared config profile {profile:?}: not found")
        }
        TextProblem::NoKeys { profile: bare, .. } if bare == profile => {
            format!("shared config profile {profile:?} does not contain any credentials")
        }
        _ => problem.to_string(),
    })
}
