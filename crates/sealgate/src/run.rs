//! `sealgate run`: load, serve, follow the sources, drain on SIGTERM.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::RunArguments;
use crate::reload::{Follow, Reloader};
use crate::server::{self, Server};

/// Serves until a signal says stop. 0 after a clean drain, 1 when it could not start.
pub(crate) fn run(arguments: &RunArguments) -> ExitCode {
    server::block_on(&arguments.process, serve(arguments))
}

async fn serve(arguments: &RunArguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut reloader = Reloader::load(arguments.sources.list(), arguments.sources.options());
    let outcome = &reloader.running;
    if outcome.resolved.routes.is_empty() {
        return Err("nothing can be served; `sealgate check` shows why".into());
    }
    let mut server = Server::start(&arguments.process, outcome)?;
    if let Some(error) = server.listen_to_any(&outcome.resolved) {
        return Err(error.into());
    }
    server.open_admin(arguments.process.admin).await?;
    server.ready(outcome.resolved.routes.len());

    let keys = server.key_file();
    let watched = |reloader: &Reloader| -> Vec<_> {
        reloader.watched().iter().chain(&keys).cloned().collect()
    };
    let mut follow = Follow::start(&watched(&reloader));
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {}
            () = follow.changed() => {}
        }
        server.reload_keys();
        let metrics = server.metrics.process();
        if let Some(resolved) = reloader.reload(&server.gateway, &server.state, metrics).await {
            server.listen(&resolved);
        }
        follow.watch(&watched(&reloader));
    }
    server.drain().await
}
