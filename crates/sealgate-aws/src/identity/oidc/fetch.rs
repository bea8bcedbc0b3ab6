//! Enters one request, leaves its answer: within a time and a size, past no redirect.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request as SdkRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};

use crate::identity::chain::causes;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// From the name lookup to the last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// No document of a provider is longer.
const LONGEST: usize = 256 * 1024;

/// Sends `request` over the proxies of the environment, as the AWS SDK would.
///
/// # Errors
/// Why there is no answer, in words.
pub(super) async fn send(request: Request<String>) -> Result<(StatusCode, Bytes), String> {
    // What goes to this machine in plain text must not leave it for a proxy.
    let proxy = match request.uri().scheme_str() {
        Some("https") => ProxyConfig::from_env(),
        _ => ProxyConfig::disabled(),
    };
    let connector = Connector::builder()
        .proxy_config(proxy)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build();
    let exchange = async {
        let request =
            SdkRequest::try_from(request.map(SdkBody::from)).map_err(|error| causes(&error))?;
        let response = connector.call(request).await.map_err(|error| causes(&error))?;
        let status =
            StatusCode::from_u16(response.status().as_u16()).map_err(|error| causes(&error))?;
        let body = Limited::new(response.into_body(), LONGEST)
            .collect()
            .await
            .map_err(|error| causes(&*error))?;
        Ok((status, body.to_bytes()))
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
