//! One kind of objects in one place in; what happens to them out. Expired versions, an API server
//! that restarts and a kind that is not installed yet all end in the same: the truth, later.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use crate::kind::Kind;
use crate::line::{Line, Turn};
use crate::object::{Key, Object};

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scope {
    pub(crate) kind: Kind,
    /// `None` for all, or for a kind of the cluster.
    pub(crate) namespace: Option<String>,
    pub(crate) selection: Selection,
}

/// Which objects of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Selection {
    /// Every one.
    All,
    /// One, selected by the API server.
    Name(String),
    /// These; there are so many that the API server is asked for all, and others are let go.
    Names(BTreeSet<String>),
    /// EndpointSlices of these Services, selected by the API server.
    Services(Vec<String>),
}

/// Something that a watch, or a writer, saw.
pub(crate) struct News {
    /// Of which watch; 0 is none.
    pub(crate) watch: u64,
    pub(crate) change: Change,
}

/// What it saw.
pub(crate) enum Change {
    Applied(Key, Box<Object>),
    Deleted(Key),
    /// These are all that there are.
    Listed(HashSet<Key>),
    /// The kind is not installed.
    Absent,
    /// It may not be watched, or the API server does not answer.
    Failed {
        forbidden: bool,
        message: String,
    },
    /// This replica writes status, or no longer does. Of no watch.
    Leading(bool),
    /// A status was written: the object's new version and its status. Of no watch.
    Written(Key, String, Value),
    /// Every status that was asked for is written, or failed to be. Of no watch.
    Idle {
        failed: bool,
    },
}

/// How soon a failed watch is tried again: doubled up to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// A watch that has not failed after this long goes on.
const SETTLED: Duration = Duration::from_millis(300);
/// How soon a kind that is not installed is looked for again: doubled up to the second.
const ABSENT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Watches until the receiver is gone.
pub(crate) async fn follow(
    client: Client,
    line: Line,
    scope: Scope,
    watch: u64,
    news: Sender<News>,
) {
    let versions = scope.kind.names().versions;
    let mut attempt = 0;
    let mut absent = Delay::new(ABSENT);
    loop {
        let version = versions[attempt % versions.len()];
        let ended = follow_version(&client, &line, &scope, version, watch, &news).await;
        match ended {
            Ended::Unwanted => return,
            Ended::Absent => {
                attempt += 1;
                // The last of its versions: none of them is there.
                if attempt % versions.len() == 0 {
                    if news.send(News { watch, change: Change::Absent }).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(absent.next()).await;
                }
            }
        }
    }
}

enum Ended {
    Absent,
    Unwanted,
}

async fn follow_version(
    client: &Client,
    line: &Line,
    scope: &Scope,
    version: &str,
    watch: u64,
    news: &Sender<News>,
) -> Ended {
    let resource = scope.kind.resource(version);
    let api: Api<DynamicObject> = match &scope.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let mut events = pin!(watcher(api, scope.selection.config()));
    let mut seen = HashSet::new();
    let mut retry = Delay::new(RETRY);
    let mut turn: Option<Turn> = None;
    loop {
        let event = match turn.take() {
            None => events.next().await,
            Some(held) => match tokio::time::timeout(SETTLED, events.next()).await {
                // A watch that goes on says nothing until something happens.
                Err(_) => {
                    held.succeeded();
                    continue;
                }
                Ok(event) => {
                    match &event {
                        Some(Err(error)) if status_code(error).is_none() => turn = Some(held),
                        _ => held.succeeded(),
                    }
                    event
                }
            },
        };
        let Some(event) = event else { return Ended::Unwanted };
        let change = match event {
            Ok(Event::Init) => {
                seen.clear();
                continue;
            }
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                let key = Key::of(scope.kind, &object);
                if !scope.selection.wants(&key) {
                    continue;
                }
                seen.insert(key.clone());
                let object = Object::of(&key, version, object);
                Change::Applied(key, Box::new(object))
            }
            Ok(Event::Delete(object)) => Change::Deleted(Key::of(scope.kind, &object)),
            Ok(Event::InitDone) => {
                retry = Delay::new(RETRY);
                Change::Listed(std::mem::take(&mut seen))
            }
            Err(error) if status_code(&error) == Some(404) => return Ended::Absent,
            Err(error) => {
                // An expired version is no failure: the next thing is a list.
                if status_code(&error) != Some(410) {
                    let forbidden = matches!(status_code(&error), Some(401 | 403));
                    let change = Change::Failed { forbidden, message: describe(&error) };
                    if news.send(News { watch, change }).await.is_err() {
                        return Ended::Unwanted;
                    }
                }
                if status_code(&error).is_none() && turn.is_none() {
                    // No answer: not this kind's trouble but the line's.
                    turn = line.wait(line.repairs()).await;
                    if turn.is_none() {
                        retry = Delay::new(RETRY);
                    }
                }
                tokio::time::sleep(retry.next()).await;
                continue;
            }
        };
        if news.send(News { watch, change }).await.is_err() {
            return Ended::Unwanted;
        }
    }
}

fn status_code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// The whole chain of causes, which the error alone does not tell.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

// === impl Scope ===

impl Scope {
    /// Whether the objects that this watch lists are all that there can be for `key`.
    pub(crate) fn covers(&self, key: &Key, object: &Object) -> bool {
        self.kind == key.kind
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
            && match &self.selection {
                Selection::Services(services) => services.contains(&object.facts.owner),
                selection => selection.wants(key),
            }
    }
}

// === impl Selection ===

impl Selection {
    fn wants(&self, key: &Key) -> bool {
        match self {
            Self::All | Self::Services(_) => true,
            Self::Name(name) => *name == key.name,
            Self::Names(names) => names.contains(&key.name),
        }
    }

    fn config(&self) -> watcher::Config {
        let config = watcher::Config::default();
        match self {
            Self::All | Self::Names(_) => config,
            Self::Name(name) => config.fields(&format!("metadata.name={name}")),
            Self::Services(services) => {
                config.labels(&format!("kubernetes.io/service-name in ({})", services.join(",")))
            }
        }
    }
}

/// A time that doubles up to a limit.
pub(crate) struct Delay {
    next: Duration,
    longest: Duration,
}

// === impl Delay ===

impl Delay {
    pub(crate) fn new((first, longest): (Duration, Duration)) -> Self {
        Self { next: first, longest }
    }

    /// Up to a half shorter than it could be, so that the watches of a fleet do not come at once.
    pub(crate) fn next(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.longest);
        // Every one of these begins with another random state.
        let random = RandomState::new().hash_one(0) % 512;
        delay - delay * u32::try_from(random).unwrap_or_default() / 1024
    }
}
