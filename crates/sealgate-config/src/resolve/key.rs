//! `apiKey` in, the header or query parameter that carries the key out.

use http::HeaderValue;
use sealgate_aws::Secret;

use super::Context;
use super::store::Referrer;
use crate::kind::{ApiKey, KeyPlace, KeyValue};
use crate::resolved::Credential;

/// Resolves a key.
pub(super) fn resolve(
    context: &Context<'_>,
    from: Referrer<'_>,
    key: &ApiKey,
) -> Option<Credential> {
    let value = match &key.value {
        KeyValue::Inline(value) => value.clone(),
        KeyValue::Secret(reference) => context.store.value_or_report(from, reference, "apiKey")?,
    };
    // `echo key | base64` leaves a line break that is no part of the key.
    let text = value.expose().trim_end_matches(['\r', '\n']);
    let refuse = |code, problem: &str| match &key.value {
        KeyValue::Inline(_) => key.at.error(code, format!("{}: {problem}", key.at.path())),
        KeyValue::Secret(reference) => {
            context.store.blame(from, reference, "apiKey", code, problem)
        }
    };
    if text.is_empty() {
        refuse("empty-secret", "the API key is empty");
        return None;
    }
    match &key.place {
        KeyPlace::Query(param) => {
            Some(Credential::QueryKey { param: param.clone(), value: Secret::new(text) })
        }
        KeyPlace::Header { name, bearer } => {
            let value = if *bearer { format!("Bearer {text}") } else { text.to_owned() };
            let value = Secret::new(value);
            if HeaderValue::from_str(value.expose()).is_err() {
                refuse("header-value", "the API key holds characters that no header may hold");
                return None;
            }
            Some(Credential::ApiKey { header: name.clone(), value, always: key.always })
        }
    }
}
