//! Enters: what several sources have to tell one client. Leaves: its event stream, on which a list
//! that changes several times in a row, or at several backends, is told of once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate_mcp::capability::Offers;
use tokio::sync::{Mutex, mpsc};

/// The open event stream of a client; cloning shares it.
#[derive(Clone)]
pub(super) struct ClientStream {
    client: mpsc::Sender<Bytes>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The client has gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Lists that changed and are not yet told of, and the events that will tell.
#[derive(Default)]
struct Waiting {
    changed: Vec<(Offers, Bytes)>,
    is_due: bool,
}

/// How long a changed list waits for others: clients expect to hear of it within a second.
const WINDOW: Duration = Duration::from_millis(100);

impl ClientStream {
    pub(super) fn new(client: mpsc::Sender<Bytes>) -> Self {
        Self { client, waiting: Arc::default() }
    }

    /// Sends an event. Changed lists are told of before it, so that its id, from which a client
    /// resumes, is never ahead of what the client was told.
    pub(super) async fn send(&self, event: Bytes) -> Result<(), Gone> {
        let mut waiting = self.waiting.lock().await;
        self.flush(&mut waiting).await?;
        self.client.send(event).await.map_err(|_| Gone)
    }

    /// Tells soon that a list changed; of several events about one list the last one goes out.
    pub(super) async fn changed(&self, list: Offers, event: Bytes) -> Result<(), Gone> {
        let mut waiting = self.waiting.lock().await;
        waiting.changed.retain(|(other, _)| *other != list);
        waiting.changed.push((list, event));
        if self.client.is_closed() {
            return Err(Gone);
        }
        if !std::mem::replace(&mut waiting.is_due, true) {
            let stream = self.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(WINDOW) => {}
                    () = stream.client.closed() => return,
                }
                let mut waiting = stream.waiting.lock().await;
                waiting.is_due = false;
                let _ = stream.flush(&mut waiting).await;
            });
        }
        Ok(())
    }

    /// Waits until the client has gone.
    pub(super) async fn closed(&self) {
        self.client.closed().await;
    }

    /// The stream itself, for what belongs to no source.
    pub(super) fn sender(&self) -> &mpsc::Sender<Bytes> {
        &self.client
    }

    async fn flush(&self, waiting: &mut Waiting) -> Result<(), Gone> {
        for (_, event) in waiting.changed.drain(..) {
            self.client.send(event).await.map_err(|_| Gone)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> (ClientStream, mpsc::Receiver<Bytes>) {
        let (client, receiver) = mpsc::channel(8);
        (ClientStream::new(client), receiver)
    }

    #[tokio::test]
    async fn changes_in_a_row_are_told_of_once_for_each_list() {
        let (stream, mut client) = stream();
        for event in ["a", "b", "c"] {
            stream.changed(Offers::TOOLS, event.into()).await.unwrap();
            stream.changed(Offers::PROMPTS, "p".into()).await.unwrap();
        }
        assert_eq!(client.recv().await.unwrap(), "c");
        assert_eq!(client.recv().await.unwrap(), "p");
        stream.changed(Offers::TOOLS, "later".into()).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), "later");
    }

    #[tokio::test]
    async fn nothing_overtakes_a_changed_list() {
        let (stream, mut client) = stream();
        stream.changed(Offers::TOOLS, "changed".into()).await.unwrap();
        stream.send("event".into()).await.unwrap();
        assert_eq!(client.try_recv().unwrap(), "changed");
        assert_eq!(client.try_recv().unwrap(), "event");
        stream.changed(Offers::TOOLS, "later".into()).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), "later");
    }

    #[tokio::test]
    async fn a_client_that_has_gone_is_told_nothing() {
        let (stream, client) = stream();
        drop(client);
        assert!(stream.changed(Offers::TOOLS, "changed".into()).await.is_err());
        assert!(stream.send("event".into()).await.is_err());
        stream.closed().await;
    }
}
