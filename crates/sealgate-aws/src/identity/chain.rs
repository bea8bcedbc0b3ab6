//! Enters a profile or nothing, leaves the credentials that the machine has for it: the sources of
//! aws-config, asked one by one so that each can be named in an error.

#![expect(deprecated, reason = "aws-config exports the profile file types under no newer name")]

use std::error::Error;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::profile::profile_file::{
    Builder as SdkProfileFilesBuilder, ProfileFileKind, ProfileFiles as SdkProfileFiles,
};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;

use super::region::region;
use super::source::Provided;
use super::{IdentityError, IdentitySpec, Source, Tried, sts};
use crate::credentials::Credentials;

/// How long one source may take, a login helper of a profile among them.
const PATIENCE: Duration = Duration::from_secs(25);

/// The sources of the default chain, in AWS's order.
pub(super) async fn default_chain(spec: &IdentitySpec) -> Result<Provided, IdentityError> {
    let name = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
    let mut tried = Vec::new();

    let environment = EnvironmentVariableCredentialsProvider::new();
    if let Some(found) = ask("environment", None, &environment, &mut tried).await? {
        return Ok(found);
    }
    let settings = settings(spec).await;
    let profile = profile_provider(spec, &name, &settings);
    if let Some(found) = ask(&format!("profile {name}"), Some(&name), &profile, &mut tried).await? {
        return Ok(found);
    }
    let token = WebIdentityTokenCredentialsProvider::builder().configure(&settings).build();
    if let Some(found) = ask("web identity", None, &token, &mut tried).await? {
        return Ok(found);
    }
    let container = EcsCredentialsProvider::builder().configure(&settings).build();
    if let Some(found) = ask("container", None, &container, &mut tried).await? {
        return Ok(found);
    }
    let instance = ImdsCredentialsProvider::builder().configure(&settings).build();
    if let Some(found) = ask("instance metadata", None, &instance, &mut tried).await? {
        return Ok(found);
    }
    Err(IdentityError::NotFound { tried: tried.into() })
}

/// One profile of the machine's files.
pub(super) async fn profile(spec: &IdentitySpec, name: &str) -> Result<Provided, IdentityError> {
    let mut tried = Vec::new();
    let provider = profile_provider(spec, name, &settings(spec).await);
    match ask(&format!("profile {name}"), Some(name), &provider, &mut tried).await? {
        Some(found) => Ok(found),
        None => Err(IdentityError::NotFound { tried: tried.into() }),
    }
}

/// The profile files that `spec` reads: none for sources that stand for themselves.
pub(super) fn files(spec: &IdentitySpec) -> SdkProfileFiles {
    if !matches!(spec.source, Source::DefaultChain | Source::Profile(_)) {
        return empty_files().build();
    }
    let Some(files) = &spec.profile_files else { return SdkProfileFiles::default() };
    let mut builder = empty_files();
    if let Some(file) = &files.config {
        builder = builder.with_file(ProfileFileKind::Config, file);
    }
    if let Some(file) = &files.credentials {
        builder = builder.with_file(ProfileFileKind::Credentials, file);
    }
    builder.build()
}

/// The SDK panics on a set without a file.
fn empty_files() -> SdkProfileFilesBuilder {
    SdkProfileFiles::builder().with_contents(ProfileFileKind::Credentials, "")
}

/// The same keys as the SDK has them.
pub(super) fn outgoing(credentials: &Credentials) -> aws_credential_types::Credentials {
    aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        credentials.secret_access_key.expose(),
        credentials.session_token.as_ref().map(|token| token.expose().to_owned()),
        credentials.expires_at,
        "sealgate",
    )
}

async fn settings(spec: &IdentitySpec) -> ProviderConfig {
    ProviderConfig::without_region()
        .with_region(region(spec, None).await)
        .with_retry_config(RetryConfig::standard().with_max_attempts(2))
        .with_timeout_config(sts::patience())
}

