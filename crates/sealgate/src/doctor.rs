//! `sealgate doctor`: sources in; for each backend who signs for what, whether it answers a signed
//! request of the gateway itself, and one line of what to fix out.

mod client;
mod examine;
mod inside;
mod mask;
mod report;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::DoctorArguments;
use examine::Patient;
use inside::Inside;
use mask::Mask;

/// Prints what it found; 1 when something is to be fixed.
pub(crate) fn doctor(arguments: &DoctorArguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return give_up(&error),
    };
    match runtime.block_on(examine(arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => give_up(&*error),
    }
}

async fn examine(arguments: &DoctorArguments) -> Result<bool, Box<dyn std::error::Error>> {
    let outcome = sealgate_config::load(&arguments.sources.list(), &arguments.sources.options());
    let inside = Arc::new(Inside::start(&outcome.resolved).await?);
    let examined: Vec<_> = (0..inside.backends().len())
        .map(|index| {
            let inside = Arc::clone(&inside);
            tokio::spawn(async move { Patient::new(&inside, index).examine().await })
        })
        .collect();
    let mut backends = Vec::with_capacity(examined.len());
    for report in examined {
        backends.push(report.await?);
    }
    let healthy = !outcome.has_errors() && backends.iter().all(|report| report["fix"].is_null());
    let mask = Mask::of(&inside);
    let findings = &outcome.findings;
    let text = if arguments.json {
        let all = json!({ "healthy": healthy, "findings": findings, "backends": backends });
        format!("{all:#}\n")
    } else {
        let findings = findings.iter().map(|finding| format!("{}\n", finding.render(false)));
        findings.chain(backends.iter().map(report::text)).collect()
    };
    // A reader that has gone is no reason for another exit code.
    let _ = std::io::stdout().lock().write_all(mask.apply(&text).as_bytes());
    Ok(healthy)
}

fn give_up(error: &dyn std::error::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "the doctor cannot start: {error}");
    ExitCode::FAILURE
}

/// A text out of a report; empty where there is none.
fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
