//! Enters credentials (or a token) and a role, leaves the role's credentials, from STS.

use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sts::config::Builder;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};

use super::region::region;
use super::{AssumeRole, IdentityError, IdentitySpec, Source, chain};
use crate::credentials::Credentials;
use crate::refusal::answer::without_tokens;

const SESSION_NAME: &str = "sealgate";

/// An STS to talk to: region, endpoint, proxies and limits of patience.
pub(super) struct Sts {
    pub(super) settings: Builder,
}

impl Sts {
    /// Settles where STS is. `told` is the region that the source itself named.
    pub(super) async fn connect(spec: &IdentitySpec, told: Option<String>) -> Self {
        let files = chain::files(spec);
        let region = region(spec, told).await;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .profile_files(files)
            .no_credentials()
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .timeout_config(patience());
        if let Source::Profile(name) = &spec.source {
            loader = loader.profile_name(name);
        }
        let mut settings = Builder::from(&loader.load().await);
        if let Some(endpoint) = &spec.sts_endpoint {
            settings = settings.endpoint_url(endpoint);
        }
        Self { settings }
    }

    /// `sts:AssumeRole` with `credentials`.
    pub(super) async fn assume(
        &self,
        credentials: &Credentials,
        role: &AssumeRole,
    ) -> Result<Credentials, IdentityError> {
        let asked = format!("sts:AssumeRole for {}", role.role_arn);
        let settings =
            self.settings.clone().credentials_provider(chain::outgoing(credentials)).build();
        let mut tags = Vec::with_capacity(role.tags.len());
        for (key, value) in &role.tags {
            let tag = Tag::builder().key(key).value(value).build();
            tags.push(tag.map_err(|error| IdentityError::Invalid {
                message: format!("session tag {key}: {error}").into(),
            })?);
        }
        let answer = aws_sdk_sts::Client::from_conf(settings)
            .assume_role()
            .role_arn(&role.role_arn)
            .role_session_name(role.session_name.as_deref().unwrap_or(SESSION_NAME))
            .set_external_id(role.external_id.clone())
            .set_duration_seconds(seconds(role.duration))
            .set_policy(role.policy.clone())
            .set_policy_arns(managed_policies(role))
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_transitive_tag_keys(
                (!role.transitive_tags.is_empty()).then(|| role.transitive_tags.clone()),
            )
            .set_source_identity(role.source_identity.clone())
            .send()
            .await
            .map_err(|error| refusal(&asked, &error))?;
        received(&asked, &role.role_arn, answer.credentials)
    }

    /// `sts:AssumeRoleWithWebIdentity` with an OIDC token.
    pub(super) async fn exchange(
        &self,
        token: &str,
        role: &AssumeRole,
    ) -> Result<Credentials, IdentityError> {
        let asked = format!("sts:AssumeRoleWithWebIdentity for {}", role.role_arn);
        let answer = aws_sdk_sts::Client::from_conf(self.settings.clone().build())
            .assume_role_with_web_identity()
            .role_arn(&role.role_arn)
            .role_session_name(role.session_name.as_deref().unwrap_or(SESSION_NAME))
            .web_identity_token(token)
            .set_duration_seconds(seconds(role.duration))
            .set_policy(role.policy.clone())
            .set_policy_arns(managed_policies(role))
            .send()
            .await
            .map_err(|error| refusal(&asked, &error))?;
        received(&asked, &role.role_arn, answer.credentials)
    }
}

/// How long one call to AWS may take.
pub(super) fn patience() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(8))
        .operation_timeout(Duration::from_secs(20))
        .build()
}

fn managed_policies(role: &AssumeRole) -> Option<Vec<PolicyDescriptorType>> {
    let policy = |arn: &String| PolicyDescriptorType::builder().arn(arn).build();
    (!role.policy_arns.is_empty()).then(|| role.policy_arns.iter().map(policy).collect())
}

fn seconds(duration: Option<Duration>) -> Option<i32> {
    duration.map(|duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX))
}

fn received(
    asked: &str,
    role_arn: &str,
    credentials: Option<aws_sdk_sts::types::Credentials>,
) -> Result<Credentials, IdentityError> {
    let given = credentials.ok_or_else(|| IdentityError::Unreachable {
        asked: asked.into(),
        message: "the answer held no credentials".into(),
    })?;
    let mut credentials = Credentials::new(given.access_key_id, given.secret_access_key)
        .with_session_token(given.session_token);
    credentials.expires_at = SystemTime::try_from(given.expiration).ok();
    credentials.account_id = role_arn.split(':').nth(4).map(str::to_owned);
    Ok(credentials)
}

pub(super) fn refusal<E, R>(asked: &str, error: &SdkError<E, R>) -> IdentityError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let text = chain::causes(error);
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown");
            let message = service.err().message().unwrap_or("AWS gave no message");
            refused(asked, code, message)
        }
        SdkError::ConstructionFailure(_) => {
            IdentityError::Invalid { message: format!("{asked}: {text}").into() }
        }
        _ => IdentityError::Unreachable { asked: asked.into(), message: text.into() },
    }
}

/// A code and a message of STS in our words.
pub(super) fn refused(asked: &str, code: &str, message: &str) -> IdentityError {
    let message = without_tokens(message.to_owned());
    if code.starts_with("ExpiredToken") {
        return IdentityError::Expired {
            profile: None,
            renew: None,
            message: format!("{asked}: {message}").into(),
        };
    }
    IdentityError::Refused { asked: asked.into(), code: code.into(), message: message.into() }
}
