"""The official conformance suite: first against its fixture alone, then through the gateway.

What may fail through the gateway stands in `conformance/CELL-REVISION.yml`, by how the gateway
speaks with the backend and the revision that the client speaks; a stale entry fails too.
"""

import re
import subprocess

import pytest

from kit import resources, servers

SUITE = servers.MODULES / "@modelcontextprotocol/conformance/dist/index.js"
BASELINES = servers.ROOT / "tests" / "conformance"
ERAS = ["legacy", "modern"]
# How the gateway is told to speak with the fixture, whatever else that speaks.
CELLS = {
    **{era: {"sealgate.dev/era": era} for era in ERAS},
    "parked": {"sealgate.dev/era": "legacy", "sealgate.dev/questions": "park"},
}
REVISIONS = ["2025-11-25", "2026-07-28"]
# Unscored scenarios that a gateway should pass all the same, with the options that run them.
UNSCORED = {
    "headers": ["--suite", "pending", "--spec-version", "2026-07-28"],
    "session-lifecycle": ["--scenario", "server-session-lifecycle"],
}


@pytest.fixture(scope="module")
def fixture_server():
    server = servers.conformance()
    yield server
    server.stop()


def run_suite(port, *options, folder):
    """Exit status and output of the suite; it insists on a URL of `localhost`."""
    done = subprocess.run(
        [servers.node(22), SUITE, "server", "--url", f"http://localhost:{port}/mcp",
         "-o", folder, *map(str, options)],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=folder,
    )
    return done.returncode, done.stdout + done.stderr


def pinned(gateway, fixture_server, cell, folder):
    """The port of a gateway that speaks with the fixture as told."""
    source = resources.write(
        folder / "route.yaml",
        resources.backend("fixture", fixture_server.port, annotations=CELLS[cell]),
        resources.route("suite", resources.reference("fixture"), prefixMode="Never"),
    )
    return gateway(source).authority.rpartition(":")[2]


def summary(said):
    return "\n".join(line for line in said.splitlines() if re.match(r"^\s*[✗✓]|Total|^Unexpected|^Stale", line))


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_fixture_alone_meets_all_requirements(fixture_server, revision, tmp_path):
    status, said = run_suite(fixture_server.port, "--requirements", revision, folder=tmp_path)
    assert status == 0, summary(said)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_gateway_meets_the_requirements(fixture_server, gateway, cell, revision, tmp_path):
    port = pinned(gateway, fixture_server, cell, tmp_path)
    baseline = BASELINES / f"{cell}-{revision}.yml"
    options = ["--requirements", revision, "--expected-failures", baseline]
    status, said = run_suite(port, *options, folder=tmp_path)
    assert status == 0, summary(said) + "\n" + said[-2000:]


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_gateway_finds_the_era_out_by_itself(fixture_server, gateway, revision, tmp_path):
    port = gateway(fixture_server.url).authority.rpartition(":")[2]
    status, said = run_suite(port, "--requirements", revision, folder=tmp_path)
    assert status == 0, summary(said)


@pytest.mark.parametrize("options", UNSCORED.values(), ids=UNSCORED)
@pytest.mark.parametrize("era", ERAS)
def test_unscored_scenarios_pass_too(fixture_server, gateway, era, options, tmp_path):
    port = pinned(gateway, fixture_server, era, tmp_path)
    status, said = run_suite(port, *options, folder=tmp_path)
    assert status == 0 and not re.search(r"[1-9]\d* failed", said), summary(said)
