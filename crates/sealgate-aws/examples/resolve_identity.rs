//! Resolves one identity and prints how it went as one JSON line: for tests, and for finding out
//! which credentials a machine has.
//!
//! Argument: `{"source":"default"|"profile"|"text"|"web_identity","profile","text","token_file",
//! "role_arn","roles":[{"role_arn","external_id","session_name","duration"}…],"region"}`.

use std::io::Write;
use std::time::{Duration, SystemTime};

use sealgate_aws::identity::{AssumeRole, Source};
use sealgate_aws::{Identity, IdentitySpec, Secret};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "{}".to_owned());
    let identity = Identity::start(
        described(&serde_json::from_str(&argument)?),
        &tokio::runtime::Handle::current(),
    );
    let outcome = identity.ready().await;
    let status = identity.status();
    let answer = match outcome {
        Ok(credentials) => json!({
            "access_key_id": credentials.access_key_id,
            "has_token": credentials.session_token.is_some(),
            "account_id": credentials.account_id,
            "lives": credentials.remaining(SystemTime::now()).map(|left| left.as_secs()),
            "provided_by": status.provided_by,
            "description": status.description,
        }),
        Err(error) => json!({
            "code": error.code(),
            "error": error.to_string(),
            "remedy": error.remedy(),
        }),
    };
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(())
}

fn described(wish: &Value) -> IdentitySpec {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let role = |value: &Value| AssumeRole {
        external_id: text(&value["external_id"]),
        session_name: text(&value["session_name"]),
        duration: value["duration"].as_u64().map(Duration::from_secs),
        ..AssumeRole::new(value["role_arn"].as_str().unwrap_or_default())
    };
    let profile = text(&wish["profile"]).unwrap_or_else(|| "default".to_owned());
    let source = match wish["source"].as_str() {
        Some("profile") => Source::Profile(profile),
        Some("text") => Source::CredentialsText {
            origin: "credentials text".to_owned(),
            text: Secret::new(wish["text"].as_str().unwrap_or_default()),
            profile,
        },
        Some("web_identity") => Source::WebIdentity {
            token_file: wish["token_file"].as_str().unwrap_or_default().into(),
            role: role(wish),
        },
        _ => Source::DefaultChain,
    };
    let mut spec = IdentitySpec::new(source);
    spec.sts_region = text(&wish["region"]);
    for wished in wish["roles"].as_array().into_iter().flatten() {
        spec = spec.with_role(role(wished));
    }
    spec
}
