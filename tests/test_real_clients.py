"""Clients that nobody here wrote list and call through the gateway, one backend demanding SigV4."""

import asyncio
import json
import subprocess

import pytest
from mcp import Client

from kit import resources, servers
from kit.aws_identity import SECOND
from kit.sigv4_front import SigV4Front

CALL = ("signed__get-sum", {"a": 20, "b": 22})
ANSWER = "The sum of 20 and 22 is 42."


@pytest.fixture
def front(everything, ending):
    return ending(
        SigV4Front(everything.address, identities=[SECOND], region="us-east-1", service="aws-mcp")
    )


@pytest.fixture
def running(gateway, front, notes, clock, tmp_path):
    return gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("signed", front.port),
            resources.backend("notes", notes.port),
            resources.backend("clock", clock.port),
            resources.secret("keys", credentials=SECOND.credentials_text()),
            resources.route(
                "all",
                resources.reference("signed", security=resources.aws("us-east-1", "aws-mcp", secret="keys")),
                resources.reference("notes"),
                resources.reference("clock"),
            ),
        )
    )


def assert_all_three(names):
    assert {name.split("__")[0] for name in names} == {"signed", "notes", "clock"}


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_python_sdk(running, front, mode):
    async def use():
        async with Client(running.url(), mode=mode) as client:
            tools = await client.list_tools()
            result = await client.call_tool(*CALL)
            return [tool.name for tool in tools.tools], result.content[0].text

    names, text = asyncio.run(asyncio.wait_for(use(), 30))
    assert_all_three(names)
    assert text == ANSWER
    assert front.refused == []


@pytest.mark.parametrize("script", ["client_v1.mjs", "client_v2.mjs"])
def test_the_typescript_sdks(running, front, script):
    said = node(servers.FIXTURES / script, running.url(), CALL[0], json.dumps(CALL[1]))
    assert_all_three(said["tools"])
    assert said["result"]["content"][0]["text"] == ANSWER
    assert front.refused == []


def test_the_inspector_s_command_line(running, front):
    launcher = servers.MODULES / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    target = ["--cli", running.url(), "--transport", "http", "--format", "json", "-q"]
    listed = node(launcher, *target, "--method", "tools/list")
    assert_all_three([tool["name"] for tool in find(listed, "tools")])
    called = node(
        launcher, *target, "--method", "tools/call", "--tool-name", CALL[0], "--tool-args-json", json.dumps(CALL[1])
    )
    assert find(called, "content")[0]["text"] == ANSWER
    assert front.refused == []


def node(*argv):
    """What a Node program printed, as JSON."""
    done = subprocess.run(
        [servers.node(22), *map(str, argv)],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def find(value, key):
    """The first value of `key`, however deep the program wraps its result."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for one in value if (found := find(one, key)) is not None), None)
    return None
