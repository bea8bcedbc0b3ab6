mod client;
mod connections;
mod http2;
mod reload;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::{Answer, ListenerId};

/// Answers by path: `/slow` waits for `go`, `/panic` panics, everything else says what it got.
#[derive(Clone, Default)]
struct Echo {
    /// Told when a slow request has begun.
    begun: Arc<Notify>,
    go: Arc<Notify>,
    /// Told when a slow request has ended, answered or not.
    ended: Arc<Notify>,
}

/// Tells when it is dropped.
struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Answer for Echo {
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        _listener: ListenerId,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        match path.as_str() {
            "/panic" => panic!("as asked"),
            "/slow" => {
                let _told = Told(Arc::clone(&self.ended));
                self.begun.notify_one();
                self.go.notified().await;
            }
            _ => {}
        }
        Response::new(Full::new(format!("{path} {} {}", peer.ip(), body.len()).into()))
    }
}
