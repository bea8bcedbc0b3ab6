//! Enters credentials, a scope and a date, leaves what all signatures of that day share.

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use zeroize::Zeroizing;

use super::date::Timestamp;
use super::{Scope, SignError};
use crate::credentials::Credentials;

/// The derived key of one UTC day and the texts that change no more often.
pub(super) struct DayKey {
    pub(super) day: u32,
    pub(super) key: Key,
    /// `20150830/us-east-1/service/aws4_request`; SigV4a leaves the region out.
    pub(super) scope: Vec<u8>,
    /// `<access key id>/<scope>`.
    pub(super) credential: String,
    /// Everything of the authorization header before the signed headers.
    pub(super) authorization: Vec<u8>,
    /// The first line of the string to sign.
    pub(super) algorithm: &'static str,
}

impl DayKey {
    /// Four HMACs, once a day.
    pub(super) fn derive(
        credentials: &Credentials,
        scope: &Scope,
        time: &Timestamp,
        asymmetric: bool,
    ) -> Result<Self, SignError> {
        if credentials.access_key_id.is_empty() {
            return Err(SignError::Credentials("access key id"));
        }
        let secret = credentials.secret_access_key.expose();
        if secret.is_empty() {
            return Err(SignError::Credentials("secret access key"));
        }
        let mut seed = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        seed.extend_from_slice(b"AWS4");
        seed.extend_from_slice(secret.as_bytes());
        let date_key = step(&seed, time.date());
        let region_key = step(date_key.as_ref(), scope.region.as_bytes());
        let service_key = step(region_key.as_ref(), scope.service.as_bytes());
        let key = Key::new(HMAC_SHA256, step(service_key.as_ref(), b"aws4_request").as_ref());

        let date = String::from_utf8_lossy(time.date());
        let (algorithm, scope) = if asymmetric {
            ("AWS4-ECDSA-P256-SHA256", format!("{date}/{}/aws4_request", scope.service))
        } else {
            ("AWS4-HMAC-SHA256", format!("{date}/{}/{}/aws4_request", scope.region, scope.service))
        };
        let credential = format!("{}/{scope}", credentials.access_key_id);
        let authorization =
            format!("{algorithm} Credential={credential}, SignedHeaders=").into_bytes();
        Ok(Self {
            day: time.day(),
            key,
            scope: scope.into_bytes(),
            credential,
            authorization,
            algorithm,
        })
    }
}

fn step(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&Key::new(HMAC_SHA256, key), text)
}
