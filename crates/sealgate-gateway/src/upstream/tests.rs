pub(crate) mod authority;
mod exchange;
mod keep_alive;
pub(crate) mod peer;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use sealgate_config::resolved::Address;

use super::{Body, Origin, OriginSpec, Origins, Pool, PoolLimits, SendDeadlines, SendError};

/// Long enough never to matter on a busy machine.
const PATIENT: SendDeadlines =
    SendDeadlines { connect: Duration::from_secs(20), first_byte: Duration::from_secs(20) };

/// A pool with one origin in plain TCP.
struct Client {
    pool: Arc<Pool>,
    origin: Arc<Origin>,
    deadlines: SendDeadlines,
}

impl Client {
    fn to(address: SocketAddr) -> Self {
        Self::with(OriginSpec { connect: vec![Address::Ip(address)], tls: None })
    }

    fn with(spec: OriginSpec) -> Self {
        let origin = Origin::intern(&Origins::default(), spec).unwrap();
        Self { pool: Pool::new(PoolLimits::default()), origin, deadlines: PATIENT }
    }

    async fn send(&self, body: &str) -> Result<http::Response<Body>, SendError> {
        self.pool.send_to(&self.origin, post(body), self.deadlines).await
    }

    /// Sends, and reads the whole answer.
    async fn ask(&self, body: &str) -> String {
        text(self.send(body).await.unwrap()).await
    }
}

fn post(body: &str) -> http::Request<Full<Bytes>> {
    http::Request::post("/mcp")
        .header("host", "example.test")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap()
}

async fn text(response: http::Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
