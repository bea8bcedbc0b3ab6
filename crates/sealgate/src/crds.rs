//! `sealgate crds`: the CustomResourceDefinitions of what the gateway reads.

use std::io::Write as _;
use std::process::ExitCode;

/// Prints them to stdout as YAML documents.
pub(crate) fn crds() -> ExitCode {
    let text = sealgate_kube::definition::stream();
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
