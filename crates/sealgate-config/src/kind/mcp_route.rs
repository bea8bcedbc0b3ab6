//! MCPRoute in: one MCP endpoint and the backends behind it, checked against the published schema.

mod annotations;
mod backend_reference;

use http::HeaderName;

use super::{ENVOY_GATEWAY, GATEWAY_API, Metadata, route_security};
use crate::finding::Severity;
use crate::read::{Field, Object, Shape};
use crate::report::At;
use crate::resolved::{HeaderMatch, HeaderValueMatch, HostPattern, Pattern, PrefixMode};

pub(crate) use annotations::RouteAnnotations;
pub(crate) use backend_reference::{ApiKey, BackendReference, KeyPlace, KeyValue, Security};

/// A route as written.
pub(crate) struct McpRoute {
    pub(crate) at: At,
    pub(crate) parents: Vec<ParentReference>,
    pub(crate) path: String,
    pub(crate) path_at: At,
    pub(crate) headers: Vec<HeaderMatch>,
    pub(crate) hostnames: Vec<HostPattern>,
    pub(crate) prefix: PrefixMode,
    pub(crate) backends: Vec<BackendReference>,
    /// Protections that the author asks for.
    pub(crate) protections: Vec<(At, &'static str)>,
    pub(crate) annotations: RouteAnnotations,
}

/// The Gateway that serves a route.
pub(crate) struct ParentReference {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) section: Option<String>,
    pub(crate) port: Option<u16>,
}

// === impl McpRoute ===

impl McpRoute {
    const FIELDS: [&'static str; 8] = [
        "parentRefs",
        "path",
        "headers",
        "hostnames",
        "prefixMode",
        "backendRefs",
        "backendSelector",
        "securityPolicy",
    ];

    pub(crate) fn read(spec: &Field<'_>, metadata: &Metadata) -> Option<Self> {
        let object = spec.object(&Self::FIELDS)?;
        let parents = read_parents(&object);
        let (path, path_at) = match object.get("path") {
            Some(field) => (field.text(&Shape::PATH).unwrap_or_default(), field.at),
            None => ("/mcp".to_owned(), spec.at.clone()),
        };
        if !path.starts_with('/') || path.contains(['?', '#']) {
            let problem = "must start with '/' and hold neither query nor fragment";
            path_at.invalid("path", format!("Invalid value: {path:?}: {problem}"));
        }
        let headers = read_headers(&object);
        let hostnames = object.get("hostnames").map_or_else(Vec::new, |field| {
            field
                .strings(16, &Shape::HOSTNAME)
                .iter()
                .map(|name| HostPattern::parse(name))
                .collect()
        });
        let prefix = object.get("prefixMode").and_then(|field| prefix_mode(&field));
        let mut protections = Vec::new();
        if let Some(policy) = object.get("securityPolicy") {
            route_security::read(&policy, &mut protections);
        }
        if let Some(selector) = object.get("backendSelector") {
            route_security::read_backend_selector(&selector);
            protections.push((selector.at, "backendSelector"));
        }
        let list = object.required("backendRefs")?;
        let items = list.list(1, 256);
        unique_names(&list, &items);
        // A backend that is wrong takes down itself: its errors must not count for the route.
        let backends = items.iter().filter_map(BackendReference::read_alone).collect();
        Some(Self {
            at: spec.at.clone(),
            parents,
            path,
            path_at,
            headers,
            hostnames,
            prefix: prefix.unwrap_or_default(),
            backends,
            protections,
            annotations: RouteAnnotations::read(metadata),
        })
    }
}

/// `prefixMode`, on a route or a backend.
fn prefix_mode(field: &Field<'_>) -> Option<PrefixMode> {
    Some(match field.one_of(&["Always", "Never"])? {
        "Never" => PrefixMode::Never,
        _ => PrefixMode::Always,
    })
}

fn unique_names(list: &Field<'_>, items: &[Field<'_>]) {
    let name = |item: &Field<'_>| item.node().get("name")?.text().map(str::to_owned);
    let mut names: Vec<_> = items.iter().filter_map(name).collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!(
            "{}: Invalid value: \"array\": all backendRefs names must be unique",
            list.at.path()
        );
        let help = Some(format!("{:?} is there twice", twice[0]));
        list.at.say(Severity::Error, "rule", message, help);
    }
}

fn read_parents(spec: &Object<'_>) -> Vec<ParentReference> {
    let Some(list) = spec.required("parentRefs") else { return Vec::new() };
    let mut parents = Vec::new();
    let mut only_gateways = true;
    for item in list.list(1, 16) {
        let allowed = ["group", "kind", "name", "namespace", "sectionName", "port"];
        let Some(object) = item.object(&allowed) else { continue };
        let kind = object.get("kind").and_then(|kind| kind.text(&Shape::KIND));
        let group = object.get("group").and_then(|group| group.text(&Shape::GROUP));
        only_gateways &= kind.is_none_or(|kind| kind == "Gateway");
        if let Some(group) = group.filter(|group| group != GATEWAY_API) {
            item.at.warning("parent-group", format!("no Gateway belongs to group {group:?}"));
        }
        let text = |name, shape: &Shape| object.get(name).and_then(|field| field.text(shape));
        let Some(name) = object.required("name").and_then(|name| name.text(&Shape::OBJECT_NAME))
        else {
            continue;
        };
        parents.push(ParentReference {
            at: item.at.clone(),
            name,
            namespace: text("namespace", &Shape::NAMESPACE),
            section: text("sectionName", &Shape::SECTION),
            port: object.get("port").and_then(|port| port.port()),
        });
    }
    if !only_gateways {
        list.at.invalid("rule", "Invalid value: \"array\": only Gateway is supported");
    }
    parents
}

fn read_headers(spec: &Object<'_>) -> Vec<HeaderMatch> {
    let Some(list) = spec.get("headers") else { return Vec::new() };
    let mut headers: Vec<HeaderMatch> = Vec::new();
    let mut twice: Vec<HeaderName> = Vec::new();
    for item in list.list(0, 16) {
        let Some(object) = item.object(&["name", "type", "value"]) else { continue };
        let kind = object
            .get("type")
            .and_then(|field| field.one_of(&["Exact", "RegularExpression"]))
            .unwrap_or("Exact");
        let name = object.required("name").and_then(|field| field.text(&Shape::HEADER_NAME));
        let value = object.required("value");
        let (Some(name), Some(field)) = (name, value) else { continue };
        let Some(value) = field.text(&Shape::HEADER_VALUE) else { continue };
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        if headers.iter().any(|header| header.name == name) {
            // Once for each name, as the API server does.
            if !twice.contains(&name) {
                item.at.invalid("duplicate", format!("Duplicate value: {{\"name\":{name:?}}}"));
                twice.push(name);
            }
            continue;
        }
        let value = if kind == "Exact" {
            HeaderValueMatch::Exact(value)
        } else {
            match Pattern::whole(&value) {
                Ok(pattern) => HeaderValueMatch::Regex(pattern),
                Err(error) => {
                    bad_pattern(&field.at, &value, &error);
                    continue;
                }
            }
        };
        headers.push(HeaderMatch { name, value });
    }
    headers
}

/// Reports an expression that does not compile, with the engine's last line, which says why.
fn bad_pattern(at: &At, pattern: &str, error: &regex::Error) {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    at.invalid(
        "regex",
        format!("Invalid value: {pattern:?}: invalid regular expression: {reason}"),
    );
}

/// Whether a backend reference means a Backend.
pub(crate) fn is_backend(group: &str, kind: &str) -> bool {
    kind == "Backend" && (group == ENVOY_GATEWAY || group.is_empty())
}
