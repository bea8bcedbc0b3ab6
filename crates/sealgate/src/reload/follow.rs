//! Enters: paths. Leaves: a wake-up, shortly after something at them changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Editors and kubelets change several files at once; this long after the last one, it counts.
const QUIET: Duration = Duration::from_millis(100);

/// Watches the directories of the sources: a file is replaced more often than it is written, and
/// a mounted Secret is a symlink that moves.
pub(crate) struct Follow {
    watcher: Option<RecommendedWatcher>,
    changed: Arc<Notify>,
    directories: BTreeSet<PathBuf>,
}

impl Follow {
    /// Starts watching. Without a watcher the process still serves, and SIGHUP reloads.
    pub(crate) fn start(paths: &[PathBuf]) -> Self {
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let reads_only = event.as_ref().is_ok_and(|event| event.kind.is_access());
            if !reads_only {
                notify.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "no reload on change; SIGHUP reloads"))
            .ok();
        let mut follow = Self { watcher, changed, directories: BTreeSet::new() };
        follow.watch(paths);
        follow
    }

    /// Watches these paths from now on.
    pub(crate) fn watch(&mut self, paths: &[PathBuf]) {
        let wanted: BTreeSet<_> = paths.iter().map(|path| directory(path)).collect();
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.directories.difference(&wanted) {
            // It may have been removed with its watch.
            let _ = watcher.unwatch(gone);
        }
        for new in wanted.difference(&self.directories) {
            if let Err(error) = watcher.watch(new, RecursiveMode::Recursive) {
                tracing::warn!(path = %new.display(), %error, "changes here are not seen");
            }
        }
        self.directories = wanted;
    }

    /// Waits for the next change and for the quiet after it.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
        while tokio::time::timeout(QUIET, self.changed.notified()).await.is_ok() {}
    }
}

fn directory(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
