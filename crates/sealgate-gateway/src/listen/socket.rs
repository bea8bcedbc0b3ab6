//! Enters: an address. Leaves: listening sockets on it, one a worker; the kernel spreads the
//! connections (SO_REUSEPORT).

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, of each socket. The kernel cuts it to its own limit.
const BACKLOG: i32 = 4096;

/// Why an address is not listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The certificates cannot be used.
    #[error("listener {name}: {error}")]
    Certificate {
        /// Which listener.
        name: String,
        /// What is wrong with them.
        error: sealgate_config::certificate::CertificateError,
    },
    /// The system refuses the address.
    #[error("listener {name} cannot listen on {address}: {error}{}", hint(error))]
    Socket {
        /// Which listener.
        name: String,
        /// On which address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

/// Binds `count` sockets to one address. With port 0 the system chooses a port, the same for all.
///
/// # Errors
/// What the system says; an address that any other socket listens on is refused, even one that
/// would share it.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 {
        // Sharing is for our own workers: a second process on this port is a mistake to report.
        socket(address, false)?;
    }
    let mut address = address;
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = socket(address, true)?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        address = listener.local_addr()?;
        sockets.push(listener);
    }
    Ok(sockets)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Restarts do not wait for the last connections of the process before.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        // `[::]` serves IPv4 as well, as people expect of "all addresses".
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop the other process, or choose another port",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}
