//! Annotations: an input schema → its `x-mcp-header` annotations, or why they make the tool unfit.

use serde_json::Value;
use serde_json::value::RawValue;

use super::{ParamHeader, ParamKind};

const ANNOTATION: &str = "x-mcp-header";

/// A schema whose annotations are not valid: a gateway must leave the tool out of its lists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    /// The schema is no JSON, or nests too deep.
    #[error("the input schema cannot be read: {0}")]
    NotJson(String),
    /// The annotation is no string, empty, or no token of RFC 9110.
    #[error("`x-mcp-header` of `{path}` is not a header name")]
    NotAName {
        /// The keys to the property, joined by dots.
        path: String,
    },
    /// Two properties share a header, upper and lower case alike.
    #[error("`x-mcp-header` of `{path}` names a header that another property has")]
    Twice {
        /// The keys to the property, joined by dots.
        path: String,
    },
    /// The property is not of type string, integer or boolean.
    #[error("`x-mcp-header` of `{path}` stands on a type other than string, integer, boolean")]
    Type {
        /// The keys to the property, joined by dots.
        path: String,
    },
    /// The annotation stands where no plain property is: in `items`, `oneOf`, `$defs`, the root.
    #[error("`x-mcp-header` stands in `{path}`, which is not reached through `properties` alone")]
    Place {
        /// The keys to the place, joined by dots.
        path: String,
    },
}

/// Reads the annotations of a tool's `inputSchema`; most have none.
///
/// # Errors
/// [`SchemaFault`]: the tool must not be offered, and an operator should be told why.
pub fn read(schema: &RawValue) -> Result<Vec<ParamHeader>, SchemaFault> {
    let text = schema.get();
    if !text.contains(ANNOTATION) && !text.contains("\\u") {
        return Ok(Vec::new());
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| SchemaFault::NotJson(error.to_string()))?;
    let mut headers = Vec::new();
    walk(&schema, &mut Vec::new(), true, &mut headers)?;
    Ok(headers)
}

/// Walks one schema. `is_reached` tells whether only `properties` led here from the root.
fn walk(
    schema: &Value,
    path: &mut Vec<String>,
    is_reached: bool,
    headers: &mut Vec<ParamHeader>,
) -> Result<(), SchemaFault> {
    let Value::Object(members) = schema else { return Ok(()) };
    if let Some(annotation) = members.get(ANNOTATION) {
        if !is_reached || path.is_empty() {
            return Err(SchemaFault::Place { path: path.join(".") });
        }
        headers.push(header(annotation, members.get("type"), path, headers)?);
    }
    for (key, value) in members {
        // What stands in these is data, not a schema.
        if matches!(key.as_str(), "default" | "const" | "enum" | "examples") {
            continue;
        }
        match value {
            Value::Object(named) if key == "properties" => {
                for (name, property) in named {
                    path.push(name.clone());
                    walk(property, path, is_reached, headers)?;
                    path.pop();
                }
            }
            Value::Object(named) if names_schemas(key) => {
                for (name, inner) in named {
                    path.extend([key.clone(), name.clone()]);
                    walk(inner, path, false, headers)?;
                    path.truncate(path.len() - 2);
                }
            }
            Value::Object(_) => {
                path.push(key.clone());
                walk(value, path, false, headers)?;
                path.pop();
            }
            Value::Array(inner) => {
                path.push(key.clone());
                for schema in inner {
                    walk(schema, path, false, headers)?;
                }
                path.pop();
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the members of this keyword's object are schemas under names of their own.
fn names_schemas(keyword: &str) -> bool {
    matches!(keyword, "patternProperties" | "$defs" | "definitions" | "dependentSchemas")
}

fn header(
    annotation: &Value,
    kind: Option<&Value>,
    path: &[String],
    headers: &[ParamHeader],
) -> Result<ParamHeader, SchemaFault> {
    let joined = || path.join(".");
    let name = annotation.as_str().filter(|name| is_token(name));
    let header = ParamHeader::name(name.ok_or_else(|| SchemaFault::NotAName { path: joined() })?);
    if headers.iter().any(|other| other.header == header) {
        return Err(SchemaFault::Twice { path: joined() });
    }
    let kind = match kind.and_then(Value::as_str) {
        Some("string") => ParamKind::Text,
        Some("integer") => ParamKind::Integer,
        Some("boolean") => ParamKind::Flag,
        _ => return Err(SchemaFault::Type { path: joined() }),
    };
    Ok(ParamHeader { header, path: path.to_vec(), kind })
}

/// A token of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_letter)
}
