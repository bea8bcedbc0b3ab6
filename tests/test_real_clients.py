"""Clients that nobody here wrote list and call through the gateway, one backend demanding SigV4."""

import asyncio
import json
import subprocess

import fastmcp
import pytest
from mcp import Client, ClientSession
from mcp.client.sse import sse_client

from kit import resources, servers
from kit.aws_identity import SECOND
from kit.sigv4_front import SigV4Front

CALL = ("signed__get-sum", {"a": 20, "b": 22})
DOCUMENT = "demo://resource/static/document/architecture.md"
INSPECTOR = servers.MODULES / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
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
    target = ["--cli", running.url(), "--transport", "http", "--format", "json", "-q"]
    listed = node(INSPECTOR, *target, "--method", "tools/list")
    assert_all_three([tool["name"] for tool in find(listed, "tools")])
    called = node(
        INSPECTOR, *target, "--method", "tools/call", "--tool-name", CALL[0], "--tool-args-json", json.dumps(CALL[1])
    )
    assert find(called, "content")[0]["text"] == ANSWER
    assert front.refused == []


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_fastmcp_as_a_client(running, front, mode):
    async def use():
        async with fastmcp.Client(running.url(), mode=mode) as client:
            tools = await client.list_tools()
            result = await client.call_tool(*CALL)
            return [tool.name for tool in tools], result.content[0].text

    names, text = asyncio.run(asyncio.wait_for(use(), 30))
    assert_all_three(names)
    assert text == ANSWER
    assert front.refused == []


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "aggregated"])
def test_fastmcp_as_a_backend(gateway, slate, notes, clock, beside, mode, tmp_path):
    gate = gateway(one_or_three(tmp_path, "slate", slate, [notes, clock] if beside else []))

    async def use():
        async with fastmcp.Client(gate.url(), mode=mode) as client:
            names = {tool.name for tool in await client.list_tools()}
            total = await client.call_tool("slate__add", {"a": 40, "b": 2})
            await client.call_tool("slate__write_line", {"text": "through the gateway"})
            lines = await client.read_resource("slate://lines")
            prompt = await client.get_prompt("slate__summarize", {"topic": "signing"})
            return names, total, lines[0].text, prompt.messages[0].content.text

    names, total, text, prompt = asyncio.run(asyncio.wait_for(use(), 30))
    assert {"slate__add", "slate__write_line"} <= names
    assert len({name.split("__")[0] for name in names}) == (3 if beside else 1)
    assert total.content[0].text == "42" and total.structured_content == {"result": 42}
    assert "through the gateway" in text
    assert prompt == "Summarize what the slate says of signing."


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "aggregated"])
def test_server_everything_as_a_backend(gateway, everything, notes, clock, beside, tmp_path):
    gate = gateway(one_or_three(tmp_path, "all", everything, [notes, clock] if beside else []))

    async def use():
        async with Client(gate.url(), mode="legacy") as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            total = await client.call_tool("all__get-sum", {"a": 20, "b": 22})
            prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
            prompt = await client.get_prompt("all__simple-prompt")
            uris = [str(one.uri) for one in (await client.list_resources()).resources]
            read = await client.read_resource(DOCUMENT)
            return names, total.content[0].text, prompts, prompt.messages, uris, read.contents[0].text

    names, total, prompts, messages, uris, document = asyncio.run(asyncio.wait_for(use(), 30))
    assert total == ANSWER
    assert len({name.split("__")[0] for name in names}) == (3 if beside else 1)
    assert "all__simple-prompt" in prompts and messages
    assert DOCUMENT in uris and "Architecture" in document


@pytest.fixture(scope="module")
def both_eras():
    server = servers.conformance()
    yield server
    server.stop()


@pytest.mark.parametrize("pinned", ["legacy", "modern", None])
@pytest.mark.parametrize("era", ["legacy", "auto", "modern"])
def test_the_inspector_in_each_era(gateway, both_eras, era, pinned, tmp_path):
    annotations = {"sealgate.dev/era": pinned} if pinned else None
    source = resources.write(
        tmp_path / "route.yaml",
        resources.backend("both", both_eras.port, annotations=annotations),
        resources.route("eras", resources.reference("both")),
    )
    target = ["--cli", gateway(source).url(), "--transport", "http", "--protocol-era", era]
    target += ["--format", "json", "-q", "--method"]
    listed = node(INSPECTOR, *target, "tools/list")
    assert "both__test_simple_text" in [tool["name"] for tool in find(listed, "tools")]
    called = node(INSPECTOR, *target, "tools/call", "--tool-name", "both__test_simple_text")
    assert find(called, "content")[0]["text"] == "This is a simple text response for testing."
    read = node(INSPECTOR, *target, "resources/read", "--uri", "test://static-text")
    assert find(read, "contents")[0]["uri"] == "test://static-text"
    prompt = node(INSPECTOR, *target, "prompts/get", "--prompt-name", "both__test_simple_prompt")
    assert find(prompt, "messages")


# What stands behind the gateway when clients of HTTP+SSE call: one of each transport and era.
@pytest.fixture(params=["streamable", "old", "modern", "all of them"])
def behind_sse(request, gateway, everything, everything_sse, both_eras, tmp_path):
    found = {"streamable": everything, "old": everything_sse, "modern": both_eras}
    found = found if request.param not in found else {request.param: found[request.param]}
    documents = [
        resources.backend(
            name, server.port, annotations={"sealgate.dev/era": "modern"} if name == "modern" else None)
        for name, server in found.items()
    ]
    references = [resources.reference(name, server.path) for name, server in found.items()]
    source = resources.write(tmp_path / "route.yaml", *documents, resources.route("r", *references))
    calls = {
        name: ("modern__test_simple_text", {}, "This is a simple text response for testing.")
        if name == "modern"
        else (f"{name}__get-sum", {"a": 20, "b": 22}, ANSWER)
        for name in found
    }
    return gateway(source, options=["--legacy-sse"]), calls


def test_the_python_sdk_over_http_sse(behind_sse):
    running, calls = behind_sse

    async def use():
        async with sse_client(running.url()) as streams, ClientSession(*streams) as session:
            await session.initialize()
            names = {tool.name.split("__")[0] for tool in (await session.list_tools()).tools}
            texts = [(await session.call_tool(name, arguments)).content[0].text for name, arguments, _ in calls.values()]
            return names, texts

    names, texts = asyncio.run(asyncio.wait_for(use(), 30))
    assert names == set(calls) and texts == [text for *_, text in calls.values()]


def test_the_first_typescript_sdk_over_http_sse(behind_sse):
    running, calls = behind_sse
    for tool, arguments, text in calls.values():
        said = node(servers.FIXTURES / "client_sse.mjs", running.url(), tool, json.dumps(arguments))
        assert {name.split("__")[0] for name in said["tools"]} == set(calls)
        assert said["result"]["content"][0]["text"] == text


def test_the_inspector_over_http_sse(behind_sse):
    running, calls = behind_sse
    target = ["--cli", running.url(), "--transport", "sse", "--format", "json", "-q", "--method"]
    listed = node(INSPECTOR, *target, "tools/list")
    assert {tool["name"].split("__")[0] for tool in find(listed, "tools")} == set(calls)
    for tool, arguments, text in calls.values():
        called = node(INSPECTOR, *target, "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        assert find(called, "content")[0]["text"] == text


def one_or_three(folder, name, server, beside):
    """A route over `server`, and over whatever stands beside it."""
    others = {f"other{index}": other for index, other in enumerate(beside)}
    return resources.write_route(folder, **{name: server}, **others)


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
