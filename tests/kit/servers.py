"""Real MCP servers that nobody here wrote, started on free ports."""

import os
import shutil
import sys
from pathlib import Path

from .process import Process, free_port, wait_for_port

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / ".test" / "node_modules"
FIXTURES = ROOT / "tests" / "fixture"


def node(minimum=20):
    """A Node of at least this major version: the system's, else the one that npm brought."""
    system = shutil.which("node")
    found = os.popen(f"{system} -p process.versions.node").read() if system else "0"
    if int(found.split(".")[0]) >= minimum:
        return system
    packaged = sorted(MODULES.glob("node-linux-*/bin/node"))
    assert packaged, f"no Node >= {minimum} found, neither system nor in {MODULES}"
    return str(packaged[0])


class Server:
    """A process that serves MCP at `authority` and `path`."""

    def __init__(self, argv, port, *, env=None, path="/mcp"):
        self.port, self.path = port, path
        self.process = Process(argv, env={**os.environ, **(env or {})})
        wait_for_port(port, process=self.process)

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    @property
    def authority(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.authority}{self.path}"

    def stop(self):
        self.process.stop()


def everything():
    """The reference server of the protocol's authors: every feature of the legacy era."""
    port = free_port()
    script = MODULES / "@modelcontextprotocol/server-everything/dist/index.js"
    return Server([node(), script, "streamableHttp"], port, env={"PORT": str(port)})


def everything_sse():
    """The same over HTTP+SSE, the transport of 2024-11-05."""
    port = free_port()
    script = MODULES / "@modelcontextprotocol/server-everything/dist/index.js"
    return Server([node(), script, "sse"], port, env={"PORT": str(port)}, path="/sse")


def notes():
    """A server on the Python SDK."""
    port = free_port()
    return Server([sys.executable, FIXTURES / "notes.py", port], port)


def slate():
    """A server on fastmcp."""
    port = free_port()
    return Server([sys.executable, FIXTURES / "slate.py", port], port)


def clock():
    """A server on the second TypeScript SDK."""
    port = free_port()
    return Server([node(), FIXTURES / "clock.mjs", port], port)


def conformance():
    """The fixture of the official conformance suite, both eras."""
    port = free_port()
    return Server([node(), FIXTURES / "conformance.mjs", port], port)
