//! Enters: sockets. Leaves: requests, each with the listener and the peer that it came from, to
//! whoever implements [`Answer`]; and its response back. One worker a core, each with sockets of
//! its own.

mod accept;
mod certificates;
mod connection;
mod door;
mod drain;
mod protocol;
mod socket;
mod spec;
mod streams;
mod workers;

pub use accept::serve;
pub use door::{Door, Limits};
pub use drain::Drain;
pub use socket::{ListenError, bind};
pub use spec::{Certificate, ListenerId, ListenerSpec};
pub use workers::{Bound, Settings, Worker, Workers};

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

/// An error of a response body, as hyper takes it.
pub type BodyFailure = Box<dyn std::error::Error + Send + Sync>;

/// What answers requests. Cloned once a request, so it should be a handful of `Arc`s.
pub trait Answer: Clone + Send + 'static {
    /// The response's body.
    type Body: http_body::Body<Data = Bytes, Error: Into<BodyFailure>> + Send + Unpin + 'static;

    /// Answers one request. Dropped when the client goes away.
    fn answer(
        &self,
        listener: ListenerId,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

#[cfg(test)]
mod tests;
