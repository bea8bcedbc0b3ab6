"""The client scenarios of the official suite: first a client alone, then through the gateway.

Here the suite is the server and judges what reaches it: what the gateway sends to a backend. What
may fail stands in `conformance/client-REVISION.yml`, for a client of the other era in
`conformance/client-of-the-other-era-REVISION.yml`; a stale entry fails too.
"""

import json
import re
import subprocess

import pytest

from kit import servers
from kit.gateway import BINARY, environment
from test_conformance import BASELINES, REVISIONS, SUITE, summary

CLIENT = servers.FIXTURES / "conformance_client.mjs"
OTHER = dict(zip(REVISIONS, reversed(REVISIONS)))
ERA = {"2025-11-25": "legacy", "2026-07-28": "modern"}
OF_BOTH = ["tools_call", "json-schema-2020-12-preservation"]
SCENARIOS = {
    "2025-11-25": [*OF_BOTH, "initialize", "elicitation-sep1034-client-defaults", "sse-retry"],
    "2026-07-28": [
        *OF_BOTH, "request-metadata", "sep-2322-client-request-state", "http-standard-headers",
        "http-custom-headers", "http-invalid-tool-headers", "json-schema-ref-no-deref",
    ],
    "extension": [
        f"sep-2640-client-{name}" for name in ("no-prefetch", "verify-digest", "verify-size", "verify-frontmatter")
    ],
}
EACH = [(revision, scenario) for revision, found in SCENARIOS.items() for scenario in found]
DATED = [(revision, scenario) for revision, scenario in EACH if revision != "extension"]


def run(scenario, revision, folder, *options, **variables):
    """Exit status, checks by name and output of one scenario with our client."""
    node = servers.node(22)
    dated = [] if revision == "extension" else ["--spec-version", revision]
    done = subprocess.run(
        [node, SUITE, "client", "--command", f"exec {node} {CLIENT}", "--scenario", scenario, "-o", folder,
         "--timeout", "20000", *dated, *map(str, options)],
        capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL, cwd=folder,
        env=environment(variables),
    )
    (written,) = folder.glob("*/checks.json")
    checks = [(one["id"], one["name"], one["status"]) for one in json.loads(written.read_text())]
    return done.returncode, sorted(one for one in checks if one[2] != "INFO"), done.stdout + done.stderr


def through(scenario, revision, folder, baseline=None, **variables):
    """The same with the gateway in between; what it says of differences is the baseline's."""
    assert BINARY.exists(), f"{BINARY} does not exist: run `cargo build --release` first"
    options = ["--expected-failures", BASELINES / baseline] if baseline else []
    return run(scenario, revision, folder, *options, SEALGATE_THROUGH=str(BINARY), **variables)


def test_every_scenario_of_the_suite_is_run_but_those_of_authorization():
    listed = subprocess.run(
        [servers.node(22), SUITE, "list"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    ours = listed.partition("Client scenarios")[2].partition("\n\n")[0]
    found = {
        (revision, scenario)
        for scenario, revisions in re.findall(r"- (\S+) \[(.*)\]", ours)
        for revision in revisions.split(",")
        if not scenario.startswith("auth/") and revision in SCENARIOS
    }
    assert found == set(EACH)


@pytest.mark.parametrize("revision, scenario", EACH)
def test_the_client_alone_meets_the_scenario(revision, scenario, tmp_path):
    status, checks, said = run(scenario, revision, tmp_path)
    assert status == 0 and checks, summary(said) + said[-2000:]


@pytest.mark.parametrize("revision, scenario", EACH)
def test_the_gateway_changes_no_verdict(revision, scenario, tmp_path):
    (tmp_path / "alone").mkdir()
    _, wanted, _ = run(scenario, revision, tmp_path / "alone")
    (tmp_path / "through").mkdir()
    baseline = None if revision == "extension" else f"client-{revision}.yml"
    status, checks, said = through(scenario, revision, tmp_path / "through", baseline)
    assert status == 0, summary(said) + said[-2000:]
    assert checks == wanted


@pytest.mark.parametrize("revision, scenario", DATED)
def test_nor_does_another_backend_beside_it(clock, revision, scenario, tmp_path):
    baseline = f"client-{revision}.yml"
    status, checks, said = through(scenario, revision, tmp_path, baseline, SEALGATE_BESIDE=clock.url)
    assert status == 0 and checks, summary(said) + said[-2000:]


@pytest.mark.parametrize("revision, scenario", DATED)
def test_a_client_of_the_other_era_is_translated(revision, scenario, tmp_path):
    baseline = f"client-of-the-other-era-{revision}.yml"
    status, checks, said = through(
        scenario, revision, tmp_path, baseline,
        SEALGATE_CLIENT_VERSION=OTHER[revision], SEALGATE_BACKEND_ERA=ERA[revision],
        SEALGATE_BACKEND_QUESTIONS="park",
    )
    assert status == 0 and checks, summary(said) + said[-2000:]
