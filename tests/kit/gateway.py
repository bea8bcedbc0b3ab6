"""The gateway under test, as a user starts it: the release binary, ports of its own choice."""

import json
import os
import signal
from pathlib import Path

from .http import exchange
from .mcp_client import McpClient
from .process import Process
from .servers import ROOT

BINARY = Path(os.environ.get("SEALGATE_BINARY", ROOT / "target" / "release" / "sealgate"))
# Nothing of the machine's own AWS set-up may reach the tests, nor the tests a metadata service.
CLEAN = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


def environment(more=None):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SEALGATE_"))}
    return {**kept, **CLEAN, **(more or {})}


class Gateway:
    """`sealgate run SOURCES`, ready to be called."""

    def __init__(self, *sources, options=(), env=None, listen="127.0.0.1:0"):
        listening = ["--listen", listen] if listen else []
        self.process = Process(
            [BINARY, "run", *map(str, sources), *listening, "--admin", "127.0.0.1:0",
             "--log-format", "json", *map(str, options)],
            env=environment(env),
        )
        self.addresses = {}
        try:
            self.process.wait_for(self._learn)
        except Exception:
            self.process.stop()
            raise

    def _learn(self, line):
        record = as_record(line)
        if record.get("message") == "listening":
            self.addresses[record["listener"]] = record["address"]
        return record.get("message") == "ready"

    @property
    def authority(self):
        return next(address for name, address in self.addresses.items() if name != "admin")

    def url(self, path="/mcp"):
        return f"http://{self.authority}{path}"

    def client(self, path="/mcp", **more):
        return McpClient(self.authority, path, **more)

    def opened(self, path="/mcp", **more):
        """A client whose session is open."""
        client = self.client(path, **more)
        client.initialize()
        return client

    def admin(self, target):
        return exchange(self.addresses["admin"], "GET", target)

    def logged(self, wanted, *, start=0):
        """The first log record from line `start` on for which `wanted(record)` is true."""
        kept = {}

        def test(line):
            record = as_record(line)
            if record and wanted(record):
                kept.update(record)
            return bool(kept)

        self.process.wait_for(test, start=start)
        return kept

    def records(self):
        return [record for line in list(self.process.lines) if (record := as_record(line))]

    def terminate(self):
        self.process.signal(signal.SIGTERM)

    def stop(self):
        self.process.stop()


def as_record(line):
    """One log line as a flat dict: the event's own fields beside time, level and message."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(record, dict):
        return {}
    return {**record, **record.get("fields", {})}
