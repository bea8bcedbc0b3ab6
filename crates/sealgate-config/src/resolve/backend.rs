//! One backend reference in, one backend out: where it is, how it is reached, what it is sent.

use http::{HeaderName, HeaderValue};

use super::store::{Referrer, invalid};
use super::tls::Tls;
use super::{Context, aws, key, parse_via, target};
use crate::finding::Severity;
use crate::kind::{
    AI_GATEWAY, BackendReference, ENVOY_GATEWAY, Endpoint, Resource, Security, Target, is_backend,
};
use crate::resolved::{
    self, Address, Backend, Credential, Deadlines, EraSetting, ListSettings, PrefixMode,
    QuestionSetting, Scheme, Via,
};
use crate::url::{address, authority};

/// A server before credentials and paths: what Backend and Service have in common.
pub(super) struct Server<'a> {
    pub(super) name: &'a str,
    pub(super) scheme: Scheme,
    pub(super) tls: Option<Tls>,
    /// Host name and port, one for each endpoint.
    pub(super) hosts: Vec<(Host, u16)>,
    pub(super) connect: Vec<Address>,
    pub(super) via: Option<Via>,
    pub(super) signing_host: Option<String>,
    pub(super) deadlines: Deadlines,
    pub(super) era: EraSetting,
    pub(super) questions: QuestionSetting,
    pub(super) lists: ListSettings,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) failover: bool,
}

/// What goes into the Host header.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A name that somebody gave.
    Named(String),
    /// The address itself, for want of a name.
    Address(String),
}

/// Resolves one reference of a route in `namespace`.
pub(super) fn resolve(
    context: &Context<'_>,
    namespace: &str,
    reference: &BackendReference,
    prefix: PrefixMode,
) -> Option<Backend> {
    let to = &reference.reference;
    let from = Referrer { group: AI_GATEWAY, kind: "MCPRoute", namespace };
    let own_namespace = to.namespace_in(namespace);
    let mut server = if is_backend(&to.group, &to.kind) {
        let permitted =
            crate::kind::ObjectReference { group: ENVOY_GATEWAY.to_owned(), ..to.clone() };
        if !context.store.permits(from, &permitted) {
            return None;
        }
        of_backend(context, own_namespace, reference)?
    } else if to.kind == "Service" && to.group.is_empty() {
        if !context.store.permits(from, to) {
            return None;
        }
        of_service(context, own_namespace, reference)?
    } else {
        let message =
            format!("backend kind {:?} of group {:?} is not supported", to.kind, to.group);
        let help = format!("use kind Backend of group {ENVOY_GATEWAY}");
        to.at.say(Severity::Error, "backend-kind", message, Some(help));
        return None;
    };
    let credential = match &reference.security {
        Security::ApiKey(key) => key::resolve(context, from, key)?,
        Security::Aws(aws) => aws::resolve(context, from, &mut server, aws)?,
        Security::None => aws::of_policy(context, own_namespace, to, &mut server)?,
    };
    let signed = matches!(credential, Credential::Aws { .. });
    let path_and_query = target::check(&reference.path, &reference.path_at, signed)?;
    server.into_backend(prefix, credential, path_and_query, reference)
}

fn of_backend<'a>(
    context: &Context<'_>,
    namespace: &str,
    reference: &'a BackendReference,
) -> Option<Server<'a>> {
    let to = &reference.reference;
    let Some(named) = context.store.find("Backend", namespace, &to.name) else {
        let message = format!(
            "failed to get backend {}: backends.{ENVOY_GATEWAY} \"{}\" not found",
            to.name, to.name
        );
        let help = context.store.missing("Backend", namespace, &to.name);
        to.at.say(Severity::Error, "unresolved-reference", message, help);
        return None;
    };
    let Some(Resource::Backend(backend)) = &named.resource else {
        invalid(&to.at, "Backend", namespace, &to.name);
        return None;
    };
    let annotations = &backend.annotations;
    let via = match &annotations.via {
        Some((text, _)) if text == "none" => None,
        Some((text, at)) => match parse_via(text) {
            Ok(via) => Some(via),
            Err(problem) => {
                at.invalid("via", problem);
                return None;
            }
        },
        None => context.via.clone(),
    };
    let tls = Tls::of_backend(context, namespace, reference, backend)?;
    let hosts: Vec<_> = backend.endpoints.iter().map(Endpoint::host).collect();
    if tls.is_none() && via.is_none() && hosts.iter().any(|(_, port)| *port == 443) {
        let message = format!("backend {} uses port 443 without TLS", to.name);
        let help = "add a BackendTLSPolicy that targets it, or spec.tls to the Backend";
        named.at.say(Severity::Warning, "plain-443", message, Some(help.to_owned()));
    }
    let defaults = context.options.default_deadlines;
    Some(Server {
        name: &to.name,
        scheme: if tls.is_some() { Scheme::Https } else { Scheme::Http },
        tls,
        hosts,
        connect: backend.endpoints.iter().map(Endpoint::address).collect(),
        via,
        signing_host: annotations.signing_host.clone(),
        deadlines: Deadlines {
            connect: annotations.connect.unwrap_or(defaults.connect),
            first_byte: annotations.first_byte.unwrap_or(defaults.first_byte),
            initialize: annotations.initialize.unwrap_or(defaults.initialize),
            list: annotations.list.unwrap_or(defaults.list),
            call: annotations.call.unwrap_or(defaults.call),
            // Who allows long calls allows silent ones, unless told otherwise.
            idle: annotations.idle.or(annotations.call).unwrap_or(defaults.idle),
        },
        era: annotations.era,
        questions: annotations.questions,
        lists: annotations.lists,
        headers: annotations.headers.clone(),
        failover: annotations.failover,
    })
}

