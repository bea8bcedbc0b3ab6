//! Enters: one backend. Leaves: what is known of it, as JSON: `report` makes text of the same.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sealgate_aws::endpoint;
use sealgate_aws::identity::{IdentityError, IdentitySpec, IdentityStatus, caller};
use sealgate_config::resolved::{Backend, Credential};
use serde_json::{Value, json};

use super::client::Client;
use super::inside::Inside;
use super::text_of;

/// How long STS may take to say who is calling.
const CALLER_PATIENCE: Duration = Duration::from_secs(4);
/// Credentials that end sooner than this are worth a word.
const SOON: Duration = Duration::from_secs(300);
/// Tools whose names are shown.
const SHOWN: usize = 12;

/// One backend under examination.
pub(super) struct Patient<'a> {
    inside: &'a Arc<Inside>,
    index: usize,
    route: &'a str,
    backend: &'a Backend,
}

impl<'a> Patient<'a> {
    /// The backend at `index` of [`Inside::backends`].
    pub(super) fn new(inside: &'a Arc<Inside>, index: usize) -> Self {
        let (route, backend) = inside.backends()[index];
        Self { inside, index, route, backend }
    }

    /// Everything there is to say, in the order in which it can go wrong.
    pub(super) async fn examine(&self) -> Value {
        let plan = self.inside.gateway.plan();
        let compiled = plan.routes.get(self.index).and_then(|route| route.backends.first());
        let mut report = json!({
            "route": self.route,
            "backend": self.backend.name,
            "target": compiled.map(|backend| backend.url()),
            "credential": self.backend.credential.kind(),
        });
        let mut fix = None;
        if let Credential::Aws { identity, region, service, signing_host, .. } =
            &self.backend.credential
        {
            report["scope"] = self.scope(region, service, signing_host.as_deref());
            let (found, remedy) = self.identity(identity, region).await;
            report["identity"] = found;
            fix = remedy;
            let message = Client::opening().to_string();
            if let Some(Ok(Some(signed))) =
                compiled.map(|backend| backend.explain(message.into(), SystemTime::now()))
            {
                report["signed"] = json!({
                    "canonicalRequest": signed.canonical_request,
                    "stringToSign": signed.string_to_sign,
                });
            }
        }
        let (initialize, tools) = self.converse().await;
        let wrong = [&initialize, &tools].into_iter().find_map(remedy_of);
        report["initialize"] = initialize;
        report["tools"] = tools;
        report["fix"] = fix.or(wrong).into();
        report
    }

    /// What is signed for, and why that.
    fn scope(&self, region: &str, service: &str, signing_host: Option<&str>) -> Value {
        let host = signing_host.unwrap_or(&self.backend.authority);
        let told = endpoint::infer(host);
        let because = |known: Option<&str>, used: &str| match (&told, known) {
            (Some(told), Some(known)) if known == used => {
                format!("host {host} matches {}", told.pattern)
            }
            (Some(_), Some(known)) => format!("set so; host {host} says {known}"),
            _ => format!("set so; host {host} does not tell"),
        };
        let known_service = told.as_ref().map(|told| told.service.as_str());
        let known_region = told.as_ref().and_then(|told| told.region.as_deref());
        json!({
            "host": host,
            "service": service,
            "serviceReason": because(known_service, service),
            "region": region,
            "regionReason": because(known_region, region),
        })
    }

    /// Whose credentials sign, and what is wrong with them.
    async fn identity(&self, spec: &IdentitySpec, region: &str) -> (Value, Option<String>) {
        let identity = self.inside.gateway.identities().get(spec);
        let ready = identity.ready().await;
        let status = identity.status();
        let mut found = facts(&status);
        let credentials = match ready {
            Ok(credentials) => credentials,
            Err(error) => {
                found["error"] = error_of(&error);
                return (found, Some(error.remedy()));
            }
        };
        match caller(spec, &credentials, region, CALLER_PATIENCE).await {
            Ok(caller) => {
                found["account"] = caller.account.into();
                found["arn"] = caller.arn.into();
            }
            Err(error @ IdentityError::Unreachable { .. }) => {
                // Signing needs no STS: worth knowing, nothing to fix.
                found["account"] = credentials.account_id.clone().into();
                found["callerError"] = error_of(&error);
            }
            Err(error) => {
                found["callerError"] = error_of(&error);
                return (found, Some(format!("{} ({error})", error.remedy())));
            }
        }
        let ends_soon = credentials
            .remaining(SystemTime::now())
            .is_some_and(|left| left < SOON && status.last_error.is_some());
        let remedy = ends_soon.then(|| "Renew the credentials: they end soon.".to_owned());
        (found, remedy)
    }

    /// A session with the backend through the gateway, as a client would have it.
    async fn converse(&self) -> (Value, Value) {
        let mut client = Client::new(self.inside.address, format!("/{}", self.index));
        let began = Instant::now();
        let opened = client.initialize().await;
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let result = match opened {
            Ok(result) => result,
            Err(error) => return (json!({ "ok": false, "error": innermost(error) }), Value::Null),
        };
        let initialize = json!({
            "ok": true,
            "milliseconds": took,
            "server": result["serverInfo"],
            "protocolVersion": result["protocolVersion"],
        });
        let tools = if result["capabilities"].get("tools").is_none() {
            json!({ "ok": true, "count": 0, "note": "the server offers no tools" })
        } else {
            match client.tools().await {
                Ok(tools) => {
                    let names = tools.iter().map(|tool| text_of(&tool["name"]));
                    json!({
                        "ok": true,
                        "count": tools.len(),
                        "names": names.take(SHOWN).collect::<Vec<_>>(),
                    })
                }
                Err(error) => json!({ "ok": false, "error": innermost(error) }),
            }
        };
        client.close().await;
        (initialize, tools)
    }
}

fn facts(status: &IdentityStatus) -> Value {
    let unix = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = |at: SystemTime| at.duration_since(SystemTime::now()).unwrap_or_default().as_secs();
    json!({
        "source": status.description,
        "providedBy": status.provided_by,
        "accessKeyId": status.access_key_id,
        "expiresAt": status.expires_at.map(unix),
        "expiresInSeconds": status.expires_at.map(left),
    })
}

fn error_of(error: &IdentityError) -> Value {
    json!({ "code": error.code(), "message": error.to_string(), "remedy": error.remedy() })
}

/// A route of one backend fails as that backend does.
fn innermost(mut error: Value) -> Value {
    match error.pointer_mut("/data/backends/0") {
        Some(backend) => backend.take(),
        None => {
            let mut data = error["data"].take();
            let message = error["message"].take();
            if !data.is_object() {
                data = json!({ "reason": error["code"] });
            }
            data["message"] = message;
            data
        }
    }
}

/// What to do about a step that failed.
fn remedy_of(step: &Value) -> Option<String> {
    let error = step.get("error")?;
    let (message, remedy) = (text_of(&error["message"]), text_of(&error["remedy"]));
    Some(if remedy.is_empty() { message.to_owned() } else { remedy.to_owned() })
}
