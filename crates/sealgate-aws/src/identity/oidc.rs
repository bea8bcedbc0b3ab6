//! Enters a client of an OpenID Connect provider, leaves a token that the provider issued to it:
//! the token endpoint by OpenID Connect Discovery 1.0, the token by the client credentials grant
//! (RFC 6749, 4.4).

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode, Uri, header};
use serde_json::Value;

use super::IdentityError;
use crate::endpoint::is_loopback;
use crate::secret::Secret;
use crate::sign::{MASK, percent_encoded};

mod fetch;

/// What STS takes at most (API reference, `AssumeRoleWithWebIdentity`).
const LONGEST_TOKEN: usize = 20_000;
/// As much of a provider's own words as is repeated.
const LONGEST_MESSAGE: usize = 512;

/// A confidential client of an OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OidcClient {
    /// The issuer, as its own discovery document writes it.
    pub issuer: String,
    /// Where tokens are asked for; without it, where the discovery document says.
    pub token_endpoint: Option<String>,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Asked for as they are; none is added.
    pub scopes: Vec<String>,
    /// Whom the token is for, sent as `audience`.
    pub audience: Option<String>,
    /// Whom the token is for, as resource indicators (RFC 8707).
    pub resources: Vec<String>,
}

/// A step on the way to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OidcStep {
    /// `GET {issuer}/.well-known/openid-configuration`
    Discovery,
    /// `POST {token endpoint}`
    Token,
}

/// How a client says who it is (RFC 6749, 2.3.1).
#[derive(Clone, Copy)]
enum Authentication {
    Basic,
    Post,
}

/// Why a token endpoint gave none.
enum NoToken {
    /// It did not know the client, who may try to say who it is in another way.
    Unknown(IdentityError),
    Other(IdentityError),
}

/// Whether credentials may be sent to `url`: over TLS, or to this machine.
///
/// # Errors
/// What is wrong with it, in words that go on after the name of a setting.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    parse(url).map(drop)
}

