//! Enters: how many workers, and how to build what answers. Leaves: threads with a runtime each
//! that serve the listeners of the moment, until they are told to stop.

mod thread;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::Answer;
use super::certificates::server_config;
use super::door::{Door, Limits};
use super::drain::Drain;
use super::socket::{ListenError, bind};
use super::spec::ListenerSpec;
use crate::observe::ProcessMetrics;

/// How workers run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many; one a core is best.
    pub count: usize,
    /// What clients may cost.
    pub limits: Limits,
    /// How long connections may take to finish when their listener goes.
    pub drain: Duration,
}

/// What a worker is built with. Code that gets it runs on the worker's runtime.
#[derive(Clone, Debug)]
pub struct Worker {
    /// From 0.
    pub index: usize,
    /// Turns true when the process is to stop.
    pub stopping: watch::Receiver<bool>,
}

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The name of its listener.
    pub name: String,
    /// The address as the system gave it: with a port.
    pub address: SocketAddr,
}

/// The running workers.
pub struct Workers {
    settings: Settings,
    metrics: Arc<ProcessMetrics>,
    commands: Vec<mpsc::UnboundedSender<thread::Command>>,
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    open: Mutex<HashMap<SocketAddr, Open>>,
}

/// A configured address that is listened on.
struct Open {
    bound: Bound,
    spec: ListenerSpec,
    door: Arc<Door>,
    /// One a worker.
    drains: Vec<Drain>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            count: std::thread::available_parallelism().map_or(1, usize::from),
            limits: Limits::default(),
            drain: Duration::from_secs(30),
        }
    }
}

// === impl Workers ===

impl Workers {
    /// Starts the threads. `build` runs once on each, inside its runtime, so it may spawn.
    ///
    /// # Errors
    /// When the system gives no thread or runtime.
    pub fn start<A: Answer>(
        settings: Settings,
        metrics: Arc<ProcessMetrics>,
        build: impl Fn(Worker) -> A + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (stop, stopping) = watch::channel(false);
        let build = Arc::new(build);
        let mut workers = Self {
            metrics,
            commands: Vec::new(),
            threads: Vec::new(),
            stop,
            open: Mutex::default(),
            settings,
        };
        for index in 0..workers.settings.count.max(1) {
            let (sender, commands) = mpsc::unbounded_channel();
            let worker = Worker { index, stopping: stopping.clone() };
            let thread =
                thread::start(worker, Arc::clone(&build), commands, workers.settings.drain)?;
            workers.commands.push(sender);
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// Makes `specs` the set of listeners: new addresses are bound, those no longer named are
    /// drained, certificates of the others are replaced; connections that can stay, stay. One
    /// result a spec, in order.
    pub fn listen(&self, specs: &[ListenerSpec]) -> Vec<Result<Bound, ListenError>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // First, so that a port that moves to another address is free.
        open.retain(|address, listener| {
            let stays = specs.iter().any(|spec| spec.address == *address);
            if !stays {
                tracing::info!(
                    listener = listener.bound.name, address = %listener.bound.address, "closing"
                );
                self.close(listener);
            }
            stays
        });
        let listen = |spec: &ListenerSpec| match open.get_mut(&spec.address) {
            Some(known) => known.update(spec),
            None => {
                let opened = self.open(spec)?;
                let bound = opened.bound.clone();
                open.insert(spec.address, opened);
                Ok(bound)
            }
        };
        specs.iter().map(listen).collect()
    }

    /// Tells every worker to stop: no new connections, and the open ones finish their request.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until every worker has stopped, which [`Workers::stop`] must have asked for. Blocks.
    /// Returns false when a worker has panicked.
    pub fn join(self) -> bool {
        let Self { threads, commands, .. } = self;
        drop(commands);
        // Counted, not `all`: every thread is waited for.
        threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count() == 0
    }

    fn open(&self, spec: &ListenerSpec) -> Result<Open, ListenError> {
        let socket =
            |error| ListenError::Socket { name: spec.name.clone(), address: spec.address, error };
        let tls = server_config(&spec.certificates)
            .map_err(|error| ListenError::Certificate { name: spec.name.clone(), error })?;
        let door = Door::new(spec.id(), tls, self.settings.limits, Arc::clone(&self.metrics));
        let sockets = bind(spec.address, self.commands.len()).map_err(socket)?;
        let mut address = spec.address;
        let mut drains = Vec::with_capacity(sockets.len());
        for (listener, worker) in sockets.into_iter().zip(&self.commands) {
            address = listener.local_addr().map_err(socket)?;
            let drain = Drain::default();
            drains.push(drain.clone());
            // A worker that is gone serves nothing; the others do.
            let _ =
                worker.send(thread::Command::Serve { listener, door: Arc::clone(&door), drain });
        }
        tracing::info!(listener = spec.name, %address, tls = !spec.certificates.is_empty(), "listening");
        let bound = Bound { name: spec.name.clone(), address };
        Ok(Open { bound, spec: spec.clone(), door, drains })
    }

    fn close(&self, listener: &Open) {
        for (worker, drain) in self.commands.iter().zip(&listener.drains) {
            let _ = worker.send(thread::Command::Close { drain: drain.clone() });
        }
    }
}

// === impl Open ===

impl Open {
    fn update(&mut self, spec: &ListenerSpec) -> Result<Bound, ListenError> {
        if self.spec.certificates != spec.certificates {
            let tls = server_config(&spec.certificates)
                .map_err(|error| ListenError::Certificate { name: spec.name.clone(), error })?;
            self.door.tls.store(tls);
        }
        self.spec = spec.clone();
        self.bound.name.clone_from(&spec.name);
        Ok(self.bound.clone())
    }
}
