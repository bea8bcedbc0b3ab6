//! Enters a request, leaves the texts behind its signature, to hold against what AWS says it read.

use std::time::SystemTime;

use http::header::{HeaderMap, HeaderValue};

use super::canonical::payload_text;
use super::date::Timestamp;
use super::{SignError, SignRequest, Signer};

/// What stands for a secret.
pub(crate) const MASK: &str = "[redacted]";

/// The texts behind one signature.
///
/// Mind that the canonical request holds the session token in clear, as it must; print
/// [`without_secrets`](Self::without_secrets) instead.
#[derive(Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
}

impl Explanation {
    /// The same texts, fit for logs and people: values that let others act (the session token of
    /// the credentials, the id of an MCP session) are masked, and so are those of `headers` that
    /// are marked as sensitive.
    pub fn without_secrets(mut self, headers: &HeaderMap) -> Self {
        let secret = |name: &str| {
            matches!(name, "x-amz-security-token" | "mcp-session-id" | "authorization")
                || headers.get_all(name).iter().any(HeaderValue::is_sensitive)
        };
        let lines = self.canonical_request.split('\n').map(|line| match line.split_once(':') {
            Some((name, _)) if is_name(name) && secret(name) => format!("{name}:{MASK}"),
            _ => line.to_owned(),
        });
        self.canonical_request = lines.collect::<Vec<_>>().join("\n");
        self
    }
}

impl Signer {
    /// What [`sign`](Self::sign) would sign for the same arguments.
    ///
    /// # Errors
    /// Those of [`sign`](Self::sign).
    pub fn explain(
        &self,
        request: SignRequest<'_>,
        now: SystemTime,
        headers: &HeaderMap,
    ) -> Result<Explanation, SignError> {
        let time = Timestamp::new(now).ok_or(SignError::Clock)?;
        let day = self.day_key(&time)?;
        let payload = payload_text(request.body);
        let mut canonical = self.canonical(&request, &time, &payload, headers)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Explanation {
            canonical_request: text(canonical.text()),
            string_to_sign: text(canonical.string_to_sign(&time, &day)),
        })
    }
}

/// Whether it can be a header name: paths and queries have other characters.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
