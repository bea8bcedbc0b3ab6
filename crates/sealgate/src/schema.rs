//! `sealgate schema`: a JSON Schema of the resources, for editors.

use std::io::Write as _;
use std::process::ExitCode;

/// Prints it to stdout.
pub(crate) fn schema() -> ExitCode {
    match writeln!(std::io::stdout().lock(), "{:#}", sealgate_config::schema()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
