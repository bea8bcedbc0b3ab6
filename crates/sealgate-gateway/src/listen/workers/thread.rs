//! Enters: commands. Leaves: accept loops on this thread's runtime, and at the end a drained one.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::Worker;
use crate::listen::Answer;
use crate::listen::accept::accept;
use crate::listen::door::{Crowd, Door};
use crate::listen::drain::Drain;

/// What a worker is told.
pub(super) enum Command {
    /// Drain a listener.
    Close {
        /// Its drain on this worker.
        drain: Drain,
    },
    /// Serve another listener.
    Serve {
        /// This worker's socket.
        listener: TcpListener,
        /// What it shares with the other workers.
        door: Arc<Door>,
        /// This worker's drain for it.
        drain: Drain,
    },
}

pub(super) fn start<A: Answer>(
    worker: Worker,
    build: Arc<impl Fn(Worker) -> A + Send + Sync + 'static>,
    commands: UnboundedReceiver<Command>,
    drain: Duration,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("worker-{}", worker.index)).spawn(move || {
        runtime.block_on(async {
            let answer = build(worker.clone());
            run(worker, answer, commands, drain).await;
        });
        // Not a plain drop: that would wait for name lookups that are still under way.
        runtime.shutdown_background();
    })
}

async fn run<A: Answer>(
    mut worker: Worker,
    answer: A,
    mut commands: UnboundedReceiver<Command>,
    limit: Duration,
) {
    let crowd = Crowd::default();
    let mut serving: Vec<Drain> = Vec::new();
    let mut draining = JoinSet::new();
    loop {
        let command = tokio::select! {
            command = commands.recv() => command,
            _ = worker.stopping.wait_for(|&stop| stop) => None,
        };
        match command {
            Some(Command::Serve { listener, door, drain }) => {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        serving.push(drain.clone());
                        let answer = answer.clone();
                        tokio::spawn(accept(listener, door, answer, drain, crowd.clone()));
                    }
                    Err(error) => tracing::error!(%error, "cannot watch a listening socket"),
                }
            }
            Some(Command::Close { drain }) => {
                draining.spawn(async move { drain.run(limit).await });
                while draining.try_join_next().is_some() {}
                serving.retain(|drain| drain.open() > 0);
            }
            None => break,
        }
    }
    for drain in serving {
        draining.spawn(async move { drain.run(limit).await });
    }
    let left: usize = draining.join_all().await.into_iter().sum();
    if left > 0 {
        tracing::warn!(worker = worker.index, left, "connections cut at the end of the drain");
    }
}
