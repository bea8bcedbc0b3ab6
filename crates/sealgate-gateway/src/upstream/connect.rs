//! Enters: an origin. Leaves: an HTTP/1.1 connection to it, driven by a task of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use sealgate_config::resolved::Address;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::dial::dial;
use super::error::{SendError, Stage, TlsFailure};
use super::io::Wire;
use super::origin::Origin;
use super::tls;

/// The largest response head, in bytes. The count of headers is hyper's own limit, 100.
const HEAD_LIMIT: usize = 64 * 1024;

/// Connects within `limit`, all stages together.
pub(super) async fn connect(
    origin: &Origin,
    limit: Duration,
) -> Result<SendRequest<Full<Bytes>>, SendError> {
    let until = Instant::now() + limit;
    let mut outcome = Err(SendError::Connect {
        peer: Arc::clone(&origin.peer),
        cause: std::io::ErrorKind::AddrNotAvailable.into(),
    });
    for address in origin.addresses() {
        outcome = open(origin, address, until, limit).await;
        if outcome.is_ok() || Instant::now() >= until {
            break;
        }
    }
    let wire = match &origin.tls {
        None => outcome?,
        Some(setup) => handshake(origin, setup, outcome?, until, limit).await?,
    };
    let (sender, connection) = http1::Builder::new()
        .max_header_size(HEAD_LIMIT)
        // An unfinished head must not take more than a finished one may.
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(wire))
        .await
        .map_err(|error| SendError::from_exchange(&origin.peer, &error, false))?;
    let peer = Arc::clone(&origin.peer);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%peer, error = &error as &dyn std::error::Error, "connection ended");
        }
    });
    Ok(sender)
}

async fn open(
    origin: &Origin,
    address: &Address,
    until: Instant,
    limit: Duration,
) -> Result<Wire, SendError> {
    let peer = || Arc::clone(&origin.peer);
    let late = |stage| SendError::ConnectTimeout { peer: peer(), limit, stage };
    let addresses = match address {
        Address::Ip(address) => vec![*address],
        Address::Dns { host, port } => {
            timeout_at(until, tokio::net::lookup_host((host.as_str(), *port)))
                .await
                .map_err(|_| late(Stage::Resolve))?
                .map_err(|cause| SendError::Resolve { host: host.clone(), cause })?
                .collect()
        }
        Address::Unix(path) => {
            return timeout_at(until, UnixStream::connect(path))
                .await
                .map_err(|_| late(Stage::Connect))?
                .map(Wire::Unix)
                .map_err(|cause| SendError::Connect { peer: peer(), cause });
        }
    };
    timeout_at(until, dial(addresses))
        .await
        .map_err(|_| late(Stage::Connect))?
        .map(Wire::Tcp)
        .map_err(|cause| SendError::Connect { peer: peer(), cause })
}

async fn handshake(
    origin: &Origin,
    setup: &tls::TlsSetup,
    wire: Wire,
    until: Instant,
    limit: Duration,
) -> Result<Wire, SendError> {
    let peer = || Arc::clone(&origin.peer);
    let refused = |reason| SendError::Tls { peer: peer(), reason, sent: false };
    let connector = TlsConnector::from(setup.config().map_err(refused)?);
    let stream = timeout_at(until, connector.connect(setup.server_name.clone(), wire))
        .await
        .map_err(|_| SendError::ConnectTimeout { peer: peer(), limit, stage: Stage::Handshake })?
        .map_err(|error| {
            refused(
                tls::failure_within(&error)
                    .unwrap_or_else(|| TlsFailure::Ended(error.kind().to_string())),
            )
        })?;
    Ok(Wire::Tls(Box::new(stream)))
}
