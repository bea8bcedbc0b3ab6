//! Enters: changes of the sources. Leaves: a new plan, or the running one where nothing changed;
//! what a bad edit broke keeps its last good state.

mod follow;
mod keep;

pub(crate) use follow::Follow;

use std::path::PathBuf;
use std::sync::Arc;

use sealgate_config::resolved::Resolved;
use sealgate_config::{Finding, Options, Outcome, Severity, Source};
use sealgate_gateway::Gateway;
use sealgate_gateway::observe::{ProcessMetrics, ReloadResult};

use crate::status::State;

/// Loads the sources again when asked.
pub(crate) struct Reloader {
    sources: Vec<Source>,
    options: Options,
    running: Outcome,
    gateway: Arc<Gateway>,
    state: Arc<State>,
}

impl Reloader {
    pub(crate) fn new(
        sources: Vec<Source>,
        options: Options,
        running: Outcome,
        gateway: Arc<Gateway>,
        state: Arc<State>,
    ) -> Self {
        Self { sources, options, running, gateway, state }
    }

    /// The files and directories whose changes matter.
    pub(crate) fn watched(&self) -> &[PathBuf] {
        &self.running.resolved.watched
    }

    /// Loads again and puts what changed into force; tells what now runs if anything did.
    pub(crate) async fn reload(&mut self, metrics: &ProcessMetrics) -> Option<Resolved> {
        let mut outcome = sealgate_config::load(&self.sources, &self.options);
        if outcome.has_errors() {
            keep::last_good(&self.running.resolved, &mut outcome);
        }
        if outcome.findings != self.running.findings {
            outcome.findings.iter().for_each(log);
            self.state.found(outcome.findings.clone());
        }
        let changed = outcome.resolved != self.running.resolved;
        let result = match (changed, outcome.has_errors()) {
            (_, true) => ReloadResult::Partial,
            (true, false) => ReloadResult::Applied,
            (false, false) => ReloadResult::Unchanged,
        };
        metrics.reloaded(result);
        self.running = outcome;
        if !changed {
            return None;
        }
        let plan = self.gateway.reload(&self.running.resolved).await;
        tracing::info!(generation = plan.generation, routes = plan.routes.len(), "reloaded");
        Some(self.running.resolved.clone())
    }
}

/// Writes a finding to the log, at its own level.
pub(crate) fn log(finding: &Finding) {
    let place = finding.place.as_ref().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("-");
    let help = finding.help.as_deref().unwrap_or("");
    let field = finding.place.as_ref().map_or("", |place| place.field.as_str());
    let (code, message) = (finding.code, &finding.message);
    match finding.severity {
        Severity::Error => tracing::error!(code, place, field, help, "{message}"),
        Severity::Warning => tracing::warn!(code, place, field, help, "{message}"),
        Severity::Note => tracing::info!(code, place, field, help, "{message}"),
    }
}
