//! What a route asks of its callers: checked against the published schema here; the protections
//! that are in use are named, so that no route is served without one of them.

use crate::read::{Field, Object, Shape};
use crate::report::At;

/// Checks `spec.securityPolicy` and names the protections that it asks for.
pub(crate) fn read(field: &Field<'_>, protections: &mut Vec<(At, &'static str)>) {
    let parts = ["oauth", "apiKeyAuth", "extAuth", "authorization"];
    let Some(object) = field.object(&parts) else { return };
    if let Some(oauth) = object.get("oauth") {
        read_oauth(&oauth);
    }
    if let Some(keys) = object.get("apiKeyAuth") {
        read_api_keys(&keys);
    }
    if let Some(external) = object.get("extAuth") {
        read_external(&external);
    }
    if let Some(authorization) = object.get("authorization") {
        let wants_token = read_authorization(&authorization);
        if wants_token && !object.has("oauth") {
            object.broken("oauth must be configured when any authorization rule uses a jwt source");
        }
    }
    for name in parts {
        if let Some(part) = object.get(name) {
            protections.push((part.at, name));
        }
    }
}

/// Checks `spec.backendSelector`.
pub(crate) fn read_backend_selector(field: &Field<'_>) {
    let Some(object) = field.object(&["defaultAction", "rules"]) else { return };
    action(&object, "defaultAction");
    for rule in object.get("rules").map(|rules| rules.list(0, 32)).unwrap_or_default() {
        let Some(rule) = rule.object(&["cel", "action"]) else { continue };
        action(&rule, "action");
        text(&rule, "cel", &Shape::CEL);
    }
}

fn read_oauth(field: &Field<'_>) {
    let Some(object) = field.object(&[
        "issuer",
        "audiences",
        "jwks",
        "protectedResourceMetadata",
        "claimToHeaders",
        "authorizationServerMetadataUrl",
    ]) else {
        return;
    };
    required_text(&object, "issuer", &Shape::URI);
    text(&object, "authorizationServerMetadataUrl", &Shape::URI);
    strings(&object, "audiences", 32, &Shape::ANY);
    if let Some(jwks) = object.get("jwks") {
        read_jwks(&jwks);
    }
    for item in object.get("claimToHeaders").map(|list| list.list(0, 16)).unwrap_or_default() {
        let Some(item) = item.object(&["claim", "header"]) else { continue };
        required_text(&item, "claim", &Shape::ANY);
        required_text(&item, "header", &Shape::ANY);
    }
    let Some(metadata) = object.required("protectedResourceMetadata") else { return };
    let Some(metadata) = metadata.object(&[
        "resource",
        "resourceName",
        "scopesSupported",
        "resourceSigningAlgValuesSupported",
        "resourceDocumentation",
        "resourcePolicyUri",
    ]) else {
        return;
    };
    required_text(&metadata, "resource", &Shape::URI);
    text(&metadata, "resourceName", &Shape::length(0, 256));
    text(&metadata, "resourceDocumentation", &Shape::URI);
    text(&metadata, "resourcePolicyUri", &Shape::URI);
    strings(&metadata, "scopesSupported", 32, &Shape::ANY);
    if let Some(algorithms) = metadata.get("resourceSigningAlgValuesSupported") {
        algorithms.list(1, 16).iter().for_each(|item| drop(item.string()));
    }
}

fn read_jwks(field: &Field<'_>) {
    let Some(object) = field.object(&["remoteJWKS", "localJWKS"]) else { return };
    match (object.get("remoteJWKS"), object.get("localJWKS")) {
        (None, None) => object.broken("either remoteJWKS or localJWKS must be specified."),
        (Some(_), Some(_)) => {
            object.broken("remoteJWKS and localJWKS cannot both be specified.");
        }
        (Some(remote), None) => {
            let allowed = ["uri", "cacheDuration", "backendRef", "backendRefs", "backendSettings"];
            let Some(remote) = remote.object(&allowed) else { return };
            required_text(&remote, "uri", &Shape::length(1, 253));
            text(&remote, "cacheDuration", &Shape::DURATION);
            if let Some(list) = remote.get("backendRefs") {
                list.list(0, 16).iter().for_each(read_service);
            }
        }
        (None, Some(local)) => {
            let Some(local) = local.object(&["type", "inline", "valueRef"]) else { return };
            text(&local, "inline", &Shape::ANY);
            let kind = local.get("type").and_then(|kind| kind.one_of(&["Inline", "ValueRef"]));
            let (inline, value) = (local.has("inline"), local.has("valueRef"));
            let fits = match kind.unwrap_or("Inline") {
                "Inline" => inline && !value,
                _ => !inline && value,
            };
            if !fits {
                local.broken("Exactly one of inline or valueRef must be set with correct type.");
            }
        }
    }
}

/// A reference to whoever serves keys.
fn read_service(field: &Field<'_>) {
    let Some(object) = field.open_object() else { return };
    text(&object, "group", &Shape::GROUP);
    text(&object, "kind", &Shape::KIND);
    text(&object, "namespace", &Shape::NAMESPACE);
    required_text(&object, "name", &Shape::OBJECT_NAME);
    let port = object.get("port").map(|port| port.port());
    let is = |name, default: &str| {
        object.get(name).and_then(|field| field.string()).is_none_or(|text| text == default)
    };
    if port.is_none() && is("group", "") && is("kind", "Service") {
        object.broken("Must have port for Service reference");
    }
}

