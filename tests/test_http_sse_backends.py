"""Backends of 2024-11-05, whose transport is one event stream and an endpoint to POST to."""

import json
import secrets
import threading

import pytest

from kit import resources
from kit.events import EventStream, notification
from kit.mcp_client import RpcError
from kit.scripted import ScriptedServer
from kit.wire import answer


@pytest.fixture
def config(tmp_path):
    def write(**servers):
        file = tmp_path / "mcp.json"
        file.write_text(json.dumps({"mcpServers": servers}))
        return file

    return write


def test_the_reference_server_serves_everything_over_the_old_transport(gateway, config, everything_sse):
    client = gateway(config(old={"type": "sse", "url": everything_sse.url})).opened()
    assert "old__echo" in [tool["name"] for tool in client.tools()]
    assert client.text("old__echo", {"message": "hello"}) == "Echo: hello"
    assert client.text("old__get-sum", {"a": 1, "b": 2}).endswith("3.")
    assert client.request("prompts/list")["prompts"] and client.request("resources/list")["resources"]
    assert client.delete().status == 200


def test_the_transport_is_found_out_and_mixes_with_others(gateway, config, everything_sse, everything):
    running = gateway(config(old={"url": everything_sse.url}, new={"url": everything.url}))
    for _ in range(2):
        client = running.opened()
        names = [tool["name"] for tool in client.tools()]
        assert "old__echo" in names and "new__echo" in names
        for name in ("old", "new"):
            assert client.text(f"{name}__echo", {"message": name}) == f"Echo: {name}"


def test_progress_and_the_server_s_questions_reach_the_client(gateway, config, everything_sse):
    client = gateway(config(old={"url": everything_sse.url})).opened(capabilities={"sampling": {}})
    client.answers["sampling/createMessage"] = lambda params: {
        "role": "assistant", "model": "m", "content": {"type": "text", "text": "sampled"}
    }
    found = client.call("old__trigger-sampling-request", {"prompt": "p", "maxTokens": 10})
    assert "sampled" in json.dumps(found)
    params = {"name": "old__trigger-long-running-operation", "arguments": {"duration": 0.2, "steps": 2},
              "_meta": {"progressToken": "t"}}
    assert "completed" in json.dumps(client.request("tools/call", params)).lower()
    progress = [one for one in client.seen if one.get("method") == "notifications/progress"]
    assert progress and all(one["params"]["progressToken"] == "t" for one in progress)


def test_another_process_opens_a_line_of_its_own(gateway, config, everything_sse, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(secrets.token_hex(32) + "\n")
    source = config(old={"url": everything_sse.url})
    first, second = (gateway(source, options=("--session-key-file", keys)) for _ in "12")
    client = first.opened()
    moved = second.client()
    moved.session_id, moved.version = client.session_id, client.version
    assert moved.text("old__echo", {"message": "there"}) == "Echo: there"
    assert client.text("old__echo", {"message": "here"}) == "Echo: here"


class OldServer(ScriptedServer):
    """HTTP+SSE as a script; `endpoint` is what the stream announces."""

    def __init__(self, endpoint="/messages?s=1"):
        self.endpoint, self.expected, self.stream, self.hold = endpoint, "/messages?s=1", None, None
        super().__init__()
        self.behaviour = self.old

    def old(self, connection, request, message):
        if request.method == "GET":
            self.stream = EventStream(connection)
            self.stream.write(f"event: endpoint\ndata: {self.endpoint}\n\n".encode())
            self.hold = threading.Event()
            self.hold.wait(20)
        elif request.target != self.expected:
            answer(connection, 404, {"content-type": "text/html"}, b"<pre>Cannot POST</pre>")
        else:
            answer(connection, 202, {}, b"Accepted")
            if message.get("id") is not None and "method" in message:
                self.respond(message)
        return True

    def respond(self, message):
        self.stream.event({"jsonrpc": "2.0", "id": message["id"], **self.result(message)})


@pytest.fixture
def old(ending):
    return ending(OldServer())


def test_requests_go_where_the_stream_says(gateway, old):
    client = gateway(f"http://{old.authority}/sse").opened()
    assert client.text("echo", {"a": 1}) == '{"a": 1}'
    assert old.seen("POST tools/call")[0].target == "/messages?s=1"
    assert old.seen("POST tools/call")[0].header("mcp-session-id") is None


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1/messages?s=1", "//evil.example/x", "http://[", ""])
def test_an_endpoint_on_another_server_is_refused(gateway, ending, endpoint):
    old = ending(OldServer(endpoint))
    with pytest.raises(RpcError) as refused:
        gateway(f"http://{old.authority}/sse").opened()
    assert refused.value.message
    assert not old.seen("POST notifications/initialized")


def test_a_line_that_breaks_fails_its_calls_at_once_and_is_opened_again(gateway, old):
    client = gateway(f"http://{old.authority}/sse").opened()
    first, hold = old.stream, old.hold

    def cut(message):
        old.respond = type(old).respond.__get__(old)
        first.end()
        hold.set()

    old.respond = cut
    with pytest.raises(RpcError) as refused:
        client.call("echo")
    assert refused.value.error["data"]["reason"] == "backend_broke_off"
    assert client.text("echo", {}) == "{}"
    assert len(old.seen("POST initialize")) >= 3  # refused by POST, on the first line, on the second


def test_what_nobody_asked_for_reaches_the_client_s_stream(gateway, old):
    client = gateway(f"http://{old.authority}/sse").opened()
    old.stream.event(notification("notifications/tools/list_changed"))
    client.text("echo", {})
    messages = client.listen().messages()
    assert next(messages)["method"] == "notifications/tools/list_changed"
    old.stream.event(notification("notifications/message", data="later"))
    assert next(messages)["params"]["data"] == "later"


def test_of_several_endpoints_the_one_with_the_stream_gets_the_posts(gateway, ending, tmp_path):
    servers = [ending(OldServer(f"/messages?s=1&of={name}")) for name in "ab"]
    for server, name in zip(servers, "ab"):
        server.expected, server.tools["who"] = server.endpoint, lambda arguments, name=name: name
    made = resources.backend("old", 1)
    made["spec"]["endpoints"] = [{"ip": {"address": "127.0.0.1", "port": server.port}} for server in servers]
    source = resources.write(
        tmp_path / "route.yaml", made, resources.route("r", resources.reference("old", "/sse")))
    running = gateway(source, options=["--workers", "1"])
    said = []
    for _ in range(4):
        client = running.opened()
        said.append({client.text("old__who") for _ in range(3)})
    assert all(len(one) == 1 for one in said) and {"a"} in said and {"b"} in said
    servers[0].stop()
    assert client.text("old__who") == "b" and running.opened().text("old__who") == "b"


@pytest.mark.parametrize("endpoint", ["/messages?s=1", "/messages?s=1&key=theirs"])
def test_a_key_of_the_query_goes_to_the_announced_endpoint_too(gateway, ending, endpoint, tmp_path):
    old = ending(OldServer(endpoint))
    old.expected = endpoint if "key" in endpoint else f"{endpoint}&key=s%20ecret"
    security = {"apiKey": {"inline": "s ecret", "queryParam": "key"}}
    source = resources.write(
        tmp_path / "route.yaml",
        resources.backend("old", old.port),
        resources.route("r", resources.reference("old", "/sse", security=security)),
    )
    assert gateway(source).opened().text("old__echo", {}) == "{}"
    assert {one.target for one in old.requests if one.method == "GET"} == {"/sse?key=s%20ecret"}
