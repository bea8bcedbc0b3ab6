//! An `mcp.json` (`mcpServers`, as editors and assistants write it) in, its servers out.

use http::{HeaderName, HeaderValue};
use sealgate_aws::Secret;
use sealgate_aws::identity::AssumeRole;

use crate::finding::Severity;
use crate::memory::SERVER;
use crate::read::{Field, Object, Shape, duration, header_name, lists};
use crate::report::At;
use crate::resolved::ListSettings;
use crate::url::Url;

/// One mcp.json.
pub(crate) struct McpServers {
    pub(crate) at: At,
    pub(crate) servers: Vec<McpServer>,
}

/// One server that can be reached over HTTP.
pub(crate) struct McpServer {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, Secret)>,
    pub(crate) include_tools: Vec<String>,
    pub(crate) lists: ListSettings,
    pub(crate) aws: Option<AwsSettings>,
}

/// The extension `aws`: sign what goes to this server.
#[derive(Default)]
pub(crate) struct AwsSettings {
    pub(crate) region: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) assume_role: Option<AssumeRole>,
    pub(crate) signed_headers: Vec<HeaderName>,
    pub(crate) signing_host: Option<String>,
}

const FIELDS: [&str; 12] = [
    "type",
    "url",
    "headers",
    "includeTools",
    "command",
    "args",
    "env",
    "cwd",
    "disabled",
    "aws",
    "listCache",
    "listGrace",
];

/// Fields that hold no secret.
pub(crate) const SHOWN: &[&str] =
    &["type", "url", "includeTools", "command", "cwd", "disabled", "aws", "listCache", "listGrace"];

/// The place of `mcpServers`, and each server with its name.
pub(crate) fn open<'a>(
    document: &Field<'a>,
) -> Option<(At, impl Iterator<Item = (&'a str, Field<'a>)> + use<'a>)> {
    let at = document.at.of_resource("mcp.json");
    let root = Field::root(document.node(), &at).open_object()?;
    let field = root.required("mcpServers")?;
    let servers = field.open_object()?.into_fields().map(|(name, server)| {
        let label = format!("{SERVER}{name}");
        (name, server.of_resource(&label))
    });
    Some((field.at, servers))
}

/// Reads one server; its errors cost only itself.
pub(crate) fn read_alone(name: &str, field: &Field<'_>) -> Option<McpServer> {
    let report = field.at.report();
    let before = report.errors();
    let read = read_server(name, field);
    let failed = report.errors() != before;
    report.forgive(before);
    read.filter(|_| !failed)
}

fn read_server(name: &str, field: &Field<'_>) -> Option<McpServer> {
    let object = field.object(&FIELDS)?;
    if let Some(disabled) = object.get("disabled")
        && disabled.boolean()?
    {
        disabled.at.note("disabled", format!("server {name:?} is disabled"));
        return None;
    }
    if let Some(command) = object.get("command") {
        let message = format!("server {name:?} is left out: stdio servers are not supported yet");
        let help = "start it with an HTTP transport of its own and give its url".to_owned();
        command.at.say(Severity::Error, "stdio", message, Some(help));
        return None;
    }
    for useless in ["args", "env", "cwd"] {
        if let Some(field) = object.get(useless) {
            let message = format!("{useless} has no effect on a server with a url");
            field.at.warning("no-effect", message);
        }
    }
    if let Some(field) = object.get("type") {
        let kind = field.string()?;
        if !kind.is_empty() {
            // Which of the transports it is shows when it is asked.
            let names = ["http", "streamable-http", "streamable_http", "streamableHttp", "sse"];
            field.one_of(&names)?;
        }
    }
    let url_field = object.required("url")?;
    let text = url_field.string()?;
    let url = match Url::parse(&text) {
        Ok(url) => url,
        Err(problem) => {
            url_field.at.invalid("url", problem);
            return None;
        }
    };
    Some(McpServer {
        at: url_field.at,
        name: name.to_owned(),
        url,
        headers: read_headers(&object)?,
        include_tools: object
            .get("includeTools")
            .map(|field| field.strings(1024, &Shape::NON_EMPTY))
            .unwrap_or_default(),
        lists: read_lists(&object)?,
        aws: match object.get("aws") {
            Some(aws) => read_aws(&aws)?,
            None => None,
        },
    })
}

fn read_lists(object: &Object<'_>) -> Option<ListSettings> {
    let mut settings = ListSettings::default();
    if let Some(field) = object.get("listCache") {
        match lists::cache(&field.string()?) {
            Ok(cache) => settings.cache = cache,
            Err(problem) => field.at.invalid("list-cache", problem),
        }
    }
    if let Some(field) = object.get("listGrace") {
        let text = field.string()?;
        match duration(&text) {
            Some(grace) => settings.grace = grace,
            None => field.at.invalid("duration", lists::no_duration(&text)),
        }
    }
    Some(settings)
}

fn read_headers(object: &Object<'_>) -> Option<Vec<(HeaderName, Secret)>> {
    let Some(field) = object.get("headers") else { return Some(Vec::new()) };
    let mut headers: Vec<(HeaderName, Secret)> = Vec::new();
    for (name, value) in field.open_object()?.fields() {
        let text = value.secret()?;
        let name = match header_name(name) {
            Ok(name) => name,
            Err(problem) => {
                value.at.invalid("header-name", problem);
                continue;
            }
        };
        if HeaderValue::from_str(&text).is_err() {
            value.at.invalid("header-value", "the value holds characters that no header may hold");
            continue;
        }
        if headers.iter().any(|(existing, _)| *existing == name) {
            value.at.invalid("duplicate", "Duplicate value: the header is already set");
            continue;
        }
        headers.push((name, Secret::new(text)));
    }
    Some(headers)
}

/// `true`, `false` or the settings; the outer `None` means that something is wrong.
fn read_aws(field: &Field<'_>) -> Option<Option<AwsSettings>> {
    if !field.is_object() {
        return field.boolean().map(|wanted| wanted.then(AwsSettings::default));
    }
    let fields = ["region", "service", "profile", "assumeRole", "signedHeaders", "signingHost"];
    let before = field.at.report().errors();
    let object = field.exact_object(&fields)?;
    let text = |name, shape: &Shape| object.get(name).and_then(|field| field.text(shape));
    let assume_role = match object.get("assumeRole") {
        // A bare ARN is short for `{roleArn: …}`.
        Some(role) if !role.is_object() => Some(AssumeRole::new(crate::kind::role_arn(&role)?)),
        Some(role) => Some(crate::kind::assume_role(&role)?),
        None => None,
    };
    let settings = AwsSettings {
        region: text("region", &Shape::NON_EMPTY),
        service: text("service", &Shape::NON_EMPTY),
        profile: text("profile", &Shape::NON_EMPTY),
        assume_role,
        signed_headers: match object.get("signedHeaders") {
            Some(names) => crate::kind::signed_headers(&names)?,
            None => Vec::new(),
        },
        signing_host: text("signingHost", &Shape::PRECISE_HOSTNAME),
    };
    (field.at.report().errors() == before).then_some(Some(settings))
}
