//! Enters: a first configuration, then others. Leaves: a process that serves them, with its admin
//! address, until it is drained.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sealgate_config::Outcome;
use sealgate_config::resolved::Resolved;
use sealgate_gateway::admin::Admin;
use sealgate_gateway::listen::{
    self, Door, Drain, ListenError, ListenerId, ListenerSpec, Settings, Workers,
};
use sealgate_gateway::observe::access::Writer;
use sealgate_gateway::observe::{Metrics, logs};
use sealgate_gateway::upstream::{Pool, PoolLimits};
use sealgate_gateway::{Gateway, Limits, Worker};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};

use crate::cli::{LogFormat, ProcessArguments};
use crate::keys::{self, Keys};
use crate::status::State;

/// A process that serves.
pub(crate) struct Server {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) state: Arc<State>,
    pub(crate) metrics: Arc<Metrics>,
    keys: Option<Keys>,
    workers: Workers,
    /// How long running requests have when it is to end.
    drain: Duration,
    /// Writes the access log until it is dropped.
    writer: Writer,
}

/// Starts the log and runs `serve` to its end.
pub(crate) fn block_on(
    arguments: &ProcessArguments,
    serve: impl Future<Output = Result<(), Box<dyn std::error::Error>>>,
) -> ExitCode {
    if let Err(error) = logs::start(arguments.log_format.into(), &arguments.log_level) {
        return refuse(&error);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error),
    };
    match runtime.block_on(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&*error),
    }
}

fn refuse(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}

// === impl Server ===

impl Server {
    /// Starts the workers; they listen nowhere yet.
    pub(crate) fn start(
        arguments: &ProcessArguments,
        outcome: &Outcome,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let metrics = Arc::new(Metrics::new());
        let (keyring, keys) = keys::keyring(arguments.session_key_file.as_deref())?;
        let gateway = Arc::new(Gateway::new(
            &outcome.resolved,
            keyring,
            limits(arguments.max_body_bytes),
            Arc::clone(&metrics),
            tokio::runtime::Handle::current(),
        ));
        let state = Arc::new(State::new(Arc::clone(&gateway), outcome.findings.clone()));
        state.tell(metrics.process());
        let format = arguments.log_format.into();
        let writer = Writer::start(io::stdout(), format, metrics.process())?;
        let workers = workers(arguments, &gateway, &metrics, &writer)?;
        let drain = Duration::from_secs(arguments.drain);
        Ok(Self { gateway, state, metrics, keys, workers, drain, writer })
    }

    /// Opens what the configuration listens on and closes what it no longer does; which ports
    /// could not be opened, and why.
    pub(crate) fn listen(&self, resolved: &Resolved) -> BTreeMap<u16, ListenError> {
        let specs = ListenerSpec::group(&resolved.listeners);
        let results = self.workers.listen(&specs).into_iter();
        let mut refused = BTreeMap::new();
        for (spec, result) in specs.iter().zip(results) {
            if let Err(error) = result {
                tracing::error!(%error, "not listening");
                refused.insert(spec.address.port(), error);
            }
        }
        refused
    }

    /// As [`Server::listen`]; what cannot be opened is an error only if nothing else can.
    pub(crate) fn listen_to_any(&self, resolved: &Resolved) -> Option<ListenError> {
        let mut refused = self.listen(resolved);
        let all = refused.len() == ListenerSpec::group(&resolved.listeners).len();
        refused.pop_last().map(|(_, error)| error).filter(|_| all)
    }

    /// The file of session keys, to be followed.
    pub(crate) fn key_file(&self) -> Option<PathBuf> {
        self.keys.as_ref().map(|keys| keys.path().to_owned())
    }

    /// Takes the session keys that now stand in their file.
    pub(crate) fn reload_keys(&mut self) {
        if let Some(keys) = &mut self.keys {
            keys.reload(&self.gateway, &self.state);
        }
    }

    /// Opens the admin address.
    pub(crate) async fn open_admin(&self, address: SocketAddr) -> io::Result<()> {
        let admin = TcpListener::bind(address).await?;
        tracing::info!(listener = "admin", address = %admin.local_addr()?, "listening");
        let door = Door::new(
            ListenerId::of(address),
            None,
            listen::Limits::default(),
            Arc::clone(self.metrics.process()),
        );
        let answer = Admin::new(Arc::clone(&self.state) as _, Arc::clone(&self.metrics));
        tokio::spawn(listen::serve(admin, door, answer, Drain::default()));
        Ok(())
    }

    /// Tells the world that requests may come.
    pub(crate) fn ready(&self, routes: usize) {
        self.state.ready();
        tracing::info!(routes, "ready");
    }

    /// Lets running requests end and closes what is open with backends, then ends; all of it
    /// within the time that is set.
    pub(crate) async fn drain(self) -> Result<(), Box<dyn std::error::Error>> {
        self.state.draining();
        tracing::info!("draining");
        let Self { gateway, workers, drain: limit, writer, .. } = self;
        let until = Instant::now() + limit;
        gateway.drain();
        workers.stop();
        let ended = tokio::task::spawn_blocking(move || {
            let clean = workers.join();
            drop(writer);
            clean
        });
        let (clean, _) = tokio::join!(ended, timeout_at(until, gateway.close_unused_sessions()));
        let _ = timeout_at(until, gateway.close_sessions()).await;
        if clean? { Ok(()) } else { Err("a worker ended by a panic".into()) }
    }
}

/// What bounds a request, its body in bytes.
pub(crate) fn limits(body: usize) -> Limits {
    Limits {
        body,
        body_patience: Duration::from_secs(30),
        held_answer: 16 * 1024 * 1024,
        keep_alive: Duration::from_secs(15),
    }
}

fn workers(
    arguments: &ProcessArguments,
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

impl From<LogFormat> for logs::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}
