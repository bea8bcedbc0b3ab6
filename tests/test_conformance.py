"""The official conformance suite: first against its fixture alone, then through the gateway.

What may fail through the gateway stands in `conformance/REVISION.yml`; a stale entry fails too.
"""

import re
import subprocess

import pytest

from kit import servers

SUITE = servers.MODULES / "@modelcontextprotocol/conformance/dist/index.js"
BASELINES = servers.ROOT / "tests" / "conformance"
# The revisions that the gateway serves; each has its baseline.
SERVED = ["2025-11-25"]


@pytest.fixture(scope="module")
def fixture_server():
    server = servers.conformance()
    yield server
    server.stop()


def run_suite(port, revision, *options, folder):
    """Exit status and output of the suite; it insists on a URL of `localhost`."""
    done = subprocess.run(
        [servers.node(22), SUITE, "server", "--url", f"http://localhost:{port}/mcp",
         "--requirements", revision, "-o", folder, *map(str, options)],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=folder,
    )
    return done.returncode, done.stdout + done.stderr


def summary(said):
    return "\n".join(line for line in said.splitlines() if re.match(r"^\s*[✗✓]|Total|^Unexpected|^Stale", line))


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_the_fixture_alone_meets_all_requirements(fixture_server, revision, tmp_path):
    status, said = run_suite(fixture_server.port, revision, folder=tmp_path)
    assert status == 0, summary(said)


@pytest.mark.parametrize("revision", SERVED)
def test_the_gateway_meets_the_requirements(fixture_server, gateway, revision, tmp_path):
    port = gateway(fixture_server.url).authority.rpartition(":")[2]
    baseline = BASELINES / f"{revision}.yml"
    status, said = run_suite(port, revision, "--expected-failures", baseline, folder=tmp_path)
    assert status == 0, summary(said) + "\n" + said[-2000:]
