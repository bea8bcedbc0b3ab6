//! Sources and what earlier loads took in; out comes what can be served now: the present state of
//! the sources, but for the parts that an edit broke, which stay as they were.
//!
//! What can be served is a function of the texts alone. A load reads all of them; where a part is
//! broken that an earlier load took, it reads everything again with the earlier text of that part,
//! and keeps it unless it has the same errors. So a removal always takes effect (what refers to
//! the removed is broken in its old version too), and a part is exactly as bad as its own edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::gather::{Gathered, gather};
use crate::load::{Loaded, Reading, load};
use crate::memory::{Memory, Unit, Values};
use crate::report::{Errors, Found, Report};
use crate::resolve::resolve;
use crate::{Finding, Options, Outcome, Resolved, Severity, Source};

/// Errors that always take effect: to keep the version without a protection that somebody has
/// just asked for would be to serve it unprotected.
const EFFECTIVE: [&str; 2] = ["unenforced-protection", "aws-never-signed"];
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
    let mut findings = Vec::new();
    let mut last = pass(&kept, memory);
    for _ in 0..MOST_PASSES {
        let candidates = last.candidates(memory, &kept);
        if candidates.is_empty() {
            break;
        }
        let (mut errors, found) = last.part_with(&candidates, options.strict);
        findings.extend(found);
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
    let findings = merge(findings, last.loaded.report.finish(options.strict), &order);
    memory.take(last.loaded.units, values);
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
    fn candidates(&self, memory: &Memory, kept: &BTreeSet<Unit>) -> BTreeSet<Unit> {
        let effective = |errors: &Errors| EFFECTIVE.iter().any(|code| errors.codes.contains(code));
        let of = |errors: &BTreeMap<Unit, Errors>, routes: bool| {
            let broken = errors.iter().filter(|(_, errors)| !effective(errors));
            let mut known = memory.known(broken.map(|(unit, _)| unit));
            known.retain(|unit| !kept.contains(unit) && (routes || !unit.is_route()));
            known
        };
        [of(&self.own_errors, true), of(&self.errors, false), of(&self.errors, true)]
            .into_iter()
            .find(|candidates| !candidates.is_empty())
            .unwrap_or_default()
    }

    /// The errors of `units`: as sets, and as findings.
    fn part_with(
        mut self,
        units: &BTreeSet<Unit>,
        strict: bool,
    ) -> (BTreeMap<Unit, Errors>, Vec<Found>) {
        let mut found = self.loaded.report.finish(strict);
        found.retain(|found| {
            !found.earlier
                && found.finding.severity == Severity::Error
                && found.unit.as_ref().is_some_and(|unit| units.contains(unit))
        });
        self.errors.retain(|unit, _| units.contains(unit));
        (self.errors, found)
    }
}
