//! Enters: socket addresses. Leaves: the first TCP connection that stands. A slow address does
//! not hold up the others (RFC 8305, "Happy Eyeballs", without its finer points).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long one address may stay silent before the next one is tried beside it (RFC 8305
/// section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// When an idle connection is probed first, and how often afterwards.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// Connects to the first of `addresses` that answers.
pub(super) async fn dial(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let addresses = interleave(addresses);
    if let [only] = addresses.as_slice() {
        return connect(*only).await;
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut attempts = JoinSet::new();
    let mut waiting = addresses.into_iter();
    loop {
        let started = match waiting.next() {
            Some(address) => attempts.spawn(connect(address)).id().into(),
            None => None,
        };
        if attempts.is_empty() {
            return Err(last);
        }
        let next = tokio::select! {
            ended = attempts.join_next() => ended,
            () = tokio::time::sleep(ATTEMPT_DELAY), if started.is_some() => None,
        };
        match next {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last = error,
            Some(Err(gone)) => last = io::Error::other(gone),
            None => {}
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// Alternates between the address families, beginning with the resolver's first choice.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let count = addresses.len();
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::with_capacity(count);
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    while mixed.len() < count {
        mixed.extend(preferred.next());
        mixed.extend(other.next());
    }
    mixed
}

#[cfg(test)]
mod tests;
