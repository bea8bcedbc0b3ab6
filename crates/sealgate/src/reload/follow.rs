//! Enters: paths. Leaves: a wake-up, shortly after something at them changed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::interest::Interest;

/// Editors and kubelets change several files at once: so long after the last one they count, but
/// never later than so long after the first.
const QUIET: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_millis(250);

/// Watches the directories of the sources: a file is replaced more often than it is written, and
/// a mounted Secret is a symlink that moves.
pub(crate) struct Follow {
    watcher: Option<RecommendedWatcher>,
    changed: Arc<Notify>,
    interest: Arc<Mutex<Interest>>,
    /// What is watched, by device and inode: another directory at the same path needs a new watch.
    watched: BTreeMap<PathBuf, (u64, u64)>,
}

impl Follow {
    /// Starts watching. Without a watcher the process still serves, and SIGHUP reloads.
    pub(crate) fn start(paths: &[PathBuf]) -> Self {
        let changed = Arc::new(Notify::new());
        let interest = Arc::new(Mutex::new(Interest::default()));
        let watcher = watcher(&changed, &interest)
            .inspect_err(|error| tracing::warn!(%error, "no reload on change; SIGHUP reloads"))
            .ok();
        let mut follow = Self { watcher, changed, interest, watched: BTreeMap::new() };
        follow.watch(paths);
        follow
    }

    /// Watches these paths from now on. Wakes whoever waits where a watch is new: something may
    /// have changed between the load that named it and now.
    pub(crate) fn watch(&mut self, paths: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let interest = Interest::of(paths);
        let wanted: BTreeMap<_, _> = interest
            .directories()
            .filter_map(|path| Some((path.to_owned(), identity(path)?)))
            .collect();
        *self.interest.lock().unwrap_or_else(PoisonError::into_inner) = interest;
        for (gone, identity) in &self.watched {
            if wanted.get(gone) != Some(identity) {
                // It may have been removed with its watch.
                let _ = watcher.unwatch(gone);
            }
        }
        let mut new = false;
        for (path, identity) in &wanted {
            if self.watched.get(path) == Some(identity) {
                continue;
            }
            new = true;
            if let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) {
                tracing::warn!(path = %path.display(), %error, "changes here are not seen");
            }
        }
        self.watched = wanted;
        if new {
            self.changed.notify_one();
        }
    }

    /// Waits for the next change and for the quiet after it.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
        let latest = Instant::now() + LONGEST;
        loop {
            let quiet = Instant::now() + QUIET;
            let more = timeout_at(quiet.min(latest), self.changed.notified()).await;
            if more.is_err() || Instant::now() >= latest {
                return;
            }
        }
    }
}

fn watcher(
    changed: &Arc<Notify>,
    interest: &Arc<Mutex<Interest>>,
) -> notify::Result<RecommendedWatcher> {
    let (changed, interest) = (Arc::clone(changed), Arc::clone(interest));
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let matters = match &event {
            Ok(event) if event.kind.is_access() => false,
            Ok(event) => {
                let interest = interest.lock().unwrap_or_else(PoisonError::into_inner);
                event.need_rescan()
                    || event.paths.is_empty()
                    || event.paths.iter().any(|path| interest.concerns(path))
            }
            // Events may have been lost.
            Err(_) => true,
        };
        if matters {
            changed.notify_one();
        }
    })
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
