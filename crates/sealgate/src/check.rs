//! `sealgate check`: what would be served, and every finding.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::cli::CheckArguments;

/// Prints the summary to stdout and findings to stderr; with `--json` all to stdout.
pub(crate) fn check(arguments: &CheckArguments) -> ExitCode {
    let outcome = sealgate_config::load(&arguments.sources.list(), &arguments.sources.options());
    let mut out = std::io::stdout().lock();
    // A reader that has gone is no reason for another exit code.
    if arguments.json {
        let _ = writeln!(out, "{}", as_json(&outcome));
    } else {
        let color = std::io::stderr().is_terminal();
        let mut err = std::io::stderr().lock();
        for finding in &outcome.findings {
            let _ = writeln!(err, "{}", finding.render(color));
        }
        let _ = write!(out, "{}", outcome.summary());
    }
    if outcome.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One object: what was found and what would be served.
fn as_json(outcome: &sealgate_config::Outcome) -> serde_json::Value {
    serde_json::json!({
        "valid": !outcome.has_errors(),
        "findings": outcome.findings,
        "summary": outcome.summary(),
    })
}
