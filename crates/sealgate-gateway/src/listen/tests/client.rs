//! A client that says exactly what a test scripts.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) struct Client<S = TcpStream> {
    stream: S,
    unread: Vec<u8>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// Connects anew, asks once and hangs up.
    pub(super) async fn once(address: SocketAddr, path: &str) -> Option<String> {
        let stream = TcpStream::connect(address).await.ok()?;
        let mut client = Self::over(stream);
        client.get(path).await;
        client.response().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub(super) async fn say(&mut self, text: &str) {
        // The server may hang up in the middle; what it answered is what counts.
        let _ = self.stream.write_all(text.as_bytes()).await;
        let _ = self.stream.flush().await;
    }

    pub(super) async fn get(&mut self, path: &str) {
        self.say(&format!("GET {path} HTTP/1.1\r\nhost: a.test\r\n\r\n")).await;
    }

    /// Status line and body of the next response; `None` when the server has hung up.
    pub(super) async fn response(&mut self) -> Option<String> {
        loop {
            let text = String::from_utf8_lossy(&self.unread).into_owned();
            if let Some(end) = text.find("\r\n\r\n") {
                let length: usize = text[..end]
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |value| value.parse().unwrap());
                if text.len() >= end + 4 + length {
                    self.unread.drain(..end + 4 + length);
                    let status = text[9..12].to_owned();
                    return Some(format!("{status} {}", &text[end + 4..end + 4 + length]));
                }
            }
            if self.stream.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Asks and waits.
    pub(super) async fn ask(&mut self, path: &str) -> Option<String> {
        self.get(path).await;
        self.response().await
    }
}
