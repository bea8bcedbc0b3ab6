//! Enters: one listening socket. Leaves: a task for each connection that it accepts.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::door::{Crowd, Door};
use super::drain::{Drain, Wish};
use super::protocol::{Protocol, Version};
use super::{Answer, connection};

/// How long to wait when the system has no sockets left.
const SCARCITY: Duration = Duration::from_millis(100);

/// Accepts connections until `drain` begins; then those that already wait, and no more. The
/// connections run in tasks of their own and may outlive this.
pub async fn serve<A: Answer>(listener: TcpListener, door: Arc<Door>, answer: A, drain: Drain) {
    accept(listener, door, answer, drain, Crowd::default()).await;
}

pub(super) async fn accept<A: Answer>(
    listener: TcpListener,
    door: Arc<Door>,
    answer: A,
    drain: Drain,
    crowd: Crowd,
) {
    let protocol = Arc::new(Protocol::new(&door.limits));
    let mut ticket = drain.ticket();
    loop {
        let next = poll_fn(|cx| match listener.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending if ticket.poll(cx) == Wish::Run => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        });
        match next.await {
            None => return,
            Some(Ok((stream, peer))) => {
                open(stream, peer, &door, &protocol, &answer, &drain, &crowd);
            }
            Some(Err(error)) => failed(&error).await,
        }
    }
}

fn open<A: Answer>(
    stream: TcpStream,
    peer: SocketAddr,
    door: &Arc<Door>,
    protocol: &Arc<Protocol>,
    answer: &A,
    drain: &Drain,
    crowd: &Crowd,
) {
    // Fails only for a connection that is gone already, which its first read will tell.
    let _ = stream.set_nodelay(true);
    let tls = door.tls.load_full();
    let Some(place) = crowd.enter(door) else {
        if tls.is_none() {
            connection::refuse(&stream);
        }
        return;
    };
    let origin = connection::Origin { listener: door.id, peer };
    let (protocol, answer, mut ticket) = (Arc::clone(protocol), answer.clone(), drain.ticket());
    let limits = door.limits;
    match tls {
        None => tokio::spawn(async move {
            if let Some(version) = Version::of_plain(&stream, limits.head, &mut ticket).await {
                connection::run(stream, version, &protocol, answer, origin, ticket).await;
            }
            drop(place);
        }),
        Some(config) => tokio::spawn(async move {
            let secured = connection::handshake(stream, config, limits.handshake, peer).await;
            if let Some(stream) = secured {
                let version = Version::of_secure(&stream);
                connection::run(stream, version, &protocol, answer, origin, ticket).await;
            }
            drop(place);
        }),
    };
}

/// A client that hung up before it was accepted is no news. When the system has no descriptors
/// left, waiting is all that helps.
async fn failed(error: &io::Error) {
    let passing = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    );
    if !passing {
        tracing::error!(%error, "cannot accept connections; raise the limit of open files?");
        tokio::time::sleep(SCARCITY).await;
    }
}
