//! Signs requests given as JSON lines on standard input and writes what it would send as JSON
//! lines, for comparison with other signers.
//!
//! In: `{"method","host","target","headers":[[name,value]…],"body","access_key_id",
//! "secret_access_key","session_token","region","service","time" (unix seconds),"algorithm":
//! "v4"|"v4a","expires": seconds, to presign}`. The query of `target` is put into its canonical
//! form first, as a sender should.
//!
//! Out: `{"target","headers":[[name,value]…],"canonical_request"}` or `{"url"}` or `{"error"}`.

use std::io::{BufRead, Write};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sealgate_aws::sign::{Algorithm, Payload, canonical_query};
use sealgate_aws::{Credentials, Scope, SignRequest, Signer};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match answer(&serde_json::from_str(&line?)?) {
            Ok(answer) => answer,
            Err(error) => json!({ "error": error.to_string() }),
        };
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn answer(line: &Value) -> Result<Value, Failure> {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let mut credentials = Credentials::new(text("access_key_id"), text("secret_access_key"));
    if let Some(token) = line["session_token"].as_str() {
        credentials = credentials.with_session_token(token);
    }
    let mut signer = Signer::new(credentials, Scope::new(text("region"), text("service")));
    if text("algorithm") == "v4a" {
        signer = signer.with_algorithm(Algorithm::V4a);
    }
    let target = match text("target").split_once('?') {
        Some((path, query)) => format!("{path}?{}", canonical_query(query)),
        None => text("target").to_owned(),
    };
    let mut headers = HeaderMap::new();
    for pair in line["headers"].as_array().into_iter().flatten() {
        let part = |index: usize| pair[index].as_str().unwrap_or_default();
        headers.append(part(0).parse::<HeaderName>()?, HeaderValue::from_str(part(1))?);
    }
    let method: Method = text("method").parse()?;
    let request = SignRequest {
        method: &method,
        host: text("host"),
        path_and_query: &target,
        body: Payload::Bytes(text("body").as_bytes()),
    };
    let seconds = line["time"].as_u64().unwrap_or_default();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    if let Some(expires) = line["expires"].as_u64() {
        let lifetime = Duration::from_secs(expires);
        return Ok(json!({ "url": signer.presign(request, now, lifetime, &headers)? }));
    }
    let explained = signer.explain(request, now, &headers)?;
    signer.sign(request, now, &mut headers)?;
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    Ok(json!({
        "target": target,
        "headers": headers,
        "canonical_request": explained.canonical_request,
    }))
}
