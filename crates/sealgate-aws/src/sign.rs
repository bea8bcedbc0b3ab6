//! Enters a request as it will be sent, leaves the headers (or the query) that seal it: SigV4 and
//! SigV4a, after the AWS Signature Version 4 reference.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::credentials::Credentials;

mod asymmetric;
mod canonical;
mod date;
mod explain;
mod headers;
mod hex;
mod key;
mod path;
mod presign;
mod query;

use asymmetric::AsymmetricKey;
use canonical::{Canonical, KnownTarget};
use date::Timestamp;
pub use explain::Explanation;
pub(crate) use explain::MASK;
pub use headers::is_signable;
use key::DayKey;
pub use query::{canonical_query, percent_encoded};

/// What a signature is valid for. A region that is `*` or a list (`us-east-1,eu-west-1`) makes
/// the signer use SigV4a, whose signatures hold in every region of the set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The signing region, or a region set.
    pub region: Arc<str>,
    /// The signing name of the service, `bedrock-agentcore` for one.
    pub service: Arc<str>,
}

/// One request as it will stand on the wire.
#[derive(Debug, Clone, Copy)]
pub struct SignRequest<'a> {
    /// The method.
    pub method: &'a http::Method,
    /// The `Host` (or `:authority`) that AWS will read, with its port unless that is the scheme's
    /// own; signed exactly as given.
    pub host: &'a str,
    /// The raw request target, beginning with `/`.
    pub path_and_query: &'a str,
    /// The body, or its digest.
    pub body: Payload<'a>,
}

/// What stands for the body in the signature.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// The whole body; hashed while signing.
    Bytes(&'a [u8]),
    /// The SHA-256 digest of the body, when it is already known.
    Digest([u8; 32]),
    /// `UNSIGNED-PAYLOAD`, which S3, VPC Lattice and few others accept.
    Unsigned,
}

/// Which algorithm a signer uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `AWS4-HMAC-SHA256`, for one region.
    V4,
    /// `AWS4-ECDSA-P256-SHA256`, for a set of regions.
    V4a,
}

/// How the path enters the canonical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathRules {
    /// Encode the raw path once more, so that `%3A` becomes `%253A`. Every service but S3.
    pub double_encode: bool,
    /// Remove dot segments and doubled slashes first (RFC 3986, 5.2.4). Every service but S3.
    pub normalise: bool,
}

/// Signs for one set of credentials in one scope. Shared behind an `Arc`; signing takes no lock.
pub struct Signer {
    credentials: Credentials,
    scope: Scope,
    token: Option<Result<HeaderValue, SignError>>,
    extra_headers: Vec<HeaderName>,
    path_rules: PathRules,
    content_sha256: bool,
    day: ArcSwapOption<DayKey>,
    target: OnceLock<KnownTarget>,
    asymmetric: Option<Result<AsymmetricKey, SignError>>,
}

/// Why a request could not be signed. None of these comes from AWS: nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The clock is before 1970 or after 9999, where no AWS date can be written.
    #[error("the system clock is out of range for an AWS date; set the clock")]
    Clock,
    /// A part of the credentials cannot stand in an HTTP header.
    #[error(
        "the {0} is empty or holds characters that an HTTP header cannot carry; check the source of the credentials for stray quotes or line ends"
    )]
    Credentials(&'static str),
    /// The key derivation or the signature failed inside the cryptographic library.
    #[error("the SigV4a key could not be used; check the secret access key")]
    Key,
    /// The lifetime of a presigned URL is outside of 1 second to 7 days.
    #[error("a presigned URL lives between 1 second and 7 days, not {0} s")]
    Lifetime(u64),
    /// The request target does not begin with a slash.
    #[error("the request target must begin with `/`")]
    Target,
}

impl Scope {
    /// A scope.
    pub fn new(region: impl Into<Arc<str>>, service: impl Into<Arc<str>>) -> Self {
        Self { region: region.into(), service: service.into() }
    }

    /// The algorithm that the region calls for: SigV4a for `*` and for lists.
    pub fn algorithm(&self) -> Algorithm {
        if self.region.contains(['*', ',']) { Algorithm::V4a } else { Algorithm::V4 }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> Payload<'a> {
    /// What stands for `body` towards `service`: VPC Lattice verifies no digest of it and wants to
    /// be told so (VPC Lattice user guide, "SIGv4 authenticated requests"); all others do.
    pub fn for_service(service: &str, body: &'a [u8]) -> Self {
        if service == "vpc-lattice-svcs" { Self::Unsigned } else { Self::Bytes(body) }
    }
}

impl PathRules {
    /// S3: encode once, keep the path as it is.
    pub const S3: Self = Self { double_encode: false, normalise: false };
    /// Every other service.
    pub const STANDARD: Self = Self { double_encode: true, normalise: true };

    /// The rules that `service` verifies by.
    pub fn of_service(service: &str) -> Self {
        match service {
            "s3" | "s3-object-lambda" | "s3-outposts" | "s3express" => Self::S3,
            _ => Self::STANDARD,
        }
    }
}

impl Signer {
    /// A signer with the path rules of its service. An error in the credentials or in the SigV4a
    /// key shows when signing.
    pub fn new(credentials: Credentials, scope: Scope) -> Self {
        let algorithm = scope.algorithm();
        let path_rules = PathRules::of_service(&scope.service);
        let token = credentials.session_token.as_ref().map(|token| {
            let mut value = HeaderValue::from_str(token.expose())
                .map_err(|_| SignError::Credentials("session token"))?;
            value.set_sensitive(true);
            Ok(value)
        });
        Self {
            credentials,
            scope,
            token,
            extra_headers: Vec::new(),
            path_rules,
            content_sha256: true,
            day: ArcSwapOption::empty(),
            target: OnceLock::new(),
            asymmetric: None,
        }
        .with_algorithm(algorithm)
    }

