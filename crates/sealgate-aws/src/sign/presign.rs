//! Enters a request, leaves a request target that carries its own signature for a while.

use std::time::{Duration, SystemTime};

use http::header::HeaderMap;

use super::canonical::{Canonical, SIGNATURE_CAPACITY, payload_text};
use super::date::Timestamp;
use super::headers::Signed;
use super::{SignError, SignRequest, Signer, query};

const LONGEST: Duration = Duration::from_secs(7 * 86_400);

impl Signer {
    /// The path and query of a presigned URL that `request` may be made with from `now` on for
    /// `lifetime` (whole seconds, 1 second to 7 days). The caller must send the signed ones of
    /// `headers` too; pass an empty map to sign the host alone.
    ///
    /// # Errors
    /// [`SignError::Lifetime`] and those of [`sign`](Signer::sign).
    pub fn presign(
        &self,
        request: SignRequest<'_>,
        now: SystemTime,
        lifetime: Duration,
        headers: &HeaderMap,
    ) -> Result<String, SignError> {
        if lifetime.as_secs() == 0 || lifetime > LONGEST {
            return Err(SignError::Lifetime(lifetime.as_secs()));
        }
        let time = Timestamp::new(now).ok_or(SignError::Clock)?;
        let day = self.day_key(&time)?;
        let signed = Signed {
            incoming: headers,
            extra: &self.extra_headers,
            host: request.host,
            date: b"",
            content_sha256: None,
            token: None,
            region_set: None,
        };
        let names: Vec<&str> = {
            let mut names: Vec<&str> = signed.sorted().iter().map(|(name, _)| *name).collect();
            names.dedup();
            names
        };
        let (names, seconds) = (names.join(";"), lifetime.as_secs().to_string());
        let date = String::from_utf8_lossy(time.as_bytes());
        let mut added = vec![
            ("X-Amz-Algorithm", day.algorithm),
            ("X-Amz-Credential", day.credential.as_str()),
            ("X-Amz-Date", &date),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", &names),
        ];
        if self.asymmetric.is_some() {
            added.push(("X-Amz-Region-Set", &self.scope.region));
        }
        if let Some(token) = &self.credentials.session_token {
            added.push(("X-Amz-Security-Token", token.expose()));
        }

        let payload = payload_text(request.body);
        let mut canonical =
            Canonical::with_query(&request, self.path_rules, &signed, &payload, &added)?;
        let mut signature = [0; SIGNATURE_CAPACITY];
        let signature = canonical.sign(&time, &day, self.asymmetric()?, &mut signature)?;

        let target = request.path_and_query;
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let mut url = Vec::with_capacity(target.len() + 640);
        url.extend_from_slice(path.as_bytes());
        url.push(b'?');
        query::append(&mut url, raw_query, &added);
        url.extend_from_slice(b"&X-Amz-Signature=");
        url.extend_from_slice(signature);
        Ok(String::from_utf8_lossy(&url).into_owned())
    }
}
