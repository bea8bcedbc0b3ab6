//! Enters AWS's error code, message and status, leaves the kind of refusal.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};

use super::RefusalKind;
use super::answer::Answer;
use super::http_date;

/// No longer wait means anything; whoever asks for one must not make sums of times overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn of(status: StatusCode, headers: &HeaderMap, answer: &Answer) -> RefusalKind {
    let code = answer.code.as_deref().unwrap_or_default();
    let code = code.strip_suffix("Exception").unwrap_or(code);
    let message = answer.message.as_deref().unwrap_or_default();
    by_code(code, message, headers)
        .or_else(|| by_message(message))
        .unwrap_or_else(|| by_status(status, headers))
}

fn by_code(code: &str, message: &str, headers: &HeaderMap) -> Option<RefusalKind> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenId" | "TokenRefreshRequired" => RefusalKind::ExpiredToken,
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => RefusalKind::ClockSkew,
        "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "NotSignedUp" => {
            // Some services say so of tokens that have merely expired.
            if message.contains("expired") {
                RefusalKind::ExpiredToken
            } else {
                RefusalKind::InvalidClientToken
            }
        }
        "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "AuthFailure"
        | "AuthorizationHeaderMalformed" => {
            scope_or_skew(message).unwrap_or(RefusalKind::BadSignature)
        }
        "MissingAuthenticationToken" | "MissingAuthentication" => {
            RefusalKind::MissingAuthentication
        }
        "AccessDenied"
        | "NotAuthorized"
        | "UnauthorizedOperation"
        | "Forbidden"
        | "Unauthorized" => by_message(message).unwrap_or_else(|| not_authorised(message)),
        "Throttling"
        | "ThrottledException"
        | "Throttled"
        | "RequestThrottled"
        | "RequestThrottling"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "LimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "ProvisionedThroughputExceeded"
        | "PriorRequestNotComplete"
        | "TransactionInProgress" => RefusalKind::Throttled { retry_after: retry_after(headers) },
        _ => return None,
    })
}

fn by_message(message: &str) -> Option<RefusalKind> {
    if let Some(kind) = scope_or_skew(message) {
        return Some(kind);
    }
    if message.contains("is not authorized to perform") {
        return Some(not_authorised(message));
    }
    if message.contains("security token included in the request is expired") {
        return Some(RefusalKind::ExpiredToken);
    }
    if message.contains("security token included in the request is invalid") {
        return Some(RefusalKind::InvalidClientToken);
    }
    if message.contains("signature we calculated does not match") {
        return Some(RefusalKind::BadSignature);
    }
    if message.contains("Missing Authentication Token") {
        return Some(RefusalKind::MissingAuthentication);
    }
    if message.contains("Authorization method mismatch") {
        return Some(RefusalKind::WrongMethod);
    }
    None
}

/// What hides behind the codes of a bad signature.
fn scope_or_skew(message: &str) -> Option<RefusalKind> {
    if message.contains("Signature expired")
        || message.contains("Signature not yet current")
        || message.contains("request time and the current time is too large")
    {
        return Some(RefusalKind::ClockSkew);
    }
    if message.contains("Credential should be scoped")
        || message.contains("credential scope")
        || message.contains("the region '")
        || message.contains("; expecting '")
    {
        // "… to correct service: 'execute-api'.", "… is wrong; expecting 'eu-west-1'".
        let quoted: Vec<&str> = message.split('\'').skip(1).step_by(2).collect();
        let expected = quoted.last().filter(|text| !text.is_empty() && text.len() < 64);
        return Some(RefusalKind::WrongScope { expected: expected.map(|text| (*text).to_owned()) });
    }
    None
}

/// "User: ARN is not authorized to perform: ACTION on resource: ARN because …"
fn not_authorised(message: &str) -> RefusalKind {
    let after = |mark: &str| {
        let (_, rest) = message.split_once(mark)?;
        let word = rest.trim_start().split_ascii_whitespace().next()?;
        Some(word.trim_end_matches(['.', ',']).trim_matches('"').to_owned())
            .filter(|word| !word.is_empty())
    };
    RefusalKind::NotAuthorised {
        principal: after("User:").or_else(|| after("Principal:")),
        action: after("not authorized to perform:"),
        resource: after("on resource:"),
    }
}

fn by_status(status: StatusCode, headers: &HeaderMap) -> RefusalKind {
    let wants_bearer = headers
        .get(WWW_AUTHENTICATE)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"bearer"));
    match status {
        StatusCode::UNAUTHORIZED if wants_bearer => RefusalKind::WrongMethod,
        StatusCode::TOO_MANY_REQUESTS => {
            RefusalKind::Throttled { retry_after: retry_after(headers) }
        }
        StatusCode::SERVICE_UNAVAILABLE if headers.contains_key(RETRY_AFTER) => {
            RefusalKind::Throttled { retry_after: retry_after(headers) }
        }
        _ => RefusalKind::Other,
    }
}

/// The wait that is asked for, within reason.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    asked(headers).map(|wait| wait.min(LONGEST_WAIT))
}

/// Seconds, or a date to hold against the answer's own; AWS also writes milliseconds under a name
/// of its own.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(milliseconds) = text("x-amz-retry-after") {
        return milliseconds.parse().ok().map(Duration::from_millis);
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date::parse(value)?;
    let now = http_date::parse(text("date")?)?;
    until.duration_since(now).ok()
}