    /// Signs these headers too, where a request has them; those that are not
    /// [signable](is_signable) are passed over.
    pub fn with_signed_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.extra_headers.extend(names.into_iter().filter(is_signable));
        self
    }

    /// Uses other path rules than those of the service.
    pub fn with_path_rules(mut self, rules: PathRules) -> Self {
        self.path_rules = rules;
        self.target = OnceLock::new();
        self
    }

    /// Uses this algorithm whatever the region looks like (SigV4a for a single region).
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.asymmetric = match algorithm {
            Algorithm::V4 => None,
            Algorithm::V4a => Some(AsymmetricKey::derive(&self.credentials)),
        };
        self
    }

    /// Leaves `x-amz-content-sha256` out. Only the published test vectors want this.
    pub fn without_content_sha256(mut self) -> Self {
        self.content_sha256 = false;
        self
    }

    /// The credentials that this signer uses.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The scope that this signer signs for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Signs `request` as of `now` and puts `authorization`, `x-amz-date`, `x-amz-content-sha256`
    /// and, with temporary credentials, `x-amz-security-token` into `headers`, replacing what
    /// stood there: signing the same map again, for a retry, is sound.
    ///
    /// Signed are the host and, of `headers`, `content-type`, `x-amz-*`,
    /// `x-amzn-bedrock-agentcore-*`, `mcp-*` and the names given to
    /// [`with_signed_headers`](Self::with_signed_headers). Nothing that a proxy on the way may
    /// rewrite is signed unless named there.
    ///
    /// # Errors
    /// See [`SignError`]; `headers` is unchanged then.
    pub fn sign(
        &self,
        request: SignRequest<'_>,
        now: SystemTime,
        headers: &mut HeaderMap,
    ) -> Result<(), SignError> {
        let time = Timestamp::new(now).ok_or(SignError::Clock)?;
        let token = self.token()?;
        let (cached, fresh) = (self.day.load(), &mut None);
        let day = match &*cached {
            Some(day) if day.day == time.day() => day,
            _ => fresh.insert(self.day_key(&time)?),
        };
        let payload = canonical::payload_text(request.body);
        let mut canonical = self.canonical(&request, &time, &payload, headers)?;
        let mut signature = [0; canonical::SIGNATURE_CAPACITY];
        let signature = canonical.sign(&time, day, self.asymmetric()?, &mut signature)?;

        let names = canonical.signed_headers();
        let mut authorization =
            Vec::with_capacity(day.authorization.len() + names.len() + 12 + signature.len());
        authorization.extend_from_slice(&day.authorization);
        authorization.extend_from_slice(names);
        authorization.extend_from_slice(b", Signature=");
        authorization.extend_from_slice(signature);
        let mut authorization = header_value(authorization, "access key id")?;
        authorization.set_sensitive(true);
        let date = header_value(time.as_bytes().to_vec(), "date")?;
        let region_set = match self.asymmetric {
            Some(_) => Some(header_value(self.scope.region.as_bytes().to_vec(), "region set")?),
            None => None,
        };

        if self.content_sha256 {
            let value = header_value(payload.to_vec(), "payload digest")?;
            headers.insert(headers::X_AMZ_CONTENT_SHA256, value);
        }
        headers.insert(headers::X_AMZ_DATE, date);
        match token {
            Some(token) => drop(headers.insert(headers::X_AMZ_SECURITY_TOKEN, token.clone())),
            None => headers::drop_stale(headers, &headers::X_AMZ_SECURITY_TOKEN),
        }
        match region_set {
            Some(set) => drop(headers.insert(headers::X_AMZ_REGION_SET, set)),
            None => headers::drop_stale(headers, &headers::X_AMZ_REGION_SET),
        }
        headers.insert(http::header::AUTHORIZATION, authorization);
        Ok(())
    }

    /// The canonical request: of `headers` what takes part, and this signer's own.
    fn canonical(
        &self,
        request: &SignRequest<'_>,
        time: &Timestamp,
        payload: &[u8],
        headers: &HeaderMap,
    ) -> Result<Canonical, SignError> {
        let signed = headers::Signed {
            incoming: headers,
            extra: &self.extra_headers,
            host: request.host,
            date: time.as_bytes(),
            content_sha256: self.content_sha256.then_some(payload),
            token: self.token()?.map(HeaderValue::as_bytes),
            region_set: self.asymmetric.is_some().then(|| self.scope.region.as_bytes()),
        };
        Canonical::new(request, self.path_rules, &signed, payload, &self.target)
    }

    fn token(&self) -> Result<Option<&HeaderValue>, SignError> {
        self.token.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone)
    }

    fn asymmetric(&self) -> Result<Option<&AsymmetricKey>, SignError> {
        self.asymmetric.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone)
    }

    /// The key of the date of `time`: derived once a day, shared by all threads.
    fn day_key(&self, time: &Timestamp) -> Result<Arc<DayKey>, SignError> {
        let cached = self.day.load();
        if let Some(day) = cached.as_ref().filter(|day| day.day == time.day()) {
            return Ok(Arc::clone(day));
        }
        let fresh = Arc::new(DayKey::derive(
            &self.credentials,
            &self.scope,
            time,
            self.asymmetric.is_some(),
        )?);
        // Around midnight two dates may be signed side by side; the newer one stays.
        if cached.as_ref().is_none_or(|day| day.day < fresh.day) {
            self.day.store(Some(Arc::clone(&fresh)));
        }
        Ok(fresh)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Signer")
            .field("credentials", &self.credentials)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

fn header_value(bytes: Vec<u8>, what: &'static str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(bytes))
        .map_err(|_| SignError::Credentials(what))
}

#[cfg(test)]
mod tests;
