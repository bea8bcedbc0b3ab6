//! Sources and what earlier loads took in; out comes what can be served now: the present state of
//! the sources, but for the parts that an edit broke, which stay as they were.
//!
//! What can be served is a function of the texts alone. A load reads all of them; where a part is
//! broken that an earlier load took, it reads everything again with the earlier text of that part,
//! and keeps it unless it has the same errors. So a removal always takes effect (what refers to
//! the removed is broken in its old version too), and a part is exactly as bad as its own edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::asked::Asked;
use crate::gather::{Gathered, gather};
use crate::load::{Loaded, Reading, load};
use crate::memory::{Memory, Unit, Values};
use crate::report::{Errors, Found, Report};
use crate::resolve::resolve;
use crate::{Finding, Options, Outcome, Resolved, Severity, Source};

/// Errors that always take effect: to keep the version without a protection that somebody has
/// just asked for would be to serve it unprotected.
const EFFECTIVE: [&str; 2] = ["unenforced-protection", "aws-never-signed"];
/// That nothing is left follows from what was lost, which has errors of its own.
const CONSEQUENCE: &str = "route-left-out";
/// Errors that take effect under [`Options::references_take_effect`].
const DANGLING: [&str; 7] = [
    "backend-kind",
    "duplicate-resource",
    "listener-conflict",
    "no-listener",
    "no-reference-grant",
    "route-conflict",
    "unresolved-reference",
];
/// How often a broken part may lead to an earlier text with another broken part.
const MOST_PASSES: usize = 8;

/// One reading of everything.
struct Pass {
    loaded: Loaded,
    resolved: Resolved,
    /// Those that were there before anything was resolved.
    own_errors: BTreeMap<Unit, Errors>,
    errors: BTreeMap<Unit, Errors>,
}

/// As [`crate::load`], but what an edit broke since `memory` was last used keeps its last good
/// version. `memory` is to be used for the same sources and options only.
pub fn reload(sources: &[Source], options: &Options, memory: &mut Memory) -> Outcome {
    let gathered = gather(sources, memory);
    let mut values = Values::default();
    let mut pass = |kept: &BTreeSet<Unit>, memory: &Memory| {
        Pass::read(&gathered, options, memory, kept, &mut values)
    };
    let mut kept = BTreeSet::new();
    let mut broken: BTreeMap<Unit, Errors> = BTreeMap::new();
    let (mut findings, mut consequences) = (Vec::new(), Vec::new());
    let mut last = pass(&kept, memory);
    for _ in 0..MOST_PASSES {
        let candidates = last.candidates(memory, &kept, options);
        if candidates.is_empty() {
            break;
        }
        let (mut errors, found, others) = last.part_with(&candidates, options.strict);
        findings.extend(found);
        consequences.extend(others);
        broken.append(&mut errors);
        kept.extend(candidates);
        last = pass(&kept, memory);
    }
    let good: BTreeSet<_> =
        kept.iter().filter(|unit| !same(&broken, &last.errors, unit)).cloned().collect();
    if good != kept {
        findings.retain(|found| found.unit.as_ref().is_some_and(|unit| good.contains(unit)));
        last = pass(&good, memory);
    }
    let order = gathered.names();
    let rest = last.loaded.report.finish(options.strict);
    // Who refers to something that is kept is told so, unless it suffers still.
    consequences.retain(|found| !rest.iter().any(|other| other.finding == found.finding));
    findings.extend(consequences);
    let findings = merge(findings, rest, &order);
    memory.take(last.loaded.units, values, &last.loaded.held);
    Outcome { resolved: last.resolved, findings }
}

/// Whether the earlier version of a part has every error that the present one has.
fn same(now: &BTreeMap<Unit, Errors>, earlier: &BTreeMap<Unit, Errors>, unit: &Unit) -> bool {
    let (Some(now), Some(earlier)) = (now.get(unit), earlier.get(unit)) else { return false };
    now.messages.is_subset(&earlier.messages)
}

