//! One item of `backendRefs` in: which server, which of its tools, with which credentials.

use http::HeaderName;
use sealgate_aws::Secret;

use super::{bad_pattern, prefix_mode};
use crate::kind::{AwsCredentials, ObjectReference};
use crate::read::{Field, Object, Shape};
use crate::report::At;
use crate::resolved::{ForwardHeader, Pattern, PrefixMode, ToolSelector};

/// One MCP server behind a route.
pub(crate) struct BackendReference {
    pub(crate) reference: ObjectReference,
    pub(crate) port: Option<u16>,
    pub(crate) path: String,
    pub(crate) path_at: At,
    pub(crate) prefix: Option<PrefixMode>,
    pub(crate) tools: ToolSelector,
    pub(crate) tools_at: At,
    pub(crate) forward_headers: Vec<ForwardHeader>,
    pub(crate) security: Security,
}

/// The gateway's credentials for a backend.
#[expect(clippy::large_enum_variant, reason = "one for each backend reference")]
pub(crate) enum Security {
    None,
    ApiKey(ApiKey),
    Aws(AwsCredentials),
}

/// A fixed key.
pub(crate) struct ApiKey {
    pub(crate) at: At,
    pub(crate) value: KeyValue,
    pub(crate) place: KeyPlace,
    /// `injectionPolicy: Always`: replace what the client forwarded.
    pub(crate) always: bool,
}

/// Where a key comes from.
pub(crate) enum KeyValue {
    Inline(Secret),
    Secret(ObjectReference),
}

/// Where a key goes.
pub(crate) enum KeyPlace {
    /// The value gets `Bearer ` in front on exactly `Authorization`.
    Header {
        name: HeaderName,
        bearer: bool,
    },
    Query(String),
}

// === impl BackendReference ===

impl BackendReference {
    const FIELDS: [&'static str; 10] = [
        "group",
        "kind",
        "name",
        "namespace",
        "port",
        "path",
        "prefixMode",
        "toolSelector",
        "securityPolicy",
        "forwardHeaders",
    ];

    /// Reads one reference; its errors cost only itself.
    pub(super) fn read_alone(field: &Field<'_>) -> Option<Self> {
        let report = field.at.report();
        let before = report.errors();
        let read = Self::read(field);
        let failed = report.errors() != before;
        report.forgive(before);
        read.filter(|_| !failed)
    }

    fn read(field: &Field<'_>) -> Option<Self> {
        if let Some(prompts) = field.open_object()?.get("promptSelector") {
            prompts.at.error("not-supported-yet", "promptSelector is not supported yet");
        }
        let allowed = [&Self::FIELDS[..], &["promptSelector"]].concat();
        let object = field.object(&allowed)?;
        let text = |name, shape: &Shape, default: &str| match object.get(name) {
            Some(field) => field.text(shape),
            None => Some(default.to_owned()),
        };
        let (group, kind) =
            (text("group", &Shape::GROUP, ""), text("kind", &Shape::KIND, "Service"));
        let namespace = object.get("namespace").and_then(|it| it.text(&Shape::NAMESPACE));
        let port = object.get("port").and_then(|field| field.port());
        let path = text("path", &Shape::PATH, "/mcp");
        let path_at = object.get("path").map_or_else(|| field.at.clone(), |field| field.at);
        let prefix = object.get("prefixMode").and_then(|field| prefix_mode(&field));
        let tools = object.get("toolSelector");
        let tools_at = tools.as_ref().map_or_else(|| field.at.clone(), |field| field.at.clone());
        let tools = tools.and_then(|field| read_tools(&field)).unwrap_or_default();
        let forward_headers = read_forward_headers(&object);
        let security = match object.get("securityPolicy") {
            Some(policy) => Security::read(&policy),
            None => Some(Security::None),
        };
        let name = object.required("name")?;
        let (group, kind) = (group?, kind?);
        if group.is_empty() && kind == "Service" && !object.has("port") {
            object.broken("Must have port for Service reference");
        }
        let at = name.at.clone();
        let name = name.text(&Shape::OBJECT_NAME)?;
        if name.contains("__") || name.contains('+') {
            at.warning(
                "ambiguous-name",
                format!("backend name {name:?} holds a separator of tool names or resource URIs"),
            );
        }
        Some(Self {
            reference: ObjectReference { at, group, kind, name, namespace },
            port,
            path: path?,
            path_at,
            prefix,
            tools,
            tools_at,
            forward_headers,
            security: security?,
        })
    }
}

