//! Enters: a format and a level. Leaves: the process's `tracing` subscriber, which writes the
//! program's own log to stderr. Requests have their own log, see [`super::access`].

use std::io::IsTerminal;

use tracing_subscriber::filter::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogsError {
    /// The level is not one.
    #[error("{0:?} is not a log level; use error, warn, info, debug, trace or `target=level,…`")]
    Level(String),
    /// Logging was started before.
    #[error("logging has already been started; start it once")]
    Started,
}

/// Starts logging to stderr. `level` is a level, or a list of `target=level`.
///
/// # Errors
/// [`LogsError`].
pub fn start(format: Format, level: &str) -> Result<(), LogsError> {
    let filter =
        EnvFilter::builder().parse(level).map_err(|_| LogsError::Level(level.to_owned()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        Format::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
        Format::Text => builder
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .try_init(),
    }
    .map_err(|_| LogsError::Started)
}
