//! `sealgate check`: what would be served, and every finding.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use sealgate_config::{Outcome, Severity};
use serde_json::{Value, json};

use crate::cli::{CheckArguments, Color};

/// Prints the summary to stdout and findings to stderr; with `--json` all to stdout. 0 when
/// nothing is wrong, 1 when there is an error; the command line itself gives 2.
pub(crate) fn check(arguments: &CheckArguments) -> ExitCode {
    let outcome = sealgate_config::load(&arguments.sources.list(), &arguments.sources.options());
    let mut out = std::io::stdout().lock();
    // A reader that has gone is no reason for another exit code.
    if arguments.json {
        let _ = writeln!(out, "{}", as_json(&outcome));
    } else {
        let color = arguments.color.wanted();
        let mut err = std::io::stderr().lock();
        for finding in &outcome.findings {
            let _ = writeln!(err, "{}\n", finding.render(color));
        }
        let _ = write!(out, "{}", outcome.summary());
        if let Some(count) = count(&outcome) {
            let _ = writeln!(err, "{count}");
        }
    }
    if outcome.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// `2 errors, 1 warning`, unless there is nothing to count.
fn count(outcome: &Outcome) -> Option<String> {
    let of = |severity, word: &str| {
        let count = number(outcome, severity);
        (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    };
    let parts: Vec<_> = [of(Severity::Error, "error"), of(Severity::Warning, "warning")]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn number(outcome: &Outcome, severity: Severity) -> usize {
    outcome.findings.iter().filter(|finding| finding.severity == severity).count()
}

/// One object: what was found, in source order, and what would be served. `docs/resources.md`
/// describes it; it only ever grows.
fn as_json(outcome: &Outcome) -> Value {
    let resolved = &outcome.resolved;
    let routes = resolved.routes.iter().map(|route| {
        let listeners = route.listeners.iter().filter_map(|&index| resolved.listeners.get(index));
        let listeners: Vec<_> = listeners
            .map(|listener| {
                json!({
                    "name": listener.name,
                    "address": listener.address,
                    "hostname": listener.hostname.as_ref().map(ToString::to_string),
                    "tls": listener.tls.is_some(),
                })
            })
            .collect();
        let backends = route.backends.iter().map(|backend| {
            // A query may hold a key.
            let path = backend.path_and_query.split('?').next().unwrap_or_default();
            json!({
                "name": backend.name,
                "url": format!("{}://{}{path}", backend.scheme, backend.authority),
                "credential": backend.credential.kind(),
            })
        });
        json!({
            "name": route.name,
            "path": route.path,
            "listeners": listeners,
            "backends": backends.collect::<Vec<_>>(),
        })
    });
    json!({
        "valid": !outcome.has_errors(),
        "errors": number(outcome, Severity::Error),
        "warnings": number(outcome, Severity::Warning),
        "notes": number(outcome, Severity::Note),
        "findings": outcome.findings,
        "routes": routes.collect::<Vec<_>>(),
        "summary": outcome.summary(),
    })
}

// === impl Color ===

impl Color {
    /// By itself colour is for terminals, and not where `NO_COLOR` is set (no-color.org).
    fn wanted(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !refused && std::io::stderr().is_terminal()
            }
        }
    }
}
