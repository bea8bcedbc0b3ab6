//! `sealgate kube`: watch a cluster, serve what it asks for, tell it what came of that.

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sealgate_config::resolved::Credential;
use sealgate_config::{Finding, Memory, Options, Outcome};
use sealgate_gateway::observe::ReloadResult;
use sealgate_kube::{Cluster, Election, Settings, Trouble};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::KubeArguments;
use crate::reload::Follow;
use crate::server::{self, Server};

/// What runs, and what is wrong with what was asked for.
#[derive(Default)]
struct Running {
    outcome: Outcome,
    refused: BTreeMap<u16, String>,
    identities: Vec<Unresolved>,
}

/// A backend whose credentials cannot be fetched.
struct Unresolved {
    trouble: Trouble,
    /// What kind of error it is; its words may differ from one attempt to the next.
    code: &'static str,
}

/// How often identities are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Serves until a signal says stop. 0 after a clean drain, 1 when it could not start.
pub(crate) fn kube(arguments: &KubeArguments) -> ExitCode {
    server::block_on(&arguments.process, serve(arguments))
}

async fn serve(arguments: &KubeArguments) -> Result<(), Box<dyn std::error::Error>> {
    let client = sealgate_kube::connect().await?;
    let mut cluster = Cluster::start(client, settings(arguments));
    // Without a route yet: the first one needs no restart.
    let mut server = Server::start(&arguments.process, &Outcome::default())?;
    server.open_admin(arguments.process.admin).await?;
    let options = options(arguments);
    let keys: Vec<_> = server.key_file().into_iter().collect();
    let mut follow = Follow::start(&keys);
    let mut memory = Memory::default();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut running: Option<Running> = None;
    loop {
        let change = async {
            match &running {
                None => cluster.complete().await,
                Some(_) => cluster.changed().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = change => {}
            () = follow.changed() => {
                server.reload_keys();
                follow.watch(&keys);
                continue;
            }
            () = tokio::time::sleep(LOOK), if running.is_some() => {
                if let Some(running) = &mut running {
                    look_at_identities(&mut cluster, &server, running);
                }
                continue;
            }
        }
        let first = running.is_none();
        let last = running.take().unwrap_or_default();
        let next = reload(&mut cluster, &options, &mut memory, &server, last).await;
        if first {
            server.ready(next.outcome.resolved.routes.len());
        }
        running = Some(next);
    }
    server.state.draining();
    cluster.resign().await;
    tracing::info!(seconds = arguments.linger, "no longer ready; still serving");
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(arguments.linger)) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.drain().await
}

/// Loads what the cluster holds and puts it into force.
async fn reload(
    cluster: &mut Cluster,
    options: &Options,
    memory: &mut Memory,
    server: &Server,
    running: Running,
) -> Running {
    let mut outcome = sealgate_config::reload(&cluster.sources(), options, memory);
    cluster.place(&mut outcome.resolved);
    if outcome.findings != running.outcome.findings {
        let known: HashSet<_> = running.outcome.findings.iter().map(Finding::to_string).collect();
        let new = outcome.findings.iter().filter(|finding| !known.contains(&finding.to_string()));
        new.for_each(crate::reload::log);
        server.state.found(outcome.findings.clone());
    }
    let changed = outcome.resolved != running.outcome.resolved;
    server.metrics.process().reloaded(match (changed, outcome.has_errors()) {
        (_, true) => ReloadResult::Partial,
        (true, false) => ReloadResult::Applied,
        (false, false) => ReloadResult::Unchanged,
    });
    let refused = if changed {
        let plan = server.gateway.reload(&outcome.resolved).await;
        let refused = server.listen(&outcome.resolved);
        tracing::info!(generation = plan.generation, routes = plan.routes.len(), "reloaded");
        refused.into_iter().map(|(port, error)| (port, error.to_string())).collect()
    } else {
        running.refused
    };
    let identities = unresolved(server, &outcome);
    cluster.report(&outcome, &refused, &troubles(&identities));
    Running { outcome, refused, identities }
}

/// Tells the cluster when the credentials of a backend can no longer be fetched, or can again.
fn look_at_identities(cluster: &mut Cluster, server: &Server, running: &mut Running) {
    let found = unresolved(server, &running.outcome);
    if !found.iter().map(Unresolved::kind).eq(running.identities.iter().map(Unresolved::kind)) {
        cluster.report(&running.outcome, &running.refused, &troubles(&found));
        running.identities = found;
    }
}

fn unresolved(server: &Server, outcome: &Outcome) -> Vec<Unresolved> {
    let identities = server.gateway.identities().all();
    let failed: Vec<_> = identities
        .iter()
        .filter_map(|identity| Some((identity, identity.status().last_error?)))
        .collect();
    let mut found = Vec::new();
    if failed.is_empty() {
        return found;
    }
    for route in &outcome.resolved.routes {
        for backend in &route.backends {
            let Credential::Aws { identity: spec, .. } = &backend.credential else { continue };
            let Some((_, error)) = failed.iter().find(|(identity, _)| identity.spec() == spec)
            else {
                continue;
            };
            let trouble = Trouble {
                route: route.name.clone(),
                backend: backend.name.clone(),
                message: format!("the AWS credentials cannot be fetched: {error}"),
            };
            found.push(Unresolved { trouble, code: error.code() });
        }
    }
    found
}

fn troubles(identities: &[Unresolved]) -> Vec<Trouble> {
    identities.iter().map(|one| one.trouble.clone()).collect()
}

fn settings(arguments: &KubeArguments) -> Settings {
    let election = || Election {
        namespace: arguments.lease_namespace.clone(),
        name: arguments.lease.clone(),
        identity: arguments.identity.clone().unwrap_or_else(own_name),
    };
    Settings {
        controller: arguments.controller_name.clone(),
        namespaces: arguments.namespace.clone(),
        election: (!arguments.no_status).then(election),
        addresses: arguments.address.clone(),
        service: arguments.service.clone(),
    }
}

/// The host's name and this process: enough outside of a cluster.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}

fn options(arguments: &KubeArguments) -> Options {
    Options {
        listen: arguments.listen,
        via: arguments.via.clone(),
        legacy_sse: arguments.legacy_sse,
        // An object of the cluster must not read the variables of this process.
        environment: Arc::new(|_| None),
        references_take_effect: true,
        ..Options::default()
    }
}

// === impl Unresolved ===

impl Unresolved {
    /// What it is, but for the words.
    fn kind(&self) -> (&str, &str, &'static str) {
        (&self.trouble.route, &self.trouble.backend, self.code)
    }
}
