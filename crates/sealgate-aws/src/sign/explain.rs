//! Enters a request, leaves the texts behind its signature, to hold against what AWS says it read.

use std::time::SystemTime;

use http::header::{HeaderMap, HeaderValue};

use super::canonical::{Canonical, payload_text};
use super::date::Timestamp;
use super::headers::Signed;
use super::{SignError, SignRequest, Signer};

/// The texts behind one signature.
///
/// Mind that the canonical request holds the session token in clear, as it must.
#[derive(Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
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
        let token = self.token.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone)?;
        let payload = payload_text(request.body);
        let signed = Signed {
            incoming: headers,
            extra: &self.extra_headers,
            host: request.host,
            date: time.as_bytes(),
            content_sha256: self.content_sha256.then_some(&payload[..]),
            token: token.map(HeaderValue::as_bytes),
            region_set: self.asymmetric.is_some().then(|| self.scope.region.as_bytes()),
        };
        let mut canonical = Canonical::new(&request, self.path_rules, &signed, &payload)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Explanation {
            canonical_request: text(canonical.text()),
            string_to_sign: text(canonical.string_to_sign(&time, &day)),
        })
    }
}
