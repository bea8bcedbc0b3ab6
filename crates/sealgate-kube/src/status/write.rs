//! Statuses in, patches out; each against the version of the object that it was made for, so that
//! a newer one is never overwritten.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::Write;
use crate::object::Key;
use crate::watch::{Change, News};

/// The way to the task that writes.
pub(crate) struct Writer {
    lists: Sender<Vec<Write>>,
    busy: bool,
}

/// What was written to an object of late.
struct Recent {
    fields: Value,
    times: u32,
    at: Instant,
}

/// Patches under way at once.
const AT_ONCE: usize = 8;
/// When somebody else keeps overwriting a status, so many times it is put right; then not for a
/// while.
const INSIST: u32 = 5;
const PAUSE: Duration = Duration::from_secs(60);
/// How long one patch may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon what could not be written is looked at again.
const RETRY: Duration = Duration::from_secs(1);
/// Who writes, as managed fields show it.
const WRITER: &str = "sealgate";

// === impl Writer ===

impl Writer {
    pub(crate) fn start(client: Client, news: Sender<News>) -> Self {
        let (lists, receiver) = channel(1);
        tokio::spawn(write_all(client, receiver, news));
        Self { lists, busy: false }
    }

    /// Whether the last list is still being written.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Writes a list; [`Change::Idle`] tells when it is done.
    pub(crate) fn write(&mut self, list: Vec<Write>) {
        if !list.is_empty() {
            tracing::debug!(count = list.len(), "writing status");
            self.busy = self.lists.try_send(list).is_ok();
        }
    }

    /// The last list is written.
    pub(crate) fn rest(&mut self) {
        self.busy = false;
    }
}

async fn write_all(client: Client, mut lists: Receiver<Vec<Write>>, news: Sender<News>) {
    let mut recent: HashMap<Key, Recent> = HashMap::new();
    while let Some(list) = lists.recv().await {
        recent.retain(|_, recent| recent.at.elapsed() < PAUSE);
        let list: Vec<_> = list.into_iter().filter(|write| insists(&mut recent, write)).collect();
        let client = &client;
        let mut failed = false;
        let mut written = futures::stream::iter(list)
            .map(|write| async move { (patch(client, &write).await, write.key) })
            .buffer_unordered(AT_ONCE);
        while let Some((object, key)) = written.next().await {
            let Some((version, status)) = object else {
                failed = true;
                continue;
            };
            let change = Change::Written(key, version, status);
            if news.send(News { watch: 0, change }).await.is_err() {
                return;
            }
        }
        drop(written);
        if failed {
            tokio::time::sleep(RETRY).await;
        }
        if news.send(News { watch: 0, change: Change::Idle { failed } }).await.is_err() {
            return;
        }
    }
}

/// Whether to write, rather than to give way to somebody who writes something else.
fn insists(recent: &mut HashMap<Key, Recent>, write: &Write) -> bool {
    let last = recent.entry(write.key.clone()).or_insert_with(|| Recent {
        fields: Value::Null,
        times: 0,
        at: Instant::now(),
    });
    if last.fields != write.fields {
        *last = Recent { fields: write.fields.clone(), times: 0, at: Instant::now() };
    }
    last.times += 1;
    if last.times == INSIST + 1 {
        let object = write.key.label();
        tracing::warn!(
            object,
            "somebody else overwrites this status; it is left alone for a while"
        );
    }
    last.times <= INSIST
}

/// Writes one status; what the object then is.
async fn patch(client: &Client, write: &Write) -> Option<(String, Value)> {
    let version = write.api_version.rsplit('/').next().unwrap_or_default();
    let resource = write.key.kind.resource(version);
    let api: Api<DynamicObject> = match write.key.namespace.as_str() {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let patch = json!({
        "metadata": { "resourceVersion": write.resource_version },
        "status": write.fields,
    });
    let params = PatchParams { field_manager: Some(WRITER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(&patch);
    let patched = api.patch_status(&write.key.name, &params, &patch);
    match tokio::time::timeout(PATIENCE, patched).await {
        Ok(Ok(mut object)) => {
            let status = object.data["status"].take();
            Some((object.metadata.resource_version.unwrap_or_default(), status))
        }
        // Changed or gone meanwhile: the watch tells, and it is written anew.
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => None,
        Ok(Err(error)) => {
            let object = write.key.label();
            tracing::warn!(object, %error, "a status could not be written");
            None
        }
        Err(_) => {
            let object = write.key.label();
            tracing::warn!(object, "a status could not be written: no answer");
            None
        }
    }
}
