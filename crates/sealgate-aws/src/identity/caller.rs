//! Enters credentials, leaves whose they are, from `sts:GetCallerIdentity`, which needs no
//! permission and cannot be denied.

use std::time::Duration;

use aws_sdk_sts::config::timeout::TimeoutConfig;

use super::sts::{Sts, refusal};
use super::{IdentityError, IdentitySpec, chain};
use crate::credentials::Credentials;

/// Whose credentials are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The twelve digits of the account.
    pub account: String,
    /// `arn:aws:sts::123456789012:assumed-role/name/session`, or of a user.
    pub arn: String,
}

/// Asks the STS of `spec`, or without one there that of `region`, whose `credentials` are, and
/// waits for it no longer than `patience`.
///
/// # Errors
/// [`IdentityError::Unreachable`] without an answer in time, [`IdentityError::Refused`] and
/// [`IdentityError::Expired`] in AWS's words.
pub async fn caller(
    spec: &IdentitySpec,
    credentials: &Credentials,
    region: &str,
    patience: Duration,
) -> Result<Caller, IdentityError> {
    let asked = "sts:GetCallerIdentity";
    let unreachable = |message: String| IdentityError::Unreachable {
        asked: asked.into(),
        message: message.into(),
    };
    let ask = async {
        let sts = Sts::connect(spec, Some(region.to_owned())).await;
        let settings = sts
            .settings
            .credentials_provider(chain::outgoing(credentials))
            .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build())
            .build();
        let answer = aws_sdk_sts::Client::from_conf(settings)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| refusal(asked, &error))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Caller { account, arn }),
            _ => Err(unreachable("the answer named nobody".to_owned())),
        }
    };
    match tokio::time::timeout(patience, ask).await {
        Ok(answer) => answer,
        Err(_) => Err(unreachable(format!("no answer within {} ms", patience.as_millis()))),
    }
}