impl OidcClient {
    /// A new token.
    pub(super) async fn token(&self) -> Result<Secret, IdentityError> {
        let (endpoint, ways) = match &self.token_endpoint {
            Some(endpoint) => {
                (endpoint.clone(), &[Authentication::Basic, Authentication::Post][..])
            }
            None => self.discover().await?,
        };
        let uri = parse(&endpoint).map_err(|problem| {
            failed(OidcStep::Token, &endpoint, format!("the token endpoint {problem}"))
        })?;
        let mut last = None;
        for way in ways {
            match self.ask(&endpoint, &uri, *way).await {
                Ok(token) => return Ok(token),
                Err(NoToken::Unknown(error)) => last = Some(error),
                Err(NoToken::Other(error)) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            let problem = "the provider takes neither client_secret_basic nor client_secret_post";
            failed(OidcStep::Token, &endpoint, problem)
        }))
    }

    /// The token endpoint, and how clients may say there who they are.
    async fn discover(&self) -> Result<(String, &'static [Authentication]), IdentityError> {
        let step = OidcStep::Discovery;
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let uri =
            parse(&url).map_err(|problem| failed(step, &url, format!("the issuer {problem}")))?;
        let mut request = Request::new(String::new());
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::ACCEPT, fetch::JSON);
        let (status, body) =
            fetch::send(request).await.map_err(|problem| unreached(step, &url, problem))?;
        if status != StatusCode::OK {
            return Err(failed(step, &url, format!("HTTP status {}", status.as_u16())));
        }
        let document: Value = serde_json::from_slice(&body)
            .map_err(|_| failed(step, &url, "the answer is no JSON document"))?;
        // OpenID Connect Discovery 1.0, 4.3: another issuer's document must not be used.
        let issuer = document["issuer"].as_str().unwrap_or_default();
        if issuer.trim_end_matches('/') != self.issuer.trim_end_matches('/') {
            let issuer = shortened(issuer);
            let problem = format!("the document is of issuer {issuer:?}, not {:?}", self.issuer);
            return Err(failed(step, &url, problem));
        }
        let Some(endpoint) = document["token_endpoint"].as_str() else {
            return Err(failed(step, &url, "the document names no token_endpoint"));
        };
        let ways = match document["token_endpoint_auth_methods_supported"].as_array() {
            // client_secret_basic unless said otherwise.
            None => &[Authentication::Basic][..],
            Some(methods) => {
                let has = |name: &str| methods.iter().any(|method| method == name);
                match (has("client_secret_basic"), has("client_secret_post")) {
                    (true, true) => &[Authentication::Basic, Authentication::Post][..],
                    (true, false) => &[Authentication::Basic],
                    (false, true) => &[Authentication::Post],
                    (false, false) => &[],
                }
            }
        };
        Ok((endpoint.to_owned(), ways))
    }

    async fn ask(&self, endpoint: &str, uri: &Uri, way: Authentication) -> Result<Secret, NoToken> {
        let step = OidcStep::Token;
        let fail = |problem: String| NoToken::Other(failed(step, endpoint, problem));
        let request = self.request(uri, way).map_err(fail)?;
        let (status, body) = fetch::send(request)
            .await
            .map_err(|problem| NoToken::Other(unreached(step, endpoint, problem)))?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status != StatusCode::OK {
            let code = answer["error"].as_str().unwrap_or_default();
            let error = failed(step, endpoint, self.refusal(status, &answer));
            return Err(match code {
                "invalid_client" => NoToken::Unknown(error),
                _ => NoToken::Other(error),
            });
        }
        let Some(token) = answer["access_token"].as_str() else {
            return Err(fail("the answer holds no access_token".to_owned()));
        };
        if token.len() > LONGEST_TOKEN {
            return Err(fail(format!("the token is longer than the {LONGEST_TOKEN} of STS")));
        }
        let parts = token.split('.').filter(|part| !part.is_empty()).count();
        if parts != 3 {
            let problem = "the token is opaque, and STS takes signed ones (JWT) only";
            return Err(fail(problem.to_owned()));
        }
        Ok(Secret::new(token))
    }

    fn request(&self, uri: &Uri, way: Authentication) -> Result<Request<String>, String> {
        let mut form = "grant_type=client_credentials".to_owned();
        let mut add = |name: &str, value: &str| {
            form.push('&');
            form.push_str(name);
            form.push('=');
            form.push_str(&percent_encoded(value));
        };
        if !self.scopes.is_empty() {
            add("scope", &self.scopes.join(" "));
        }
        self.audience.iter().for_each(|audience| add("audience", audience));
        self.resources.iter().for_each(|resource| add("resource", resource));
        let secret = self.client_secret.expose();
        if let Authentication::Post = way {
            add("client_id", &self.client_id);
            add("client_secret", secret);
        }
        let mut request = Request::new(form);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, fetch::JSON);
        headers.insert(header::CONTENT_TYPE, fetch::FORM);
        if let Authentication::Basic = way {
            // Each is form-encoded before it is joined (RFC 6749, 2.3.1).
            let pair = format!("{}:{}", percent_encoded(&self.client_id), percent_encoded(secret));
            let mut value =
                header::HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
                    .map_err(|_| "the client's name and secret fit in no header".to_owned())?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// The provider's own words, whatever it repeats.
    fn refusal(&self, status: StatusCode, answer: &Value) -> String {
        let words: Vec<&str> = ["error", "error_description"]
            .iter()
            .filter_map(|name| answer[*name].as_str())
            .filter(|text| !text.is_empty())
            .collect();
        if words.is_empty() {
            return format!("HTTP status {}", status.as_u16());
        }
        let words = words.join(": ").replace(char::is_control, " ");
        shortened(&words.replace(self.client_secret.expose(), MASK))
    }
}

impl fmt::Display for OidcStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Discovery => "OIDC discovery",
            Self::Token => "OIDC token request",
        })
    }
}

fn parse(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is no URL")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("is no URL with scheme and host");
    };
    if authority.as_str().contains('@') {
        return Err("holds a user name or password");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    match scheme {
        "https" => Ok(uri),
        "http" if is_loopback(host) => Ok(uri),
        _ => Err("must be https, since secrets are sent there"),
    }
}

fn failed(step: OidcStep, url: &str, message: impl Into<Arc<str>>) -> IdentityError {
    IdentityError::Oidc { step, url: url.into(), message: message.into() }
}

fn unreached(step: OidcStep, url: &str, problem: String) -> IdentityError {
    IdentityError::Unreachable { asked: format!("{step} at {url}").into(), message: problem.into() }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
