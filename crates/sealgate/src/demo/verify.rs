//! Enters: a request. Leaves: who signed it, or why it is refused: what AWS does with SigV4
//! (AWS IAM User Guide, "Signature Version 4"), for the demo's one throwaway key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use sealgate_aws::sign::{Scope, SignRequest, Signer};
use sealgate_aws::{Credentials, Secret};

/// How far a signature's date may be off; AWS takes about five minutes.
const SKEW: Duration = Duration::from_secs(300);

/// Knows one key.
pub(super) struct Verifier {
    credentials: Credentials,
    scope: Scope,
}

impl Verifier {
    /// Takes signatures of this key, for this region and service.
    pub(super) fn new(key_id: &str, secret: &str, scope: Scope) -> Self {
        let credentials = Credentials::new(key_id, Secret::new(secret));
        Self { credentials, scope }
    }

    /// The access key id of the signer.
    ///
    /// # Errors
    /// Why the request is refused, in AWS's manner.
    pub(super) fn verify(&self, head: &Parts, body: &[u8]) -> Result<String, &'static str> {
        let text = |name: &HeaderName| head.headers.get(name).and_then(|v| v.to_str().ok());
        let authorization = text(&AUTHORIZATION).ok_or("Missing Authentication Token")?;
        let field = |name: &str| {
            let (_, rest) = authorization.split_once(name)?;
            Some(rest.split(',').next().unwrap_or(rest).trim())
        };
        let names = field("SignedHeaders=").ok_or("SignedHeaders is missing")?;
        let date = text(&HeaderName::from_static("x-amz-date")).ok_or("X-Amz-Date is missing")?;
        let signed_at = parse_date(date).ok_or("X-Amz-Date is not a date")?;
        let now = SystemTime::now();
        let off = now.duration_since(signed_at).unwrap_or_else(|early| early.duration());
        if off > SKEW {
            return Err("Signature expired or not yet current");
        }
        let signed: Vec<&str> = names.split(';').collect();
        let must = |name: &HeaderName| name == HOST || name.as_str().starts_with("x-amz-");
        if head.headers.keys().any(|name| must(name) && !signed.contains(&name.as_str())) {
            return Err("host and every x-amz header must be signed");
        }
        if self
            .sign(head, body, &signed, signed_at)
            .as_ref()
            .is_some_and(|own| own == authorization)
        {
            Ok(self.credentials.access_key_id.clone())
        } else {
            Err("The request signature we calculated does not match the signature you provided")
        }
    }

    /// The Authorization header that the right key gives this request.
    fn sign(
        &self,
        head: &Parts,
        body: &[u8],
        signed: &[&str],
        at: SystemTime,
    ) -> Option<HeaderValue> {
        let mut headers = HeaderMap::new();
        let mut extra = Vec::new();
        for name in signed {
            let name = HeaderName::try_from(*name).ok()?;
            if name == HOST {
                continue;
            }
            headers.insert(name.clone(), head.headers.get(&name)?.clone());
            extra.push(name);
        }
        let signer =
            Signer::new(self.credentials.clone(), self.scope.clone()).with_signed_headers(extra);
        let request = SignRequest {
            method: &head.method,
            host: head.headers.get(HOST)?.to_str().ok()?,
            path_and_query: head.uri.path_and_query()?.as_str(),
            body: body.into(),
        };
        signer.sign(request, at, &mut headers).ok()?;
        headers.remove(AUTHORIZATION)
    }
}

/// `20150830T123600Z`, the only form that SigV4 knows.
fn parse_date(text: &str) -> Option<SystemTime> {
    let digits = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    if text.len() != 16 || text.as_bytes()[8] != b'T' || !text.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970-01-01 with years that begin in March, so that leap days come last
    // (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, year_of_era) = (shifted / 400, shifted % 400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier() -> Verifier {
        Verifier::new("AKIDEXAMPLE", "secret", Scope::new("us-east-1", "aws-mcp"))
    }

    fn signed(body: &[u8], secret: &str) -> Parts {
        let mut request = http::Request::post("/mcp").header(HOST, "localhost:1").body(()).unwrap();
        let signer = Signer::new(
            Credentials::new("AKIDEXAMPLE", Secret::new(secret)),
            Scope::new("us-east-1", "aws-mcp"),
        );
        let method = http::Method::POST;
        let sign = SignRequest {
            method: &method,
            host: "localhost:1",
            path_and_query: "/mcp",
            body: body.into(),
        };
        signer.sign(sign, SystemTime::now(), request.headers_mut()).unwrap();
        request.into_parts().0
    }

    #[test]
    fn a_signed_request_is_accepted_and_any_change_is_refused() {
        let head = signed(b"{}", "secret");
        assert_eq!(verifier().verify(&head, b"{}").unwrap(), "AKIDEXAMPLE");
        assert!(verifier().verify(&head, b"{ }").is_err());
        assert!(verifier().verify(&signed(b"{}", "another"), b"{}").is_err());
        let mut other_host = head.clone();
        other_host.headers.insert(HOST, "elsewhere".parse().unwrap());
        assert!(verifier().verify(&other_host, b"{}").is_err());
    }

    #[test]
    fn an_unsigned_request_is_refused_as_aws_words_it() {
        let (head, ()) = http::Request::post("/mcp").body(()).unwrap().into_parts();
        assert_eq!(verifier().verify(&head, b""), Err("Missing Authentication Token"));
    }

    #[test]
    fn dates_are_read_as_sigv4_writes_them() {
        let seconds = |text| parse_date(text)?.duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs());
        assert_eq!(seconds("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(seconds("19700101T000000Z"), Some(0));
        assert_eq!(seconds("20240229T235959Z"), Some(1_709_251_199));
        assert_eq!(seconds("2015-08-30T12:36"), None);
    }
}
