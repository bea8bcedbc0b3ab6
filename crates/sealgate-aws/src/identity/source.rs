//! Enters a description, leaves its credentials as of now.

use std::path::Path;

use super::sts::Sts;
use super::{IdentityError, IdentitySpec, Source, chain, text};
use crate::credentials::Credentials;

/// Credentials and who gave them.
pub(super) struct Provided {
    pub(super) credentials: Credentials,
    pub(super) by: String,
}

/// One attempt. Nothing is kept from one to the next, so that what changed on disk counts.
pub(super) async fn provide(spec: &IdentitySpec) -> Result<Provided, IdentityError> {
    let Provided { mut credentials, mut by } = match &spec.source {
        Source::DefaultChain => chain::default_chain(spec).await?,
        Source::Profile(name) => chain::profile(spec, name).await?,
        Source::Static(credentials) => {
            Provided { credentials: credentials.clone(), by: "static keys".to_owned() }
        }
        Source::CredentialsText { origin, text, profile } => {
            let found = text::read(text, profile)?;
            let mut credentials = found.credentials;
            if !found.roles.is_empty() {
                let sts = Sts::connect(spec, found.region).await;
                for role in &found.roles {
                    credentials = sts.assume(&credentials, role).await?;
                }
            }
            Provided { credentials, by: origin.clone() }
        }
        Source::Oidc { client, role } => {
            let token = client.token().await?;
            let sts = Sts::connect(spec, None).await;
            let credentials = sts.exchange(token.expose(), role).await?;
            let by = format!("OIDC {}, role {}", client.issuer, role.role_arn);
            Provided { credentials, by }
        }
        Source::WebIdentity { token_file, role } => {
            let token = read_token(token_file)?;
            let sts = Sts::connect(spec, None).await;
            let credentials = sts.exchange(&token, role).await?;
            Provided { credentials, by: format!("web identity {}", role.role_arn) }
        }
    };
    if !spec.roles.is_empty() {
        let sts = Sts::connect(spec, None).await;
        for role in &spec.roles {
            credentials = sts.assume(&credentials, role).await?;
            by = format!("{by}, role {}", role.role_arn);
        }
    }
    Ok(Provided { credentials, by })
}

fn read_token(file: &Path) -> Result<String, IdentityError> {
    let token = std::fs::read_to_string(file).map_err(|error| IdentityError::Invalid {
        message: format!("the web identity token file {} cannot be read: {error}", file.display())
            .into(),
    })?;
    let token = token.trim();
    if token.is_empty() {
        return Err(IdentityError::Invalid {
            message: format!("the web identity token file {} is empty", file.display()).into(),
        });
    }
    Ok(token.to_owned())
}