fn profile_provider(
    spec: &IdentitySpec,
    name: &str,
    settings: &ProviderConfig,
) -> ProfileFileCredentialsProvider {
    ProfileFileCredentialsProvider::builder()
        .configure(settings)
        .profile_files(files(spec))
        .profile_name(name)
        .build()
}

/// What one source has; `None`, and an entry in `tried`, when it is not set up.
async fn ask(
    source: &str,
    profile: Option<&str>,
    provider: &impl ProvideCredentials,
    tried: &mut Vec<Tried>,
) -> Result<Option<Provided>, IdentityError> {
    let answer = tokio::time::timeout(PATIENCE, provider.provide_credentials()).await;
    let error = match answer {
        Ok(Ok(given)) => {
            return Ok(Some(Provided { credentials: incoming(&given), by: source.to_owned() }));
        }
        Ok(Err(error)) => error,
        Err(_) => CredentialsError::provider_timed_out(PATIENCE),
    };
    if let CredentialsError::CredentialsNotLoaded(_) = error
        && !reads_as_login(&causes(&error))
    {
        tried.push(Tried { source: source.to_owned(), reason: causes(&error) });
        return Ok(None);
    }
    Err(worded(source, profile, &error))
}

fn incoming(given: &aws_credential_types::Credentials) -> Credentials {
    let mut credentials = Credentials::new(given.access_key_id(), given.secret_access_key());
    if let Some(token) = given.session_token() {
        credentials = credentials.with_session_token(token);
    }
    credentials.expires_at = given.expiry();
    credentials.account_id = given.account_id().map(|id| id.as_str().to_owned());
    credentials
}

/// An error of the SDK in our words.
fn worded(source: &str, profile: Option<&str>, error: &CredentialsError) -> IdentityError {
    let text = causes(error);
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        let service = current
            .downcast_ref::<AssumeRoleError>()
            .map(ProvideErrorMetadata::meta)
            .or_else(|| {
                current.downcast_ref::<AssumeRoleWithWebIdentityError>().map(|error| error.meta())
            });
        if let Some(meta) = service {
            let asked = format!("sts:AssumeRole of {source}");
            let code = meta.code().unwrap_or("unknown");
            return sts::refused(&asked, code, meta.message().unwrap_or("AWS gave no message"));
        }
        cause = current.source();
    }
    // The feature of the SDK that is not built in; no other text has this word.
    if let Some(profile) = profile
        && text.contains("credentials-login")
    {
        return IdentityError::Login { profile: profile.to_owned() };
    }
    if reads_as_login(&text) {
        let renew = profile.map(|name| format!("aws sso login --profile {name}"));
        let profile = profile.map(str::to_owned);
        return IdentityError::Expired { profile, renew, message: text.into() };
    }
    if text.contains("ExpiredToken") {
        let profile = profile.map(str::to_owned);
        return IdentityError::Expired { profile, renew: None, message: text.into() };
    }
    match error {
        CredentialsError::InvalidConfiguration(_) => {
            IdentityError::Invalid { message: format!("{source}: {text}").into() }
        }
        CredentialsError::ProviderTimedOut(_) => {
            IdentityError::Unreachable { asked: source.into(), message: text.into() }
        }
        _ if ["dispatch failure", "timeout", "timed out", "connect"]
            .iter()
            .any(|sign| text.contains(sign)) =>
        {
            IdentityError::Unreachable { asked: source.into(), message: text.into() }
        }
        _ => IdentityError::Invalid { message: format!("{source}: {text}").into() },
    }
}

/// Whether the error says that a single sign-on session is over, or was never begun.
fn reads_as_login(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    // What the portal says when the login behind a cached token has ended.
    text.contains("session token not found or invalid")
        || text.contains("sso")
            && ["expired", "unauthorized", "token not found", "no such file", "cached"]
                .iter()
                .any(|sign| text.contains(sign))
}

/// An error and its causes in one line.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let next = current.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = current.source();
    }
    text
}
