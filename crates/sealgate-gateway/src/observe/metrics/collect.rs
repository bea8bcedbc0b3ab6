//! Enters: the tables, when somebody reads the metrics. Leaves: every family under its name. The
//! `mcp_*` families carry the names that dashboards for Envoy AI Gateway ask for; they are
//! computed here from the same counts.

use std::collections::BTreeMap;
use std::fmt::{self, Error};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::cells::{Cell, Durations, Histogram};
use super::operation::Outcome;
use super::process::ReloadResult;
use super::{BackendCells, RouteCells, Tables, lock};

/// Encodes every family.
pub(super) struct Families(pub(super) Arc<Tables>);

/// What is alive at this moment, in stable order.
struct Snapshot {
    routes: Vec<Arc<RouteCells>>,
    backends: Vec<Arc<BackendCells>>,
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let snapshot = Snapshot::take(&self.0);
        snapshot.requests(&mut encoder)?;
        snapshot.eras(&mut encoder)?;
        snapshot.routes(&mut encoder)?;
        snapshot.backends(&mut encoder)?;
        snapshot.peer_names(&mut encoder)?;
        self.process(&mut encoder)?;
        self.identities(&mut encoder)
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Families")
    }
}

impl Families {
    fn process(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let process = &self.0.process;
        let count = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed);
        let mut family =
            Family::open(encoder, "sealgate_build", "The version that runs.", MetricType::Info)?;
        family.0.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        Family::open(
            encoder,
            "sealgate_connections",
            "Open client connections.",
            MetricType::Gauge,
        )?
        .0
        .encode_gauge(&process.connections.load(Ordering::Relaxed))?;
        let help = "Client connections accepted.";
        Family::open(encoder, "sealgate_connections_accepted", help, MetricType::Counter)?
            .total(count(&process.accepted))?;
        let help = "Client connections turned away because there were too many.";
        Family::open(encoder, "sealgate_connections_refused", help, MetricType::Counter)?
            .total(count(&process.refused))?;
        let help = "Access log lines lost because nobody read them fast enough.";
        Family::open(encoder, "sealgate_access_lines_dropped", help, MetricType::Counter)?
            .total(count(&process.lines_dropped))?;
        let help = "Reloads of the configuration by result.";
        let mut reloads = Family::open(encoder, "sealgate_reloads", help, MetricType::Counter)?;
        for result in ReloadResult::ALL {
            let value = count(&process.reloads[result as usize]);
            reloads.counter(&[("result", result.label())], value)?;
        }
        Ok(())
    }

    fn identities(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let identities = self.0.process.identity_facts();
        let help = "When the current credentials of an AWS identity end, in Unix seconds.";
        let name = "sealgate_identity_expiry_timestamp_seconds";
        let mut family = Family::open(encoder, name, help, MetricType::Gauge)?;
        for identity in &identities {
            let seconds = identity
                .expires_at
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| i64::try_from(since.as_secs()).ok());
            if let Some(seconds) = seconds {
                family.gauge(&[("identity", &identity.name)], seconds)?;
            }
        }
        let help = "How long the current credentials of an AWS identity still live.";
        let name = "sealgate_identity_expires_in_seconds";
        let mut family = Family::open(encoder, name, help, MetricType::Gauge)?;
        let now = SystemTime::now();
        for identity in &identities {
            if let Some(at) = identity.expires_at {
                let left = at.duration_since(now).unwrap_or_default().as_secs();
                let left = i64::try_from(left).unwrap_or(i64::MAX);
                family.gauge(&[("identity", &identity.name)], left)?;
            }
        }
        let help = "Refreshes of an AWS identity by result.";
        let name = "sealgate_identity_refreshes";
        let mut family = Family::open(encoder, name, help, MetricType::Counter)?;
        for identity in &identities {
            let failed = identity.failures.iter().map(|(_, count)| count).sum();
            for (result, value) in [("ok", identity.refreshes), ("failed", failed)] {
                let name = identity.name.as_str();
                family.counter(&[("identity", name), ("result", result)], value)?;
            }
        }
        let help = "Failed refreshes of an AWS identity, by what failed.";
        let name = "sealgate_identity_failures";
        let mut family = Family::open(encoder, name, help, MetricType::Counter)?;
        for identity in &identities {
            for &(kind, count) in &identity.failures {
                let name = identity.name.as_str();
                family.counter(&[("identity", name), ("kind", kind)], count)?;
            }
        }
        Ok(())
    }
}

