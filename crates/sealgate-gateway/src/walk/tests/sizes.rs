//! What is passed from room to room on the way of a call: moving it costs more than making it, so
//! it had better stay small. Whoever needs a larger one boxes what is rare in it.

use std::mem::size_of;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::authorize::Permit;
use crate::backend::{Exchange, Opened};
use crate::fail::{BackendError, Failure};
use crate::listen::ListenerId;
use crate::receive::Received;
use crate::reply::{Relay, ReplyBody};
use crate::upstream;
use crate::walk::Worker;

/// The size of the future that `work` makes.
fn of_future<A, B, F>(_work: fn(A, B) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn what_is_passed_on_stays_small() {
    let call = of_future(|worker: &'static Worker, request: Request<Incoming>| {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        worker.walk(ListenerId::of(peer), peer, request)
    });
    let answering = of_future(|relay: Relay, body| relay.run(body));
    let opening = of_future(|exchange: &'static Exchange, body| exchange.open(body));
    for (what, size, most) in [
        ("a received message", size_of::<Received<'_>>(), 128),
        ("a permit", size_of::<Permit<'_>>(), 160),
        ("an exchange", size_of::<Exchange>(), 112),
        ("a relay", size_of::<Relay>(), 128),
        ("an opened answer", size_of::<Opened>(), 128),
        ("a response", size_of::<Response<ReplyBody>>(), 176),
        ("a response upstream", size_of::<Response<upstream::Body>>(), 128),
        ("a failure", size_of::<Failure>(), 64),
        ("a failure of a backend", size_of::<BackendError>(), 80),
        ("the future of a call", call, 4608),
        ("the future of its answer", answering, 1152),
        ("the future of its exchange", opening, 3328),
    ] {
        assert!(size <= most, "{what} has {size} bytes, and {most} are allowed");
    }
}