fn of_service<'a>(
    context: &Context<'_>,
    namespace: &str,
    reference: &'a BackendReference,
) -> Option<Server<'a>> {
    let to = &reference.reference;
    if let Security::Aws(aws) = &reference.security {
        let message = format!(
            "AWS SigV4 signing requires a Backend reference, but backend {} has kind {}",
            to.name, to.kind
        );
        aws.at.error("aws-service-kind", message);
        return None;
    }
    let host = format!("{}.{namespace}.svc", to.name);
    let port = reference.port?;
    to.at.note("service-name", format!("kind Service connects to {host}:{port}"));
    let tls = Tls::of_service(context, namespace, reference)?;
    Some(Server {
        name: &to.name,
        scheme: if tls.is_some() { Scheme::Https } else { Scheme::Http },
        tls,
        connect: vec![address(&host, port)],
        hosts: vec![(Host::Named(host), port)],
        via: context.via.clone(),
        signing_host: None,
        deadlines: context.options.default_deadlines,
        era: EraSetting::Auto,
        questions: QuestionSetting::Refuse,
        lists: ListSettings::default(),
        headers: Vec::new(),
        failover: false,
    })
}

// === impl Server ===

impl Server<'_> {
    /// The Host header of each endpoint.
    pub(super) fn authorities(&self) -> Vec<String> {
        self.hosts.iter().map(|(host, port)| authority(self.scheme, host.as_str(), *port)).collect()
    }

    fn into_backend(
        self,
        prefix: PrefixMode,
        credential: Credential,
        path_and_query: String,
        reference: &BackendReference,
    ) -> Option<Backend> {
        let authorities = self.authorities();
        let (first, _) = self.hosts.first()?;
        let authority = authorities.first()?.clone();
        let at = &reference.reference.at;
        let tls_of = |host: &Host| match &self.tls {
            Some(tls) => tls.clone().named(host.as_str(), at).map(Some),
            None => Some(None),
        };
        let mut endpoints = Vec::new();
        if self.connect.len() > 1 {
            let places = authorities.into_iter().zip(&self.hosts).zip(&self.connect);
            for ((authority, (host, _)), connect) in places {
                let (connect, tls) = (connect.clone(), tls_of(host)?);
                endpoints.push(resolved::Endpoint { authority, connect, tls });
            }
        }
        let tls = tls_of(first)?;
        Some(Backend {
            name: self.name.to_owned(),
            prefix,
            scheme: self.scheme,
            authority,
            connect: self.connect,
            via: self.via,
            tls,
            path_and_query,
            credential,
            headers: self.headers,
            endpoints,
            failover: self.failover,
            tools: reference.tools.clone(),
            forward_headers: reference.forward_headers.clone(),
            deadlines: self.deadlines,
            era: self.era,
            questions: self.questions,
            lists: self.lists,
        })
    }
}

// === impl Host ===

impl Host {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Named(host) | Self::Address(host) => host,
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    fn host(&self) -> (Host, u16) {
        let (host, port) = match &self.target {
            Target::Fqdn { hostname, port } => (Host::Named(hostname.clone()), *port),
            Target::Ip { address, port } => (Host::Address(address.to_string()), *port),
            Target::Unix { .. } => (Host::Address("localhost".to_owned()), 80),
        };
        match &self.hostname {
            Some(hostname) => (Host::Named(hostname.clone()), port),
            None => (host, port),
        }
    }

    fn address(&self) -> Address {
        match &self.target {
            Target::Fqdn { hostname, port } => address(hostname, *port),
            Target::Ip { address, port } => Address::Ip((*address, *port).into()),
            Target::Unix { path } => Address::Unix(path.clone()),
        }
    }
}
