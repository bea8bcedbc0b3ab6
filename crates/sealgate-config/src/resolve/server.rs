//! The servers of an mcp.json, or one URL, in; the route that serves them out.

use sealgate_aws::IdentitySpec;
use sealgate_aws::endpoint::{self, Signing, is_loopback};
use sealgate_aws::identity::Source;

use super::aws::{check_region, with_role};
use super::listener::Listeners;
use super::tls::Tls;
use super::{Context, target};
use crate::finding::Severity;
use crate::mcp_json::{AwsSettings, McpServer, McpServers};
use crate::report::At;
use crate::resolved::{
    Address, Backend, Credential, EraSetting, ListSettings, PrefixMode, QuestionSetting, Route,
    Scheme, ToolSelector, UriMode,
};
use crate::url::Url;

/// One route at `/mcp` with all servers.
pub(super) fn resolve_servers(
    context: &Context<'_>,
    listeners: &mut Listeners<'_>,
    servers: &McpServers,
) -> Option<Route> {
    let backends: Vec<_> =
        servers.servers.iter().filter_map(|server| of_server(context, server)).collect();
    if backends.is_empty() {
        servers.at.error("route-left-out", "none of the mcpServers can be served");
        return None;
    }
    route(context, listeners, "mcp.json", backends)
}

/// One route at `/mcp` with one server, whose names stay bare.
pub(super) fn resolve_url(
    context: &Context<'_>,
    listeners: &mut Listeners<'_>,
    text: &str,
    at: &At,
) -> Option<Route> {
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(problem) => {
            at.error("url", problem);
            return None;
        }
    };
    let signed = endpoint::infer(&url.host).filter(|told| told.signing == Signing::Required);
    let credential = match signed {
        Some(told) => {
            let settings = AwsSettings { region: told.region, ..AwsSettings::default() };
            sign(context, &url, &settings, at)?
        }
        None => Credential::None,
    };
    let name = backend_name(&url.host);
    let mut backend = backend(context, &url, name, credential, at)?;
    backend.prefix = PrefixMode::Never;
    route(context, listeners, "url", vec![backend])
}

fn route(
    context: &Context<'_>,
    listeners: &mut Listeners<'_>,
    name: &str,
    backends: Vec<Backend>,
) -> Option<Route> {
    Some(Route {
        name: format!("default/{name}"),
        listeners: vec![listeners.main()?],
        path: "/mcp".to_owned(),
        hostnames: Vec::new(),
        headers: Vec::new(),
        backends,
        session_ttl: context.options.session_ttl,
        legacy_sse: context.options.legacy_sse,
        uris: UriMode::Keep,
    })
}

fn of_server(context: &Context<'_>, server: &McpServer) -> Option<Backend> {
    let at = &server.at;
    if server.name.is_empty() || server.name.len() > 253 || server.name.contains(char::is_control) {
        at.error("server-name", "a server needs a name of 1 to 253 characters");
        return None;
    }
    if server.name.contains("__") || server.name.contains('+') {
        let message = format!(
            "backend name {:?} holds a separator of tool names or resource URIs",
            server.name
        );
        at.warning("ambiguous-name", message);
    }
    let credential = match (&server.aws, server.headers.is_empty()) {
        (Some(_), false) => {
            let message =
                format!("server {:?} is left out: aws and headers exclude each other", server.name);
            at.error("two-credentials", message);
            return None;
        }
        (Some(settings), true) => sign(context, &server.url, settings, at)?,
        (None, false) => Credential::Headers(server.headers.clone()),
        (None, true) => Credential::None,
    };
    let mut backend = backend(context, &server.url, server.name.clone(), credential, at)?;
    backend.tools =
        ToolSelector { include: server.include_tools.clone(), ..ToolSelector::default() };
    backend.lists = server.lists;
    Some(backend)
}

fn backend(
    context: &Context<'_>,
    url: &Url,
    name: String,
    credential: Credential,
    at: &At,
) -> Option<Backend> {
    let signed = matches!(credential, Credential::Aws { .. });
    let tls = match url.scheme {
        Scheme::Https => Some(Tls::SYSTEM.named(&url.host, at)?),
        Scheme::Http => None,
    };
    Some(Backend {
        name,
        prefix: PrefixMode::Always,
        scheme: url.scheme,
        authority: url.authority(),
        connect: vec![url.address()],
        via: context.via.clone(),
        tls,
        path_and_query: target::check(&url.path_and_query, at, signed)?,
        credential,
        headers: Vec::new(),
        endpoints: Vec::new(),
        failover: false,
        tools: ToolSelector::default(),
        forward_headers: Vec::new(),
        deadlines: context.options.default_deadlines,
        era: EraSetting::Auto,
        questions: QuestionSetting::Refuse,
        lists: ListSettings::default(),
    })
}

/// What signing this URL takes; region and service come from the host unless set.
fn sign(context: &Context<'_>, url: &Url, settings: &AwsSettings, at: &At) -> Option<Credential> {
    let local = match url.address() {
        Address::Dns { host, .. } => is_loopback(&host),
        Address::Ip(address) => address.ip().is_loopback(),
        Address::Unix(_) => true,
    };
    if url.scheme == Scheme::Http && !local && context.via.is_none() {
        let message = format!("AWS credentials are not sent to {} over plain http", url.host);
        at.say(Severity::Error, "aws-plain-http", message, Some("use https://".to_owned()));
        return None;
    }
    let host = settings.signing_host.as_deref().unwrap_or(&url.host);
    let region = settings.region.clone().or_else(|| (context.options.environment)("AWS_REGION"));
    let told = endpoint::infer(host);
    if let (Some(set), Some(other)) =
        (&settings.region, told.as_ref().and_then(|told| told.region.as_ref()))
        && !set.split(',').any(|one| one == other || one == "*")
    {
        let message = format!(
            "region {set:?} contradicts host {host:?}, which is in {other:?}; signing for {set:?}"
        );
        at.warning("aws-region-contradiction", message);
    }
    let told_region = told.and_then(|told| told.region);
    let region = settings.region.clone().or(told_region).or(region);
    let scope = match endpoint::resolve(host, settings.service.as_deref(), region.as_deref()) {
        Ok(scope) => scope,
        Err(error) => {
            let help = "set \"aws\": {\"region\": …, \"service\": …} in an mcp.json";
            at.say(Severity::Error, "aws-scope", error.to_string(), Some(help.to_owned()));
            return None;
        }
    };
    check_region(&scope.region, at)?;
    let source = match &settings.profile {
        Some(profile) => Source::Profile(profile.clone()),
        None => Source::DefaultChain,
    };
    let identity = IdentitySpec::new(source);
    let identity = match &settings.assume_role {
        Some(role) => with_role(identity, role, &scope.region),
        None => identity,
    };
    Some(Credential::Aws {
        identity,
        region: scope.region.to_string(),
        service: scope.service.to_string(),
        signed_headers: settings.signed_headers.clone(),
        signing_host: settings.signing_host.clone(),
    })
}

/// The host's first label that says something, as a name that no separator is part of.
fn backend_name(host: &str) -> String {
    // An address says nothing by its first number alone.
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let label = if is_address { host } else { host.split('.').next().unwrap_or_default() };
    let name: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    if name.trim_matches('-').is_empty() { "server".to_owned() } else { name }
}
