//! Enters: changes of the sources. Leaves: a new plan, or the running one where nothing changed;
//! what a bad edit broke keeps its last good state.

mod follow;
mod interest;

pub(crate) use follow::Follow;

use std::path::PathBuf;
use std::sync::Arc;

use sealgate_config::resolved::Resolved;
use sealgate_config::{Finding, Memory, Options, Outcome, Severity, Source};
use sealgate_gateway::Gateway;
use sealgate_gateway::observe::{ProcessMetrics, ReloadResult};

use crate::status::State;

/// Loads the sources, and loads them again when asked.
pub(crate) struct Reloader {
    sources: Vec<Source>,
    options: Options,
    memory: Memory,
    pub(crate) running: Outcome,
}

impl Reloader {
    /// Loads for the first time, and writes what was found to the log.
    pub(crate) fn load(sources: Vec<Source>, options: Options) -> Self {
        let mut memory = Memory::default();
        let running = sealgate_config::reload(&sources, &options, &mut memory);
        running.findings.iter().for_each(log);
        Self { sources, options, memory, running }
    }

    /// The files and directories whose changes matter.
    pub(crate) fn watched(&self) -> &[PathBuf] {
        &self.running.resolved.watched
    }

    /// Loads again and puts what changed into force; tells what now runs if anything did.
    pub(crate) async fn reload(
        &mut self,
        gateway: &Arc<Gateway>,
        state: &State,
        metrics: &ProcessMetrics,
    ) -> Option<Resolved> {
        let outcome = self.read().await?;
        if outcome.findings != self.running.findings {
            let new = |finding: &&Finding| !self.running.findings.contains(finding);
            outcome.findings.iter().filter(new).for_each(log);
            state.found(outcome.findings.clone());
        }
        let changed = outcome.resolved != self.running.resolved;
        metrics.reloaded(match (changed, outcome.has_errors()) {
            (_, true) => ReloadResult::Partial,
            (true, false) => ReloadResult::Applied,
            (false, false) => ReloadResult::Unchanged,
        });
        self.running = outcome;
        if !changed {
            return None;
        }
        let plan = gateway.reload(&self.running.resolved).await;
        tracing::info!(generation = plan.generation, routes = plan.routes.len(), "reloaded");
        Some(self.running.resolved.clone())
    }

    /// Reads beside the runtime, on which identities refresh and the admin address answers.
    async fn read(&mut self) -> Option<Outcome> {
        let (sources, options) = (self.sources.clone(), self.options.clone());
        let mut memory = std::mem::take(&mut self.memory);
        let reading = tokio::task::spawn_blocking(move || {
            let outcome = sealgate_config::reload(&sources, &options, &mut memory);
            (outcome, memory)
        });
        match reading.await {
            Ok((outcome, memory)) => {
                self.memory = memory;
                Some(outcome)
            }
            Err(error) => {
                tracing::error!(%error, "the sources could not be read; what runs stays");
                None
            }
        }
    }
}

/// Writes a finding to the log, at its own level.
pub(crate) fn log(finding: &Finding) {
    let place = finding.place.as_ref().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("-");
    let help = finding.help.as_deref().unwrap_or("");
    let field = finding.place.as_ref().map_or("", |place| place.field.as_str());
    let (code, message, kept) = (finding.code, &finding.message, finding.kept);
    match finding.severity {
        Severity::Error => tracing::error!(code, place, field, help, kept, "{message}"),
        Severity::Warning => tracing::warn!(code, place, field, help, kept, "{message}"),
        Severity::Note => tracing::info!(code, place, field, help, kept, "{message}"),
    }
}
