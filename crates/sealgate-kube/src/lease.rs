//! Replicas in, one that writes status out: a Lease of coordination.k8s.io, held as long as it is
//! renewed. Two holders for a moment do no harm, since every status is written against the version
//! that it was made for.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::watch::{Change, News};

/// How replicas agree.
#[derive(Clone, Debug)]
pub struct Election {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What this replica calls itself; no two may have one name.
    pub identity: String,
}

/// A campaign that runs.
pub(crate) struct Held {
    task: JoinHandle<()>,
    candidate: Candidate,
}

/// So long after the last renewal another replica takes over.
const DURATION: Duration = Duration::from_secs(15);
/// How often the holder renews.
const RENEW: Duration = Duration::from_secs(5);
/// How often others look; up to half as much again, so that they do not look at once.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Candidate {
    api: Api<Lease>,
    election: Election,
}

/// The Lease as it was seen, and when that was new.
struct Seen {
    version: Option<String>,
    at: Instant,
}

/// Tries for the Lease until the receiver is gone.
pub(crate) fn campaign(client: Client, election: Election, news: Sender<News>) -> Held {
    let api = Api::namespaced(client, &election.namespace);
    let candidate = Candidate { api, election };
    Held { task: tokio::spawn(candidate.clone().run(news)), candidate }
}

// === impl Held ===

impl Held {
    /// Gives the Lease back, if it is held.
    pub(crate) async fn resign(self) {
        self.task.abort();
        let resigned = tokio::time::timeout(Duration::from_secs(1), self.candidate.release()).await;
        if let Ok(Err(error)) = resigned {
            tracing::debug!(%error, "the lease was not given back; it runs out");
        }
    }
}

// === impl Candidate ===

impl Candidate {
    async fn run(self, news: Sender<News>) {
        let mut leading = false;
        let mut renewed = Instant::now();
        let mut seen = Seen { version: None, at: Instant::now() };
        let mut complained = false;
        loop {
            let asked = Instant::now();
            let now = match tokio::time::timeout(RENEW, self.try_once(&mut seen)).await {
                Ok(Ok(holds)) => {
                    complained = false;
                    if holds {
                        renewed = asked;
                    }
                    holds
                }
                failed => {
                    if !complained {
                        let error = match failed {
                            Ok(Err(error)) => error.to_string(),
                            _ => "no answer".to_owned(),
                        };
                        tracing::warn!(error, "status is not written: cannot hold the lease");
                        complained = true;
                    }
                    leading && renewed.elapsed() < DURATION
                }
            };
            if now != leading {
                leading = now;
                tracing::info!(leading, "who writes status changed");
                if news.send(News { watch: 0, change: Change::Leading(now) }).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(if leading { RENEW } else { self.look() }).await;
        }
    }

    /// Spread by name: no two replicas have one.
    fn look(&self) -> Duration {
        let sum: u64 = self.election.identity.bytes().map(u64::from).sum();
        LOOK + LOOK * u32::try_from(sum % 64).unwrap_or_default() / 128
    }

    /// Takes or renews the Lease; whether it is held.
    async fn try_once(&self, seen: &mut Seen) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.election.name).await? else {
            return held(self.api.create(&PostParams::default(), &self.fresh()).await);
        };
        if seen.version != lease.metadata.resource_version {
            *seen = Seen { version: lease.metadata.resource_version.clone(), at: Instant::now() };
        }
        let spec = lease.spec.get_or_insert_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let own = holder == self.election.identity;
        // Measured by this clock: those of two machines may differ.
        if !own && !holder.is_empty() && seen.at.elapsed() < DURATION {
            return Ok(false);
        }
        let now = MicroTime(Timestamp::now());
        if !own {
            spec.holder_identity = Some(self.election.identity.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default() + 1);
            spec.acquire_time = Some(now.clone());
        }
        spec.renew_time = Some(now);
        spec.lease_duration_seconds = Some(seconds(DURATION));
        held(self.api.replace(&self.election.name, &PostParams::default(), &lease).await)
    }

    async fn release(&self) -> Result<(), kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.election.name).await? else { return Ok(()) };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_ref() == Some(&self.election.identity) {
            spec.holder_identity = None;
            self.api.replace(&self.election.name, &PostParams::default(), &lease).await?;
        }
        Ok(())
    }

    fn fresh(&self) -> Lease {
        let now = MicroTime(Timestamp::now());
        Lease {
            metadata: ObjectMeta {
                name: Some(self.election.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.election.identity.clone()),
                lease_duration_seconds: Some(seconds(DURATION)),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
        }
    }
}

/// Another replica was faster: no error, but not held.
fn held(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
