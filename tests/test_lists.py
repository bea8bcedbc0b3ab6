"""Lists of real servers: kept while they hold, told of when they change, there while a server restarts."""

import contextlib
import http.client
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.openmetrics import parser as openmetrics

from kit import resources, servers
from kit.modern_client import ModernClient
from kit.process import eventually, free_port

TOOLS = "notifications/tools/list_changed"
CLIENTS = 100


class Listener(threading.Thread):
    """Keeps the methods of what arrives on a stream."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        assert stream.status == 200 and stream.is_stream
        self.stream, self.methods = stream, []
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            for message in self.stream.messages():
                self.methods.append(message.get("method"))


def lookups(gateway, backend):
    """How often a list was found in memory, and how often it was not."""
    found = {}
    for family in openmetrics.text_string_to_metric_families(gateway.admin("/metrics").body.decode()):
        for sample in family.samples:
            if sample.name == "sealgate_list_cache_lookups_total" and sample.labels["backend"] == backend:
                found[sample.labels["result"]] = sample.value
    return found["hit"], found["miss"]


def write(folder, *backends):
    """A route to these: name, port, annotations."""
    return resources.write(
        folder / "route.yaml",
        *(resources.backend(name, port, annotations=annotations) for name, port, annotations in backends),
        resources.route("r", *(resources.reference(name) for name, _, _ in backends)),
    )


def names(tools):
    return [tool["name"] for tool in tools]


def test_many_clients_cost_a_backend_one_list(gateway, notes, slate, tmp_path):
    running = gateway(write(
        tmp_path,
        ("notes", notes.port, {"sealgate.dev/list-cache": "60s public"}),
        ("slate", slate.port, {"sealgate.dev/list-cache": "60s"}),
    ))
    clients = [running.opened() for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        lists = list(pool.map(lambda client: names(client.tools()), clients))
    assert all(found == lists[0] for found in lists)
    assert {name.partition("__")[0] for name in lists[0]} == {"notes", "slate"}
    assert lookups(running, "notes") == (CLIENTS - 1, 1)
    # What is not said to be public is each session's own.
    assert lookups(running, "slate") == (0, CLIENTS)
    clients[0].tools()
    assert lookups(running, "slate") == (1, CLIENTS)


def test_a_server_s_own_hints_are_heeded(gateway, ending, tmp_path):
    server = ending(servers.conformance())
    running = gateway(write(tmp_path, ("modern", server.port, {"sealgate.dev/era": "modern"})))
    client = ModernClient(running)
    listed = client.result("tools/list")
    assert listed["cacheScope"] == "public" and 0 < listed["ttlMs"] <= 1000
    hits, misses = lookups(running, "modern")
    assert (hits, misses) == (0, 1)
    # Until it is over.
    assert eventually(lambda: client.result("tools/list") and lookups(running, "modern")[1] == 2, what="a second question")


def test_a_list_that_a_server_changes_is_fresh_at_once(gateway, ending, tmp_path):
    server = ending(servers.conformance())
    settings = {"sealgate.dev/era": "legacy", "sealgate.dev/list-cache": "1h public"}
    running = gateway(write(tmp_path, ("legacy", server.port, settings)))
    client = running.opened()
    stream = Listener(client.listen())
    client.tools(), client.tools()
    assert lookups(running, "legacy") == (1, 1)
    client.call("legacy__test_trigger_tool_change")
    eventually(lambda: stream.methods.count(TOOLS) == 1, what="the notification")
    client.tools()
    assert lookups(running, "legacy") == (1, 2)


class Restarting:
    """A server on the Python SDK that can be stopped and started at the same place."""

    def __init__(self):
        self.port = free_port()
        self.start()

    def start(self):
        self.server = servers.Server([sys.executable, servers.FIXTURES / "notes.py", self.port], self.port)

    def stop(self):
        self.server.stop()


@pytest.mark.parametrize("grace", ["2s", "0s"])
def test_clients_hear_of_a_server_that_goes_and_comes_back(gateway, ending, slate, tmp_path, grace):
    notes = ending(Restarting())
    settings = {"sealgate.dev/list-grace": grace}
    running = gateway(write(tmp_path, ("notes", notes.port, settings), ("slate", slate.port, None)))
    legacy, modern = running.opened(), ModernClient(running)
    whole = names(legacy.tools())
    assert names(modern.result("tools/list")["tools"]) == whole
    rest = [name for name in whole if name.startswith("slate__")]
    streams = [Listener(legacy.listen()), Listener(modern.listen(toolsListChanged=True))]

    def told(count):
        return lambda: all(stream.methods.count(TOOLS) >= count for stream in streams)

    notes.stop()
    gone_at = time.monotonic()
    listed = legacy.request("tools/list")
    assert names(listed["tools"]) == (rest if grace == "0s" else whole)
    assert listed["_meta"]["sealgate.dev/unavailable"][0]["backend"] == "notes"
    # Enough failures in a row open the circuit, whoever causes them.
    for _ in range(5):
        modern.result("tools/list")
    eventually(told(1), what="word that the tools are gone")
    assert time.monotonic() - gone_at >= float(grace.rstrip("s"))
    assert names(legacy.tools()) == rest
    assert names(modern.result("tools/list")["tools"]) == rest

    notes.start()
    eventually(told(2), deadline=40, what="word that the tools are back")
    assert names(modern.result("tools/list")["tools"]) == whole
    assert names(legacy.tools()) == whole
    assert "kept" in legacy.text("notes__add_note", {"text": "hello"})
