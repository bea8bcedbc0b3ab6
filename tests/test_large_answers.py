"""A large answer streams through: the gateway never holds it whole, whatever form it comes in."""

import http.client
import json
import re
import threading
from pathlib import Path

import pytest

from kit import resources
from kit.events import EventStream, notification
from kit.modern_client import PREFIX, ModernClient
from kit.scripted import ScriptedServer
from kit.sse_client import SseClient
from kit.wire import answer

MEGABYTE = 1_000_000
SIZE = 28 * MEGABYTE // 10
ALLOWED = 1 * MEGABYTE
PIECE = 50_000
# Counted in ordinary pages: where the kernel hands out huge ones, each touch is 2 MiB.
SMALL_PAGES = {"MIMALLOC_ALLOW_THP": "0"}
# Each worker's allocator has pages of its own, so that the first request which a second one gets
# would count as growth, whatever its size.
ONE_WORKER = ["--workers", "1"]


def message_of(asked, size):
    """A result of about `size` bytes with line ends, escapes and its id at the end."""
    line = "0123456789 \u00e9\\n" * 10
    items = ",\n".join('{"type":"text","text":"%s"}' % line for _ in range(size // (len(line) + 30)))
    return ('{"jsonrpc":"2.0","result":{"content":[%s]},"id":%s}' % (items, asked["id"])).encode()


def pieces(data):
    return (data[at : at + PIECE] for at in range(0, len(data), PIECE))


def chunked(connection, data, kind):
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    connection.sendall(head.encode())
    for piece in pieces(data):
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")


def as_event(data):
    return b"id: e1\ndata: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"


def json_with_length(connection, data):
    answer(connection, 200, {"content-type": "application/json"}, data)


def json_chunked(connection, data):
    chunked(connection, data, "application/json; charset=utf-8")


def one_event(connection, data):
    chunked(connection, as_event(data), "text/event-stream")


def event_after_a_notification(connection, data):
    stream = EventStream(connection).event(notification("notifications/message", level="info", data="first"), id="e0")
    for piece in pieces(as_event(data)):
        stream.write(piece)
    stream.end()


FORMS = [json_with_length, json_chunked, one_event, event_after_a_notification]


class Memory:
    """What a process holds in memory, in bytes, and the most that it held since `begin`."""

    def __init__(self, pid):
        self._folder = Path(f"/proc/{pid}")

    def begin(self):
        (self._folder / "clear_refs").write_text("5")
        self.start = self._read("VmRSS")

    def growth(self):
        return self._read("VmHWM") - self.start

    def _read(self, name):
        return int(re.search(rf"{name}:\s+(\d+) kB", (self._folder / "status").read_text())[1]) * 1024


@pytest.fixture(params=FORMS, ids=lambda form: form.__name__)
def form(request):
    return request.param


@pytest.fixture
def serving(ending, form):
    """A server whose answers have the size that the caller asks for."""
    server = ending(ScriptedServer())

    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            form(connection, message_of(message, message["params"]["arguments"]["size"]))
            return True

    server.behaviour = behave
    return server


# The client's era and the backend's. A legacy client's answers from a modern backend are held: what is to
# be taken out of them may stand anywhere.
PAIRS = [("legacy", "legacy"), ("modern", "legacy"), ("modern", "modern")]


@pytest.fixture(params=PAIRS, ids="-".join)
def eras(request):
    return request.param


@pytest.fixture
def running(gateway, serving, eras, tmp_path):
    source = resources.write(
        tmp_path / "route.yaml",
        resources.backend("b", serving.port, annotations={"sealgate.dev/era": eras[1]}),
        resources.route("r", resources.reference("b"), prefixMode="Never"),
    )
    return gateway(source, options=[*ONE_WORKER, "--legacy-sse"], env=SMALL_PAGES)


@pytest.fixture
def client(running, eras):
    return running.opened() if eras[0] == "legacy" else ModernClient(running)


def last_message(answer):
    body = answer.body
    if answer.is_stream:
        *_, event = body.rstrip(b"\n").split(b"\n\n")
        lines = event.split(b"\n")
        body = b"\n".join(line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: "))
    return json.loads(body)


def call(client, size):
    if isinstance(client, ModernClient):
        logs = {f"{PREFIX}logLevel": "info"}
        return client.ask("tools/call", id="big", name="echo", arguments={"size": size}, _meta=logs)
    body = {"jsonrpc": "2.0", "id": "big", "method": "tools/call", "params": {"name": "echo", "arguments": {"size": size}}}
    return client.post(body)


def warm_up(client):
    """What the code itself needs is not the answer's: answers that are no test of holding come first."""
    for _ in range(20):
        call(client, 200_000).body


@pytest.mark.parametrize("size", [SIZE, 10 * SIZE])
def test_a_large_result_is_never_held_whole(running, client, eras, size, record_property):
    warm_up(client)
    memory = Memory(running.process.pid)
    memory.begin()
    result = last_message(call(client, size))
    grown = memory.growth()
    record_property("peak_extra_bytes", grown)
    print(f"peak extra memory for {size} bytes: {grown} bytes")
    assert result["id"] == "big" and len(json.dumps(result)) > size * 0.9
    assert result["result"].get("resultType") == ("complete" if eras == ("modern", "legacy") else None)
    assert grown < ALLOWED


def test_a_slow_client_holds_its_backend_back(running, client):
    """Nobody reads the answer for a while: it waits at the backend, not in the gateway."""
    warm_up(client)
    memory = Memory(running.process.pid)
    memory.begin()
    slow = call(client, 8 * SIZE)
    assert last_message(call(client, 10))["result"]["content"] == []
    grown = memory.growth()
    assert grown < ALLOWED
    assert last_message(slow)["id"] == "big"


def until_big(client):
    while (message := client.next()).get("id") != "big":
        pass
    return message


@pytest.mark.parametrize("eras", [("legacy", "legacy")], ids="-".join, indirect=True)
def test_a_client_of_http_sse_that_does_not_read_holds_its_backend_back(running, client, ending):
    slow = ending(SseClient(running.authority))
    slow.post(slow.initializing())
    assert "result" in slow.next()
    assert slow.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202
    for _ in range(20):
        assert call(slow, 200_000).status == 202
        until_big(slow)
    warm_up(client)
    memory = Memory(running.process.pid)
    memory.begin()
    assert call(slow, 8 * SIZE).status == 202
    assert client.call("echo", {"size": 10})["content"] == []
    grown = memory.growth()
    assert grown < ALLOWED
    assert len(json.dumps(until_big(slow))) > 8 * SIZE * 0.9
    assert memory.growth() < ALLOWED


@pytest.mark.parametrize("serving_form", [one_event, event_after_a_notification])
def test_a_large_event_that_breaks_off_becomes_an_error(gateway, ending, serving_form):
    server = ending(ScriptedServer())
    broken = threading.Event()

    class Cut:
        def __init__(self, connection):
            self.connection, self.left = connection, SIZE // 2

        def sendall(self, data):
            self.connection.sendall(data)
            self.left -= len(data)
            if self.left < 0:
                broken.set()
                raise ConnectionResetError

    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            serving_form(Cut(connection), message_of(message, SIZE))

    server.behaviour = behave
    client = gateway(f"http://{server.authority}/mcp").opened()
    response = call(client, SIZE)
    if response.is_stream:
        assert b"\nevent: broken-off\n\n" in response.body
        last = last_message(response)
        assert last["id"] == "big" and last["error"]["data"]["reason"] == "backend_broke_off"
    else:
        with pytest.raises(http.client.IncompleteRead):
            response.body  # noqa: B018 - the connection is cut: half an answer is none
    assert broken.is_set()