/// What is wrong with the present texts of kept parts, and everything else; in source order.
fn merge(kept: Vec<Found>, rest: Vec<Found>, order: &BTreeMap<&str, usize>) -> Vec<Finding> {
    // About the earlier text of a kept part only what is wrong now matters.
    let rest = rest
        .into_iter()
        .filter(|found| !found.earlier || found.finding.severity == Severity::Error)
        .map(|found| found.finding);
    let kept = kept.into_iter().map(|found| Finding { kept: true, ..found.finding });
    let mut findings: Vec<Finding> = Vec::new();
    for finding in kept.chain(rest) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings.sort_by_key(|finding| match &finding.place {
        Some(place) => {
            (order.get(place.file.as_str()).copied().unwrap_or(usize::MAX), place.span.start)
        }
        None => (usize::MAX, usize::MAX),
    });
    findings
}

// === impl Pass ===

impl Pass {
    fn read(
        gathered: &Gathered,
        options: &Options,
        memory: &Memory,
        kept: &BTreeSet<Unit>,
        values: &mut Values,
    ) -> Self {
        let environment = &options.environment;
        let reading = Reading { environment, memory, kept };
        let loaded = load(gathered, &reading, Report::default(), values);
        let own_errors = loaded.report.by_unit();
        let resolved = resolve(&loaded, options);
        let errors = loaded.report.by_unit();
        Self { loaded, resolved, own_errors, errors }
    }

    /// What is broken and has an earlier version that is not in use; causes before consequences:
    /// a route is broken by its backend, a backend by its secret, never the other way round.
    fn candidates(
        &self,
        memory: &Memory,
        kept: &BTreeSet<Unit>,
        options: &Options,
    ) -> BTreeSet<Unit> {
        let dangling = if options.references_take_effect { DANGLING.as_slice() } else { &[] };
        let effective = |errors: &Errors| {
            EFFECTIVE.iter().chain(dangling).any(|code| errors.codes.contains(code))
                || errors.codes.iter().all(|code| *code == CONSEQUENCE)
        };
        let mut asked = Asked::default();
        let mut of = |errors: &BTreeMap<Unit, Errors>, wanted: fn(&Unit) -> bool| {
            let broken = errors.iter().filter(|(unit, errors)| wanted(unit) && !effective(errors));
            let mut known = memory.known(broken.map(|(unit, _)| unit));
            known.retain(|unit| {
                !kept.contains(unit)
                    && match (self.loaded.units.get(unit), memory.units.get(unit)) {
                        // The same text again would be as bad.
                        (Some(now), Some(earlier)) if now == earlier => {
                            self.loaded.substituted.contains(unit)
                        }
                        (Some(now), Some(earlier)) => asked.covers(unit, earlier, now),
                        _ => true,
                    }
            });
            known
        };
        let all: fn(&Unit) -> bool = |_| true;
        let own = of(&self.own_errors, all);
        if !own.is_empty() {
            return own;
        }
        let steps: [fn(&Unit) -> bool; 3] = [Unit::is_payload, |unit| !unit.is_route(), all];
        let found = steps.into_iter().map(|wanted| of(&self.errors, wanted));
        found.into_iter().find(|candidates| !candidates.is_empty()).unwrap_or_default()
    }

    /// The errors of `units`, as sets and as findings; and what follows from them elsewhere.
    fn part_with(
        mut self,
        units: &BTreeSet<Unit>,
        strict: bool,
    ) -> (BTreeMap<Unit, Errors>, Vec<Found>, Vec<Found>) {
        let mut found = self.loaded.report.finish(strict);
        found.retain(|found| !found.earlier && found.finding.severity == Severity::Error);
        let (found, mut others): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|found| found.unit.as_ref().is_some_and(|unit| units.contains(unit)));
        others.retain(|found| found.finding.code == "invalid-reference");
        self.errors.retain(|unit, _| units.contains(unit));
        (self.errors, found, others)
    }
}
