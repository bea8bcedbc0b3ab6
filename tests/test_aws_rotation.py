"""10,000 calls while the credentials behind them change 20 times: not one of them fails.

Roles come from moto's STS with lives of seconds. Every second rotation the gateway sees coming,
every other it does not: AWS just stops to take the keys, half of the time those that come instead, too. Each request is verified by botocore and
moto, in full; credentials past their end are refused as AWS refuses them.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kit import resources
from kit.aws_endpoint import AwsEndpoint
from kit.aws_identity import FIRST
from kit.process import eventually
from kit.rotating_sts import RotatingSts

CALLS = 10_000
ROTATIONS = 20
LIFETIME = 2.5  # seconds
CONNECTIONS = 8


class Load:
    """The process that calls; `calls` is how many it has made."""

    def __init__(self, running, client, tool):
        self.child = subprocess.Popen(
            [sys.executable, "-m", "kit.load", running.authority, "/mcp", client.session_id, tool, str(CONNECTIONS)],
            cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.calls, self.report = 0, None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stdout:
            found = json.loads(line)
            if isinstance(found, dict):
                self.report = found
            else:
                self.calls = found

    def end(self):
        self.child.stdin.close()
        self._reader.join(30)
        return self.report

    def stop(self):
        self.child.kill()
        self.child.wait()


@pytest.fixture
def sts(ending):
    return ending(RotatingSts(LIFETIME))


def test_no_call_fails_while_credentials_rotate_under_load(gateway, ending, sts, tmp_path):
    scope = {"region": "us-east-1", "service": "bedrock-agentcore"}
    endpoint = ending(
        AwsEndpoint("gw.gateway.bedrock-agentcore.us-east-1.amazonaws.com", "/mcp", identities=[], **scope)
    )
    endpoint.expected.identities, endpoint.ends = sts.issued, sts.ends
    security = resources.aws("us-east-1")
    security["awsCredentials"]["assumeRole"] = {"roleArn": sts.role}
    source = resources.write(
        tmp_path / "route.yaml",
        resources.named_backend("agent", endpoint.host, 443),
        resources.route("one", resources.reference("agent", security=security)),
    )
    running = gateway(
        source, options=["--via", f"http://{endpoint.authority}"], env=sts.environment(FIRST)
    )
    client = running.opened()
    began = len(sts.issued)
    calls = ending(Load(running, client, "agent__echo"))
    for rotation in range(ROTATIONS):
        # Every other time unseen; and half of those times what comes instead is refused at once, too.
        for _ in range((1, 1, 1, 2)[rotation % 4]):
            before = len(sts.issued)
            if rotation % 2:
                endpoint.ends[sts.issued[-1]] = 0
            eventually(lambda: len(sts.issued) > before, what="the next credentials")
        used = sts.issued[-1]
        endpoint.wait_for(lambda one: one.notes.get("identity") == used)
        endpoint.forget()  # thousands of requests; what was refused is counted by the gateway
    eventually(lambda: calls.calls >= CALLS, deadline=60, what=f"{CALLS} calls")
    report = calls.end()
    print(f"{report['calls']} calls, {len(sts.issued) - began} rotations, {report['failed']} failed")
    assert report["failures"] == []
    assert report["calls"] >= CALLS and len(sts.issued) - began >= ROTATIONS

    metrics = running.admin("/metrics").body.decode()

    def value(start):
        lines = [line for line in metrics.splitlines() if line.startswith(start)]
        return sum(float(line.split()[-1]) for line in lines)

    assert value("sealgate_signatures_total") > report["calls"]
    assert value("sealgate_resends_total{") >= ROTATIONS / 2, "some were refused, and sent again"
    assert value('sealgate_identity_refreshes_total{identity="default chain') >= ROTATIONS
    assert value("sealgate_identity_failures_total") == 0
    assert 0 <= value("sealgate_identity_expires_in_seconds") <= LIFETIME
    assert value("sealgate_backend_errors_total") == 0
