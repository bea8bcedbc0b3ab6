//! A server that says exactly what a test scripts, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A listening server; it ends with the test's runtime.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

/// One connection, seen from the server.
pub(crate) struct Talk<S = TcpStream> {
    stream: S,
    unread: Vec<u8>,
}

impl Peer {
    /// Runs `script` for each connection; it gets the connection's number, from 0.
    pub(crate) async fn start<F, R>(script: F) -> Self
    where
        F: Fn(usize, Talk) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(script(number, Talk::new(stream)));
            }
        });
        Self { address, accepted }
    }

    /// Answers each request of each connection with `response`.
    pub(crate) async fn answering(response: &'static str) -> Self {
        Self::start(move |_, mut talk| async move {
            while talk.request().await.is_some() {
                talk.say(response).await;
            }
        })
        .await
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Talk {
    /// Ends the connection with a reset instead of an orderly close.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// The next request, head and body; `None` when the client has hung up.
    pub(crate) async fn request(&mut self) -> Option<String> {
        loop {
            let text = String::from_utf8(self.unread.clone()).unwrap();
            if let Some(end) = text.find("\r\n\r\n") {
                let length = text[..end]
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                    .map_or(0, |(_, value)| value.parse().unwrap());
                let whole = end + 4 + length;
                if text.len() >= whole {
                    self.unread.drain(..whole);
                    return Some(text[..whole].to_owned());
                }
            }
            if self.stream.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Waits until the client hangs up.
    pub(crate) async fn hung_up(&mut self) {
        while self.stream.read_buf(&mut self.unread).await.unwrap_or(0) > 0 {}
    }
}
