//! What the sources hold in, what can be served out: references followed, conflicts found.

mod aws;
mod backend;
mod certificate;
mod key;
mod listener;
mod route;
mod server;
mod store;
mod target;
mod tls;

use crate::Options;
use crate::certificate::is_server_name;
use crate::finding::Severity;
use crate::kind::Resource;
use crate::load::Loaded;
use crate::report::At;
use crate::resolved::{Address, Resolved, Route, Scheme, Via};
use crate::url::Url;

use listener::Listeners;
use store::Store;

/// What every step of resolution looks at.
struct Context<'a> {
    store: Store<'a>,
    options: &'a Options,
    /// The hop of [`Options::via`].
    via: Option<Via>,
}

/// Resolves everything that was loaded; what is wrong goes to its report.
pub(crate) fn resolve(loaded: &Loaded, options: &Options) -> Resolved {
    let via = options.via.as_deref().and_then(|text| match parse_via(text) {
        Ok(via) => Some(via),
        Err(problem) => {
            loaded.report.anywhere(Severity::Error, "via", format!("--via: {problem}"));
            None
        }
    });
    if options.via.is_some() && via.is_none() {
        // Nothing may take another way than the one that was asked for.
        return Resolved { watched: loaded.watched.clone(), ..Resolved::default() };
    }
    let context = Context { store: Store::new(&loaded.resources), options, via };
    let mut listeners = Listeners::new(&context);
    if context.store.of_kind("Gateway").next().is_none() {
        // Even without a route: a reload may bring one.
        listeners.main();
    }
    let mut routes: Vec<(Route, At)> = Vec::new();
    for named in &loaded.resources {
        if let Some(Resource::McpRoute(route)) = &named.resource {
            let resolved = route::resolve(&context, &mut listeners, named, route);
            routes.extend(resolved.map(|resolved| (resolved, route.path_at.clone())));
        }
    }
    for servers in &loaded.servers {
        let resolved = server::resolve_servers(&context, &mut listeners, servers);
        routes.extend(resolved.map(|resolved| (resolved, servers.at.clone())));
    }
    for (url, at) in &loaded.urls {
        let resolved = server::resolve_url(&context, &mut listeners, url, at);
        routes.extend(resolved.map(|resolved| (resolved, at.clone())));
    }
    let routes = refuse_conflicts(routes);
    listeners.note_unused(&routes);
    Resolved { listeners: listeners.into_list(), routes, watched: loaded.watched.clone() }
}

/// Two routes that the same request would reach: the later one is left out.
fn refuse_conflicts(routes: Vec<(Route, At)>) -> Vec<Route> {
    let mut kept: Vec<(Route, At)> = Vec::new();
    for (route, at) in routes {
        let Some((first, first_at)) = kept.iter().find(|(other, _)| conflicts(other, &route))
        else {
            kept.push((route, at));
            continue;
        };
        let message = format!(
            "route {} is left out: it serves the same host, path {:?} and headers as route {}",
            route.name, route.path, first.name
        );
        let help = format!("the first one is at {}", first_at.named());
        at.say(Severity::Error, "route-conflict", message, Some(help));
    }
    kept.into_iter().map(|(route, _)| route).collect()
}

fn conflicts(one: &Route, two: &Route) -> bool {
    let same_host = match (one.hostnames.as_slice(), two.hostnames.as_slice()) {
        ([], []) => true,
        (one, two) => one.iter().any(|host| two.contains(host)),
    };
    let same_headers = one.headers.len() == two.headers.len()
        && one.headers.iter().all(|header| two.headers.contains(header));
    same_host
        && same_headers
        && one.path == two.path
        && one.listeners.iter().any(|listener| two.listeners.contains(listener))
}

/// Reads the URL of a hop.
fn parse_via(text: &str) -> Result<Via, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Via {
            scheme: Scheme::Http,
            address: Address::Unix(path.trim_start_matches("//").into()),
            authority: "localhost".to_owned(),
        });
    }
    let url = Url::parse(text)?;
    if url.scheme == Scheme::Https && !is_server_name(&url.host) {
        return Err(format!("{:?} cannot be a TLS server name", url.host));
    }
    if url.has_path() {
        return Err("a hop is scheme, host and port; it has no path".to_owned());
    }
    Ok(Via { scheme: url.scheme, address: url.address(), authority: url.authority() })
}