fn read_api_keys(field: &Field<'_>) {
    let allowed = ["credentialRefs", "extractFrom", "forwardClientIDHeader", "sanitize"];
    let Some(object) = field.object(&allowed) else { return };
    for item in object.required("credentialRefs").map(|l| l.list(0, 256)).unwrap_or_default() {
        super::ObjectReference::secret(&item);
    }
    for item in object.required("extractFrom").map(|l| l.list(0, 256)).unwrap_or_default() {
        let Some(item) = item.object(&["headers", "params", "cookies"]) else { continue };
        for name in ["headers", "params", "cookies"] {
            strings(&item, name, 256, &Shape::ANY);
        }
    }
    text(&object, "forwardClientIDHeader", &Shape::ANY);
    boolean(&object, "sanitize");
}

fn read_external(field: &Field<'_>) {
    let Some(object) = field.object(&[
        "grpc",
        "http",
        "headersToExtAuth",
        "bodyToExtAuth",
        "timeout",
        "failOpen",
        "recomputeRoute",
        "includeRouteMetadata",
        "contextExtensions",
        "statusOnError",
    ]) else {
        return;
    };
    match (object.get("grpc"), object.get("http")) {
        (None, None) => object.broken("one of grpc or http must be specified"),
        (Some(_), Some(_)) => object.broken("only one of grpc or http can be specified"),
        (Some(grpc), None) => drop(grpc.open_object()),
        (None, Some(http)) => drop(http.open_object()),
    }
    strings(&object, "headersToExtAuth", 256, &Shape::ANY);
    if let Some(body) = object.get("bodyToExtAuth")
        && let Some(body) = body.object(&["maxRequestBytes"])
        && let Some(bytes) = body.required("maxRequestBytes")
    {
        bytes.integer(1, u64::from(u32::MAX));
    }
    text(&object, "timeout", &Shape::DURATION);
    boolean(&object, "failOpen");
    boolean(&object, "recomputeRoute");
}

/// Whether some rule looks at a token.
fn read_authorization(field: &Field<'_>) -> bool {
    let Some(object) = field.object(&["defaultAction", "rules"]) else { return false };
    action(&object, "defaultAction");
    let mut wants_token = false;
    for rule in object.get("rules").map(|rules| rules.list(0, 32)).unwrap_or_default() {
        let Some(rule) = rule.object(&["source", "target", "cel", "action"]) else { continue };
        action(&rule, "action");
        text(&rule, "cel", &Shape::CEL);
        if let Some(source) = rule.get("source")
            && let Some(source) = source.object(&["jwt"])
            && let Some(token) = source.required("jwt")
        {
            wants_token = true;
            read_token(&token);
        }
        if let Some(target) = rule.get("target")
            && let Some(target) = target.object(&["tools"])
            && let Some(tools) = target.required("tools")
        {
            for tool in tools.list(1, 16) {
                let Some(tool) = tool.object(&["backend", "tool"]) else { continue };
                required_text(&tool, "backend", &Shape::ANY);
                required_text(&tool, "tool", &Shape::ANY);
            }
        }
    }
    wants_token
}

fn read_token(field: &Field<'_>) {
    let Some(object) = field.object(&["scopes", "claims"]) else { return };
    let scopes = object.get("scopes").map(|scopes| scopes.strings(16, &Shape::length(1, 253)));
    let claims = object.get("claims").map(|claims| (claims.list(0, 16), claims.at));
    if scopes.is_none_or(|it| it.is_empty()) && claims.as_ref().is_none_or(|(it, _)| it.is_empty())
    {
        object.broken("either scopes or claims must be specified");
    }
    let Some((claims, at)) = claims else { return };
    for claim in claims {
        let Some(claim) = claim.object(&["name", "valueType", "values"]) else { continue };
        if required_text(&claim, "name", &Shape::OBJECT_NAME).as_deref() == Some("scope") {
            at.invalid(
                "rule",
                "Invalid value: \"array\": 'scope' claim name is reserved for OAuth scopes",
            );
        }
        if let Some(kind) = claim.get("valueType") {
            kind.one_of(&["String", "StringArray"]);
        }
        if let Some(values) = claim.required("values") {
            values.list(1, 128).iter().for_each(|value| drop(value.string()));
        }
    }
}

fn action(object: &Object<'_>, name: &str) {
    if let Some(field) = object.get(name) {
        field.one_of(&["Allow", "Deny"]);
    }
}

fn boolean(object: &Object<'_>, name: &str) {
    if let Some(field) = object.get(name) {
        field.boolean();
    }
}

fn strings(object: &Object<'_>, name: &str, max: usize, shape: &Shape) {
    if let Some(field) = object.get(name) {
        field.strings(max, shape);
    }
}

fn text(object: &Object<'_>, name: &str, shape: &Shape) {
    if let Some(field) = object.get(name) {
        field.text(shape);
    }
}

fn required_text(object: &Object<'_>, name: &'static str, shape: &Shape) -> Option<String> {
    object.required(name)?.text(shape)
}