// === impl Snapshot ===

impl Snapshot {
    fn take(tables: &Tables) -> Self {
        let mut routes: Vec<_> = lock(&tables.routes).values().filter_map(Weak::upgrade).collect();
        let mut backends: Vec<_> =
            lock(&tables.backends).values().filter_map(Weak::upgrade).collect();
        routes.sort_by(|one, two| one.name.cmp(&two.name));
        backends.sort_by(|one, two| (&one.route, &one.name).cmp(&(&two.route, &two.name)));
        Self { routes, backends }
    }

    /// Every request table with its route and backend.
    fn tables(&self) -> impl Iterator<Item = (&str, &str, &Durations)> {
        let routes = self.routes.iter().map(|cells| (&*cells.name, "", &cells.requests));
        let backends =
            self.backends.iter().map(|cells| (&*cells.route, &*cells.name, &cells.requests));
        routes.chain(backends)
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "Requests of clients, by how they ended.";
        let mut family = Family::open(encoder, "sealgate_requests", help, MetricType::Counter)?;
        for (route, backend, table) in self.tables() {
            for cell in table.seen() {
                let labels = [("route", route), ("method", cell.label()), ("backend", backend)];
                for outcome in Outcome::ALL {
                    let count = cell.count(outcome);
                    if count > 0 {
                        let [route, method, backend] = labels;
                        let outcome = ("outcome", outcome.label());
                        family.counter(&[route, method, backend, outcome], count)?;
                    }
                }
            }
        }
        let help = "How long requests of clients took, until the last byte of the answer.";
        let name = "sealgate_request_duration_seconds";
        let mut family = Family::open(encoder, name, help, MetricType::Histogram)?;
        for (route, backend, table) in self.tables() {
            for cell in table.seen() {
                let labels = [("route", route), ("method", cell.label()), ("backend", backend)];
                let mut histogram = Histogram::default();
                cell.add_to(&mut histogram, |_| true);
                family.histogram(&labels, &histogram)?;
            }
        }
        Ok(())
    }

    fn eras(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let routes = self.routes.iter().map(|cells| (&*cells.name, "", &cells.eras));
        let backends = self.backends.iter().map(|cells| (&*cells.route, &*cells.name, &cells.eras));
        let help = "Requests of clients, by the eras that client and backend spoke.";
        let mut family = Family::open(encoder, "sealgate_era_requests", help, MetricType::Counter)?;
        for (route, name, eras) in routes.chain(backends) {
            for (client, backend, count) in eras.seen() {
                let labels = [
                    ("route", route),
                    ("backend", name),
                    ("client_era", client),
                    ("backend_era", backend),
                ];
                family.counter(&labels, count)?;
            }
        }
        Ok(())
    }

    fn routes(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "Legacy sessions opened.";
        let mut family =
            Family::open(encoder, "sealgate_sessions_opened", help, MetricType::Counter)?;
        for route in &self.routes {
            family.counter(&[("route", &*route.name)], route.sessions.load(Ordering::Relaxed))?;
        }
        let help = "Streams to clients that are open now.";
        let mut family = Family::open(encoder, "sealgate_open_streams", help, MetricType::Gauge)?;
        for route in &self.routes {
            family.gauge(&[("route", &*route.name)], route.streams.load(Ordering::Relaxed))?;
        }
        Ok(())
    }