/// `toolSelector`; a selector that is there and empty is refused, as by the API server.
fn read_tools(field: &Field<'_>) -> Option<ToolSelector> {
    let object = field.object(&["include", "includeRegex", "exclude", "excludeRegex"])?;
    if object.has("include") && object.has("includeRegex") {
        object.broken("include and includeRegex are mutually exclusive");
    }
    if object.has("exclude") && object.has("excludeRegex") {
        object.broken("exclude and excludeRegex are mutually exclusive");
    }
    let names = |name| -> Vec<String> {
        object.get(name).map(|field| field.strings(32, &Shape::ANY)).unwrap_or_default()
    };
    let patterns = |name| -> Vec<Pattern> {
        let Some(field) = object.get(name) else { return Vec::new() };
        let compile = |item: &Field<'_>| {
            let text = item.string()?;
            Pattern::search(&text).map_err(|error| bad_pattern(&item.at, &text, &error)).ok()
        };
        field.list(0, 32).iter().filter_map(compile).collect()
    };
    if !["include", "includeRegex", "exclude", "excludeRegex"].iter().any(|name| object.has(name)) {
        object.broken(
            "at least one of include, includeRegex, exclude, or excludeRegex must be specified",
        );
    }
    Some(ToolSelector {
        include: names("include"),
        include_regex: patterns("includeRegex"),
        exclude: names("exclude"),
        exclude_regex: patterns("excludeRegex"),
    })
}

fn read_forward_headers(object: &Object<'_>) -> Vec<ForwardHeader> {
    let Some(list) = object.get("forwardHeaders") else { return Vec::new() };
    let mut headers = Vec::new();
    for item in list.list(0, 32) {
        let Some(object) = item.object(&["name", "backendHeader", "required"]) else { continue };
        if let Some(required) = object.get("required")
            && required.boolean() == Some(true)
        {
            required
                .at
                .error("not-supported-yet", "required forwarded headers are not supported yet");
        }
        let Some(client) = object.required("name").and_then(|name| name.header_name()) else {
            continue;
        };
        let backend = match object.get("backendHeader") {
            Some(name) => name.header_name(),
            None => Some(client.clone()),
        };
        headers.extend(backend.map(|backend| ForwardHeader { client, backend }));
    }
    headers
}

// === impl Security ===

impl Security {
    fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.object(&["apiKey", "awsCredentials", "tokenExchange"])?;
        if let Some(exchange) = object.get("tokenExchange") {
            exchange.at.error("not-supported-yet", "tokenExchange is not supported yet");
            return None;
        }
        match (object.get("apiKey"), object.get("awsCredentials")) {
            (Some(_), Some(_)) => {
                object.broken("only one of apiKey or awsCredentials can be set");
                None
            }
            (Some(key), None) => ApiKey::read(&key).map(Self::ApiKey),
            (None, Some(aws)) => AwsCredentials::of_route(&aws).map(Self::Aws),
            (None, None) => Some(Self::None),
        }
    }
}

// === impl ApiKey ===

impl ApiKey {
    fn read(field: &Field<'_>) -> Option<Self> {
        let allowed = ["secretRef", "inline", "header", "queryParam", "injectionPolicy"];
        let object = field.object(&allowed)?;
        // First of all, so that whatever else is wrong cannot show it.
        let inline = object.get("inline").map(|inline| inline.secret());
        if object.has("secretRef") == object.has("inline") {
            object.broken("exactly one of secretRef or inline must be set");
        }
        if object.has("header") && object.has("queryParam") {
            object.broken("only one of header or queryParam can be set");
        }
        let always = match object.get("injectionPolicy") {
            Some(policy) => policy.one_of(&["Always", "IfNotPresent"])? == "Always",
            None => true,
        };
        let place = if let Some(param) = object.get("queryParam") {
            KeyPlace::Query(param.text(&Shape::NON_EMPTY)?)
        } else if let Some(header) = object.get("header") {
            let bearer = header.string()? == "Authorization";
            KeyPlace::Header { name: header.header_name()?, bearer }
        } else {
            KeyPlace::Header { name: http::header::AUTHORIZATION, bearer: true }
        };
        let value = match inline {
            Some(inline) => KeyValue::Inline(Secret::new(inline?)),
            None => KeyValue::Secret(ObjectReference::secret(&object.get("secretRef")?)?),
        };
        Some(Self { at: field.at.clone(), value, place, always })
    }
}
