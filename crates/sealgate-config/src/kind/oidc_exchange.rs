//! `oidcExchangeToken` in: the provider whose token is exchanged for the credentials of a role.

use sealgate_aws::identity::check_url;

use super::ObjectReference;
use crate::finding::Severity;
use crate::read::{Field, Object, Shape};

/// A client of an OpenID Connect provider, and the role that its tokens open.
#[derive(Clone)]
pub(crate) struct OidcExchange {
    pub(crate) issuer: String,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) client: ClientName,
    /// Key `client-secret`.
    pub(crate) secret: ObjectReference,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) role_arn: String,
}

/// Who the client is.
#[derive(Clone)]
pub(crate) enum ClientName {
    Inline(String),
    /// Key `client-id`.
    Secret(ObjectReference),
}

/// What the published schema has for people who log in with a browser.
pub(crate) const FOR_BROWSERS: [&str; 14] = [
    "cookieConfig",
    "cookieDomain",
    "cookieNames",
    "csrfTokenTTL",
    "defaultRefreshTokenTTL",
    "defaultTokenTTL",
    "denyRedirect",
    "disableTokenEncryption",
    "forwardAccessToken",
    "forwardIDToken",
    "logoutPath",
    "passThroughAuthHeader",
    "redirectURL",
    "refreshToken",
];

// === impl OidcExchange ===

impl OidcExchange {
    pub(crate) fn read(field: &Field<'_>) -> Option<Self> {
        let before = field.at.report().errors();
        let object = field.exact_object(&["oidc", "grantType", "aud", "awsRoleArn"])?;
        if let Some(grant) = object.get("grantType") {
            let text = grant.string()?;
            if !matches!(text.as_str(), "" | "client_credentials") {
                let message = format!("grantType {text:?} is not supported");
                let help = "client_credentials is what a gateway without a user can do".to_owned();
                grant.at.say(Severity::Error, "oidc-grant", message, Some(help));
            }
        }
        let audience = object.get("aud").and_then(|aud| aud.string());
        let role = object.required("awsRoleArn");
        let role_arn = role.and_then(|role| {
            let text = role.text(&Shape::NON_EMPTY)?;
            super::aws_credentials::check_role(&role, &text);
            Some(text)
        });
        let oidc = object.required("oidc")?;
        let mut fields =
            vec!["provider", "clientID", "clientIDRef", "clientSecret", "scopes", "resources"];
        fields.extend(FOR_BROWSERS);
        let oidc = oidc.object(&fields)?;
        for name in FOR_BROWSERS {
            if let Some(field) = oidc.get(name) {
                field.at.note("no-effect", format!("{name} has no effect: nobody logs in here"));
            }
        }
        let provider = oidc.required("provider").and_then(|provider| read_provider(&provider));
        let secret = oidc.required("clientSecret").and_then(|it| ObjectReference::secret(&it));
        let client = read_client(&oidc);
        let strings = |name: &str| {
            oidc.get(name).map(|it| it.strings(usize::MAX, &Shape::ANY)).unwrap_or_default()
        };
        let (scopes, resources) = (strings("scopes"), strings("resources"));
        let (issuer, token_endpoint) = provider?;
        let read = Self {
            issuer,
            token_endpoint,
            client: client?,
            secret: secret?,
            scopes,
            resources,
            audience: audience.filter(|audience| !audience.is_empty()),
            role_arn: role_arn?,
        };
        (field.at.report().errors() == before).then_some(read)
    }
}

fn read_client(oidc: &Object<'_>) -> Option<ClientName> {
    match (oidc.get("clientID"), oidc.get("clientIDRef")) {
        (Some(client), None) => client.text(&Shape::NON_EMPTY).map(ClientName::Inline),
        (None, Some(reference)) => ObjectReference::secret(&reference).map(ClientName::Secret),
        _ => {
            oidc.broken("only one of clientID or clientIDRef must be set");
            None
        }
    }
}

fn read_provider(field: &Field<'_>) -> Option<(String, Option<String>)> {
    const ROUTING: [&str; 3] = ["backendRef", "backendRefs", "backendSettings"];
    let mut fields = vec!["issuer", "authorizationEndpoint", "tokenEndpoint", "endSessionEndpoint"];
    fields.extend(ROUTING);
    let object = field.object(&fields)?;
    for name in ROUTING {
        if let Some(field) = object.get(name) {
            let message = format!("{name} is not enforced: the provider is asked at its URL");
            field.at.warning("not-enforced", message);
        }
    }
    for name in ["authorizationEndpoint", "endSessionEndpoint"] {
        if let Some(field) = object.get(name) {
            // Means something for browsers only; what is no text is an error all the same.
            field.string()?;
        }
    }
    let url = |field: Field<'_>, shape: &Shape| {
        let text = field.text(shape)?;
        if let Err(problem) = check_url(&text) {
            let message = format!("{}: {text:?} {problem}", field.at.path());
            field.at.error("oidc-url", message);
        }
        Some(text)
    };
    let token_endpoint = object.get("tokenEndpoint").map(|field| url(field, &Shape::ANY));
    let issuer = url(object.required("issuer")?, &Shape::NON_EMPTY)?;
    match token_endpoint {
        Some(endpoint) => Some((issuer, Some(endpoint?))),
        None => Some((issuer, None)),
    }
}
