//! What can be served in, a text for people out; it never holds a secret.

use std::fmt::Write;

use http::HeaderName;

use crate::resolved::{Backend, Credential, PrefixMode, Resolved, Route, Scheme};

/// Describes every route: where it is served, and by which backends.
pub(crate) fn describe(resolved: &Resolved) -> String {
    let mut text = String::new();
    for route in &resolved.routes {
        // Writing to a String cannot fail.
        let _ = describe_route(&mut text, resolved, route);
    }
    if resolved.routes.is_empty() {
        text.push_str("nothing can be served\n");
    }
    text
}

fn describe_route(text: &mut String, resolved: &Resolved, route: &Route) -> std::fmt::Result {
    writeln!(text, "route {}", route.name)?;
    for listener in route.listeners.iter().filter_map(|index| resolved.listeners.get(*index)) {
        let scheme = if listener.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let (address, path) = (listener.address, &route.path);
        write!(text, "  serves {scheme}://{address}{path} (listener {}", listener.name)?;
        match &listener.hostname {
            Some(hostname) => writeln!(text, ", host {hostname})")?,
            None => writeln!(text, ")")?,
        }
    }
    for hostname in &route.hostnames {
        writeln!(text, "  when host is {hostname}")?;
    }
    for header in &route.headers {
        writeln!(text, "  when header {} matches", header.name)?;
    }
    route.backends.iter().try_for_each(|backend| describe_backend(text, backend))
}

fn describe_backend(text: &mut String, backend: &Backend) -> std::fmt::Result {
    let path = backend.path_and_query.split('?').next().unwrap_or_default();
    write!(text, "  backend {}: {}://{}{path}", backend.name, backend.scheme, backend.authority)?;
    if let Some(via) = &backend.via {
        write!(text, " via {}://{}", via.scheme, via.address)?;
    } else if backend.connect.iter().all(|address| address.to_string() != backend.authority)
        && backend.tls.is_none()
    {
        let addresses: Vec<_> = backend.connect.iter().map(ToString::to_string).collect();
        write!(text, " at {}", addresses.join(", "))?;
    }
    match &backend.credential {
        Credential::None => write!(text, ", no credential")?,
        Credential::ApiKey { header, .. } => write!(text, ", API key in header {header}")?,
        Credential::QueryKey { param, .. } => write!(text, ", API key in query {param}")?,
        Credential::Headers(headers) => {
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            write!(text, ", headers {}", names.join(", "))?;
        }
        Credential::Aws { identity, region, service, signed_headers, signing_host } => {
            write!(text, ", AWS SigV4 {service}/{region} ({identity})")?;
            if let Some(host) = signing_host {
                write!(text, " for host {host}")?;
            }
            if !signed_headers.is_empty() {
                let names: Vec<_> = signed_headers.iter().map(HeaderName::as_str).collect();
                write!(text, ", signing {} too", names.join(", "))?;
            }
        }
    }
    if backend.prefix == PrefixMode::Never {
        write!(text, ", bare names")?;
    }
    if !backend.tools.is_open() {
        write!(text, ", tools selected")?;
    }
    writeln!(text)
}
