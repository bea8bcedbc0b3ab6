//! The URL of an MCP server in, where to connect and what to ask for out.

use std::net::IpAddr;

use crate::resolved::{Address, Scheme};

/// A parsed `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    /// Lower case, without a trailing dot; IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As written; `/` when absent. No fragment.
    pub(crate) path_and_query: String,
    has_path: bool,
}

// === impl Url ===

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, never quoting more than its host.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("the URL has no scheme; start it with https://".to_owned());
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => {
                return Err(format!("URL scheme {other:?} is not supported; use https or http"));
            }
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("the URL holds a user name or password; send them as a header".to_owned());
        }
        let (host, port) = split_port(authority)?;
        if !is_host(&host) {
            return Err(format!("{host:?} is not a host name"));
        }
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the URL's path holds characters that must be percent-encoded".to_owned());
        }
        let path_and_query =
            if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let port = port.unwrap_or(scheme.default_port());
        Ok(Self { scheme, host, port, path_and_query, has_path: !target.is_empty() })
    }

    /// Host, and port unless it is the scheme's own.
    pub(crate) fn authority(&self) -> String {
        authority(self.scheme, &self.host, self.port)
    }

    /// Where to connect.
    pub(crate) fn address(&self) -> Address {
        address(&self.host, self.port)
    }

    /// Whether anything follows the host.
    pub(crate) fn has_path(&self) -> bool {
        self.has_path && self.path_and_query != "/"
    }
}

/// Host and port as they stand in a Host header.
pub(crate) fn authority(scheme: Scheme, host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == scheme.default_port() { host } else { format!("{host}:{port}") }
}

/// A name to look up, or the address that it spells.
pub(crate) fn address(host: &str, port: u16) -> Address {
    match host.parse::<IpAddr>() {
        Ok(ip) => Address::Ip((ip, port).into()),
        Err(_) => Address::Dns { host: host.to_owned(), port },
    }
}

/// The URL without user name, password, query and fragment, for people to see.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{}", &rest[end..])
        }
        None => url.rsplit('@').next().unwrap_or_default().to_owned(),
    }
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let Some((host, port)) = rest.split_once(']') else {
            return Err("the URL's IPv6 address has no closing bracket".to_owned());
        };
        (host, port.strip_prefix(':').or((!port.is_empty()).then_some("x")))
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => match port.parse() {
            Ok(port) if port != 0 => Some(port),
            _ => return Err(format!("{port:?} is not a port")),
        },
        None => None,
    };
    Ok((host, port))
}

/// Letters, digits, `-`, `_` and dots, or an IP address.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    host.parse::<IpAddr>().is_ok() || (host.len() <= 253 && host.split('.').all(label))
}

#[cfg(test)]
mod tests;
