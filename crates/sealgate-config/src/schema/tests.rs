use super::*;
use crate::kind::FOR_BROWSERS;

/// Every field that a reader names stands in the samples, so that the schema knows what is in it.
#[test]
fn the_samples_hold_every_field_that_is_read() {
    // What is accepted and not looked into, and what only some of the references show.
    const UNREAD: &[&str] = &[
        "status",
        "apiVersion",
        "kind",
        "ciphers",
        "ecdhCurves",
        "signatureAlgorithms",
        "alpnProtocols",
        "allowedListeners",
        "backendTLS",
        "defaultScope",
        "addresses",
        "infrastructure",
        "options",
        "immutable",
        "type",
        "zone",
        "appProtocols",
        "backendRef",
        "backendSettings",
        "includeRouteMetadata",
        "contextExtensions",
        "statusOnError",
        "credentialOverride",
        "promptSelector",
        "tokenExchange",
        "frontendValidation",
        "args",
        "env",
        "cwd",
        "command",
        "minVersion",
        "maxVersion",
        "sectionName",
        "namespace",
        "group",
        "apiKey",
        "azureAPIKey",
        "azureCredentials",
        "gcpCredentials",
        "anthropicAPIKey",
        "backendRefs",
        "gatewayClassName",
        "tls",
        "inline",
        "valueRef",
    ];
    fn walk(path: &str, place: &Place, missing: &mut Vec<String>) {
        for fact in &place.facts {
            let Fact::Fields(names) = fact else { continue };
            for name in names.iter().filter(|name| !place.below.contains_key(*name)) {
                if !UNREAD.contains(&name.as_str()) && !FOR_BROWSERS.contains(&name.as_str()) {
                    missing.push(format!("{path}.{name}"));
                }
            }
        }
        for (name, below) in &place.below {
            walk(&format!("{path}.{name}"), below, missing);
        }
    }
    let mut missing = Vec::new();
    for (kind, place) in learn() {
        walk(&kind, &place, &mut missing);
    }
    assert_eq!(missing, [] as [String; 0]);
}

#[test]
fn fields_lists_words_and_bounds_are_those_of_the_readers() {
    let schema = schema();
    let route = &schema["$defs"]["MCPRoute"]["properties"]["spec"];
    assert_eq!(route["required"], json!(["backendRefs", "parentRefs"]));
    assert_eq!(route["additionalProperties"], json!(false));
    assert_eq!(route["properties"]["backendRefs"]["maxItems"], json!(256));
    let reference = &route["properties"]["backendRefs"]["items"]["properties"];
    assert_eq!(reference["prefixMode"]["anyOf"][0], json!({ "enum": ["Always", "Never"] }));
    assert_eq!(reference["port"]["anyOf"][0]["maximum"], json!(65535));
    let servers = &schema["$defs"]["mcp.json"]["properties"]["mcpServers"];
    assert_eq!(servers["additionalProperties"]["required"], json!(["url"]));
}
