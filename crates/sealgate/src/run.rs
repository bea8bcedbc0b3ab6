//! `sealgate run`: load, listen, serve, follow the sources, drain on SIGTERM.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sealgate_config::resolved::Resolved;
use sealgate_gateway::admin::Admin;
use sealgate_gateway::listen::{self, Door, Drain, ListenerId, ListenerSpec, Settings, Workers};
use sealgate_gateway::observe::access::Writer;
use sealgate_gateway::observe::{Metrics, logs};
use sealgate_gateway::upstream::{Pool, PoolLimits};
use sealgate_gateway::{Gateway, Limits, Worker};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{LogFormat, RunArguments};
use crate::keys;
use crate::reload::{Follow, Reloader};
use crate::status::State;

/// Serves until a signal says stop. 0 after a clean drain, 1 when it could not start.
pub(crate) fn run(arguments: &RunArguments) -> ExitCode {
    let format = arguments.log_format.into();
    if let Err(error) = logs::start(format, &arguments.log_level) {
        return refuse(&error);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error),
    };
    match runtime.block_on(serve(arguments, format)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&*error),
    }
}

async fn serve(
    arguments: &RunArguments,
    format: logs::Format,
) -> Result<(), Box<dyn std::error::Error>> {
    let sources = arguments.sources.list();
    let options = arguments.sources.options();
    let outcome = sealgate_config::load(&sources, &options);
    for finding in &outcome.findings {
        crate::reload::log(finding);
    }
    if outcome.resolved.routes.is_empty() {
        return Err("nothing can be served; `sealgate check` shows why".into());
    }
    let metrics = Arc::new(Metrics::new());
    let keyring = keys::keyring(arguments.session_key_file.as_deref())?;
    let gateway = Arc::new(Gateway::new(
        &outcome.resolved,
        keyring,
        limits(arguments),
        Arc::clone(&metrics),
        tokio::runtime::Handle::current(),
    ));
    let state = Arc::new(State::new(Arc::clone(&gateway), outcome.findings.clone()));
    state.tell(metrics.process());

    let writer = Writer::start(io::stdout(), format, metrics.process())?;
    let workers = start(arguments, &gateway, &metrics, &writer)?;
    listen(&workers, &outcome.resolved)?;
    let admin = TcpListener::bind(arguments.admin).await?;
    tracing::info!(listener = "admin", address = %admin.local_addr()?, "listening");
    let door = Door::new(
        ListenerId::of(arguments.admin),
        None,
        listen::Limits::default(),
        Arc::clone(metrics.process()),
    );
    let answer = Admin::new(Arc::clone(&state) as _, Arc::clone(&metrics));
    tokio::spawn(listen::serve(admin, door, answer, Drain::default()));
    state.ready();
    tracing::info!(routes = outcome.resolved.routes.len(), "ready");

    let mut reloader = Reloader::new(sources, options, outcome, gateway, Arc::clone(&state));
    let mut follow = Follow::start(reloader.watched());
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
        if let Some(resolved) = reloader.reload(metrics.process()).await {
            if let Err(error) = listen(&workers, &resolved) {
                tracing::error!(%error, "a listener could not be opened");
            }
            follow.watch(reloader.watched());
        }
    }
    state.draining();
    tracing::info!("draining");
    workers.stop();
    let clean = tokio::task::spawn_blocking(move || {
        let clean = workers.join();
        drop(writer);
        clean
    });
    if clean.await? { Ok(()) } else { Err("a worker ended by a panic".into()) }
}

fn limits(arguments: &RunArguments) -> Limits {
    Limits {
        body: arguments.max_body_bytes,
        body_patience: Duration::from_secs(30),
        held_answer: 16 * 1024 * 1024,
        keep_alive: Duration::from_secs(15),
    }
}

fn start(
    arguments: &RunArguments,
    gateway: &Arc<Gateway>,
    metrics: &Arc<Metrics>,
    writer: &Writer,
) -> io::Result<Workers> {
    let mut settings =
        Settings { drain: Duration::from_secs(arguments.drain), ..Settings::default() };
    if let Some(count) = arguments.workers {
        settings.count = count.get();
    }
    let gateway = Arc::clone(gateway);
    let logs: Vec<_> = (0..settings.count).map(|_| writer.log()).collect();
    Workers::start(settings, Arc::clone(metrics.process()), move |worker| {
        let pool = Pool::new(PoolLimits::default());
        tokio::spawn(pool.tend());
        let log = Arc::clone(&logs[worker.index % logs.len()]);
        tokio::spawn(log.tend());
        Worker::new(Arc::clone(&gateway), pool, log)
    })
}

/// Opens what the configuration listens on; what cannot be opened is an error only if nothing
/// else can.
fn listen(workers: &Workers, resolved: &Resolved) -> Result<(), Box<dyn std::error::Error>> {
    let specs = ListenerSpec::group(&resolved.listeners);
    let mut failed = None;
    let mut open = 0;
    for result in workers.listen(&specs) {
        match result {
            Ok(_) => open += 1,
            Err(error) => {
                tracing::error!(%error, "not listening");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) if open == 0 => Err(error.into()),
        _ => Ok(()),
    }
}

fn refuse(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}

impl From<LogFormat> for logs::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}