    fn backends(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "Requests to backends that left with an AWS signature.";
        let mut family = Family::open(encoder, "sealgate_signatures", help, MetricType::Counter)?;
        for backend in &self.backends {
            let labels = [("route", &*backend.route), ("backend", &*backend.name)];
            family.counter(&labels, backend.signatures.load(Ordering::Relaxed))?;
        }
        let help = "Pages of lists that may be kept, by whether they were there.";
        let mut family =
            Family::open(encoder, "sealgate_list_cache_lookups", help, MetricType::Counter)?;
        for backend in &self.backends {
            for (result, count) in ["hit", "miss"].into_iter().zip(&backend.lists) {
                let (route, name) = (&*backend.route, &*backend.name);
                let labels = [("route", route), ("backend", name), ("result", result)];
                family.counter(&labels, count.load(Ordering::Relaxed))?;
            }
        }
        let help = "Lists of before that were given because the backend was down.";
        let mut family = Family::open(encoder, "sealgate_lists_kept", help, MetricType::Counter)?;
        for backend in &self.backends {
            let labels = [("route", &*backend.route), ("backend", &*backend.name)];
            family.counter(&labels, backend.lists_kept.load(Ordering::Relaxed))?;
        }
        let help = "Requests to backends sent again because of the first answer, by why.";
        let mut family = Family::open(encoder, "sealgate_resends", help, MetricType::Counter)?;
        for backend in &self.backends {
            let resends: BTreeMap<_, _> =
                lock(&backend.resends).iter().map(|(&why, &count)| (why, count)).collect();
            for (why, count) in resends {
                let (route, name) = (&*backend.route, &*backend.name);
                family.counter(&[("route", route), ("backend", name), ("reason", why)], count)?;
            }
        }
        let help = "Failed exchanges with backends, by what failed.";
        let name = "sealgate_backend_errors";
        let mut family = Family::open(encoder, name, help, MetricType::Counter)?;
        for backend in &self.backends {
            let errors: BTreeMap<_, _> =
                lock(&backend.errors).iter().map(|(&kind, &count)| (kind, count)).collect();
            for (kind, count) in errors {
                let (route, name) = (&*backend.route, &*backend.name);
                family.counter(&[("route", route), ("backend", name), ("kind", kind)], count)?;
            }
        }
        Ok(())
    }

    /// The peer has no route label: a backend's routes are added up.
    fn peer_names(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut durations: BTreeMap<(&str, &str), Histogram> = BTreeMap::new();
        let mut methods: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for (_, backend, table) in self.tables() {
            for cell in table.seen() {
                for outcome in Outcome::ALL {
                    let count = cell.count(outcome);
                    if count == 0 {
                        continue;
                    }
                    *methods.entry((cell.label(), outcome.status(), backend)).or_default() += count;
                    let kind = error_type(outcome);
                    let histogram = durations.entry((backend, kind)).or_default();
                    Cell::add_to(cell, histogram, |other| other == outcome);
                }
            }
        }
        let help = "How long requests took.";
        let name = "mcp_request_duration";
        let mut family = Family::open(encoder, name, help, MetricType::Histogram)?;
        for ((backend, kind), histogram) in &durations {
            let labels = [("mcp_backend", *backend), ("error_type", *kind)];
            // Without an error there is no such label.
            let labels = if kind.is_empty() { &labels[..1] } else { &labels[..] };
            family.histogram(&labels, histogram)?;
        }
        let name = "mcp_method_count";
        let mut family = Family::open(encoder, name, "Requests by method.", MetricType::Counter)?;
        for ((method, status, backend), count) in methods {
            let labels =
                [("mcp_method_name", method), ("status", status), ("mcp_backend", backend)];
            family.counter(&labels, count)?;
        }
        Ok(())
    }
}

/// The peer's `error.type`.
fn error_type(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success | Outcome::ToolError => "",
        Outcome::RpcError | Outcome::Refused => "invalid_param",
        Outcome::Failed | Outcome::Cancelled => "internal_error",
    }
}

/// One family whose samples are being written.
struct Family<'a>(MetricEncoder<'a>);

impl<'a> Family<'a> {
    fn open(
        encoder: &'a mut DescriptorEncoder<'_>,
        name: &'a str,
        help: &str,
        kind: MetricType,
    ) -> Result<Self, Error> {
        encoder.encode_descriptor(name, help, None, kind).map(Self)
    }

    fn counter(&mut self, labels: &impl EncodeLabelSet, value: u64) -> Result<(), Error> {
        self.0.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// The only sample of a counter without labels.
    fn total(&mut self, value: u64) -> Result<(), Error> {
        self.0.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn gauge(&mut self, labels: &impl EncodeLabelSet, value: i64) -> Result<(), Error> {
        self.0.encode_family(labels)?.encode_gauge(&value)
    }

    fn histogram(&mut self, labels: &impl EncodeLabelSet, value: &Histogram) -> Result<(), Error> {
        self.0.encode_family(labels)?.encode_histogram::<NoLabelSet>(
            value.seconds,
            value.count,
            &value.buckets(),
            None,
        )
    }
}
