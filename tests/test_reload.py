"""A change of a source takes effect within a second, at once or not at all, and costs nobody a call."""

import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import threading
import time

import pytest
import yaml

from kit import resources
from kit.http import exchange
from kit.process import eventually
from kit.scripted import Gate, ScriptedServer

# What is promised; a busy machine may be slower than the gateway.
PROMPT = float(os.environ.get("SEALGATE_TEST_PROMPT", "1"))


@pytest.fixture
def one(ending):
    return ending(ScriptedServer({"echo": lambda arguments: "one"}, name="one"))


@pytest.fixture
def two(ending):
    return ending(ScriptedServer({"echo": lambda arguments: "two"}, name="two"))


def documents(server, path, name="r"):
    return [resources.backend("one", server.port), resources.route(name, resources.reference("one"), path=path)]


def text(server, path, name="r"):
    return yaml.safe_dump_all(documents(server, path, name))


def serves(running, path):
    """Whether a session can be opened at `path`."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    reply = exchange(running.authority, "POST", path, headers, json.dumps(body).encode())
    reply.body
    return reply.status == 200


def promptly(check, what):
    return eventually(check, deadline=PROMPT, what=what)


# --- every way in which a source changes -------------------------------------------------------

def in_place(folder, one):
    file = folder / "route.yaml"
    file.write_text(text(one, "/first"))
    return file, lambda: file.write_text(text(one, "/second"))


def by_rename(folder, one):
    file = resources.write(folder / "route.yaml", *documents(one, "/first"))
    return file, lambda: resources.write(file, *documents(one, "/second"))


def mounted(folder, one):
    """As the kubelet lays out a ConfigMap: files are links into `..data`, itself a link that moves."""

    def version(number, path):
        (folder / f"..v{number}").mkdir()
        (folder / f"..v{number}" / "route.yaml").write_text(text(one, path))
        link = folder / "..data_tmp"
        link.symlink_to(f"..v{number}")
        link.rename(folder / "..data")

    version(1, "/first")
    (folder / "route.yaml").symlink_to("..data/route.yaml")

    def change():
        version(2, "/second")
        shutil.rmtree(folder / "..v1")

    return change


def mounted_directory(folder, one):
    return folder, mounted(folder, one)


def mounted_file(folder, one):
    change = mounted(folder, one)
    return folder / "route.yaml", change


def removed_and_made_again(folder, one):
    file = resources.write(folder / "route.yaml", *documents(one, "/first"))

    def change():
        file.unlink()
        time.sleep(0.1)
        file.write_text(text(one, "/second"))

    return file, change


def directory_made_again(folder, one):
    source = folder / "source"
    source.mkdir()
    resources.write(source / "route.yaml", *documents(one, "/first"))

    def change():
        shutil.rmtree(source)
        time.sleep(0.1)
        source.mkdir()
        resources.write(source / "route.yaml", *documents(one, "/second"))

    return source, change


def a_link_to_a_release(folder, one):
    for number, path in ((1, "/first"), (2, "/second")):
        (folder / f"release{number}").mkdir()
        resources.write(folder / f"release{number}" / "route.yaml", *documents(one, path))
    (folder / "current").symlink_to("release1")

    def change():
        (folder / "fresh").symlink_to("release2")
        (folder / "fresh").rename(folder / "current")

    return folder / "current", change


def a_file_in_a_new_folder(folder, one):
    resources.write(folder / "route.yaml", *documents(one, "/first"))

    def change():
        (folder / "more" / "deep").mkdir(parents=True)
        resources.write(folder / "more" / "deep" / "route.yaml", resources.route(
            "second", resources.reference("one"), path="/second"))
        (folder / "route.yaml").write_text(yaml.safe_dump(resources.backend("one", one.port)))

    return folder, change


WAYS = [in_place, by_rename, mounted_directory, mounted_file, removed_and_made_again, directory_made_again,
        a_link_to_a_release, a_file_in_a_new_folder]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_change_takes_effect_within_a_second(gateway, one, tmp_path, way):
    source, change = way(tmp_path, one)
    running = gateway(source)
    assert serves(running, "/first") and not serves(running, "/second")
    change()
    promptly(lambda: serves(running, "/second") and not serves(running, "/first"), "the second version")


def test_a_directory_gains_and_loses_files(gateway, one, tmp_path):
    resources.write(tmp_path / "a.yaml", *documents(one, "/a"))
    running = gateway(tmp_path)
    for round in range(3):
        resources.write(tmp_path / "b.yaml", resources.route("b", resources.reference("one"), path="/b"))
        promptly(lambda: serves(running, "/b"), f"b of round {round}")
        (tmp_path / "b.yaml").unlink()
        promptly(lambda: not serves(running, "/b"), f"b gone in round {round}")
    assert serves(running, "/a")


def test_an_mcp_json_is_followed_server_by_server(gateway, one, two, tmp_path):
    file = tmp_path / "mcp.json"

    def servers(**urls):
        fresh = tmp_path / "fresh"
        fresh.write_text(json.dumps({"mcpServers": {name: {"url": url} for name, url in urls.items()}}))
        fresh.rename(file)

    def tools(running):
        return sorted(tool["name"] for tool in running.opened().tools())

    url = "http://127.0.0.1:{}/mcp".format
    servers(one=url(one.port))
    running = gateway(file)
    assert running.opened().text("one__echo") == "one"
    servers(one=url(one.port), two=url(two.port))
    promptly(lambda: tools(running) == ["one__echo", "two__echo"], "the second server")
    servers(one="nonsense", two=url(two.port))
    running.logged(lambda record: record.get("kept") is True)
    assert tools(running) == ["one__echo", "two__echo"]
    servers(two=url(two.port))
    promptly(lambda: tools(running) == ["two__echo"], "the first server gone")


def test_what_stands_beside_a_source_reloads_nothing(gateway, one, tmp_path):
    file = resources.write(tmp_path / "route.yaml", *documents(one, "/first"))
    running = gateway(file)
    resources.write(file, *documents(one, "/second"))
    promptly(lambda: serves(running, "/second"), "the watch")
    before = reloads(running)
    for at in range(20):
        (tmp_path / f"beside{at}.yaml").write_text("kind: [")
    resources.write(file, *documents(one, "/third"))
    promptly(lambda: serves(running, "/third"), "the third version")
    assert reloads(running) - before == 1


def reloads(running, result=None):
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in running.admin("/metrics").body.decode().splitlines()
        if line.startswith("sealgate_reloads_total") and (not result or f'result="{result}"' in line)
    )


# --- what a change leaves alone ----------------------------------------------------------------

def both(folder, one, two, *more, **of_two):
    return resources.write(
        folder / "route.yaml",
        resources.backend("one", one.port),
        resources.backend("two", two.port),
        resources.route("r", resources.reference("one"), resources.reference("two", **of_two)),
        *more,
    )


def test_sessions_and_connections_of_what_did_not_change_are_kept(gateway, ending, one, two, tmp_path):
    running = gateway(both(tmp_path, one, two), options=["--workers", "1"])
    client = running.opened()
    assert (client.text("one__echo"), client.text("two__echo")) == ("one", "two")
    connections = one.connections
    third = ending(ScriptedServer({"echo": lambda arguments: "three"}, name="three"))
    for number in range(5):
        both(tmp_path, one, third if number % 2 == 0 else two)
        wanted = "three" if number % 2 == 0 else "two"
        promptly(lambda: client.text("two__echo") == wanted, f"{wanted} behind two")
        assert client.text("one__echo") == "one"
    assert one.connections == connections
    assert len(one.seen("POST initialize")) == 1


def test_a_call_in_flight_ends_on_the_plan_that_it_began_on(gateway, ending, two, tmp_path):
    gate = Gate()
    slow = ending(ScriptedServer({"hold": gate}, name="slow"))
    running = gateway(both(tmp_path, slow, two))
    client = running.opened()
    said = []
    call = threading.Thread(target=lambda: said.append(client.text("one__hold")))
    call.start()
    assert gate.entered.wait(10)
    resources.write(tmp_path / "route.yaml", resources.backend("two", two.port),
                    resources.route("r", resources.reference("two")))
    promptly(lambda: len(running.opened().tools()) == 1, "the backend gone")
    gate.release()
    call.join(10)
    assert said == ["let go"]


# --- bad edits ---------------------------------------------------------------------------------

def test_a_bad_edit_is_named_everywhere_and_changes_nothing_else(gateway, one, two, tmp_path):
    file = both(tmp_path, one, two)
    running = gateway(file)
    client = running.opened()
    good = file.read_text()
    partial = reloads(running, "partial")
    # `two` breaks in the same edit that moves `one` to the other server.
    bad = good.replace(f"port: {two.port}", "port: 99999").replace(f"port: {one.port}", f"port: {two.port}")
    file.write_text(bad)
    line = 1 + next(at for at, line in enumerate(bad.splitlines()) if "99999" in line)
    place = f"{file}:{line}"
    record = running.logged(lambda record: str(record.get("place", "")).startswith(place))
    assert record["kept"] is True and "99999" in record["message"]
    promptly(lambda: client.text("one__echo") == "two", "the good half of the edit")
    assert client.text("two__echo") == "two"
    verbose = running.admin("/readyz?verbose")
    assert verbose.status == 200
    said = verbose.body.decode()
    assert place in said and "the last good version stays in force" in said
    assert reloads(running, "partial") == partial + 1
    # The fix is taken, and nothing is said any more.
    file.write_text(bad.replace("port: 99999", f"port: {one.port}"))
    promptly(lambda: client.text("two__echo") == "one", "the fix")
    assert "route.yaml" not in running.admin("/readyz?verbose").body.decode()


def test_a_file_that_is_no_yaml_keeps_what_came_from_it_and_removals_elsewhere_count(gateway, one, tmp_path):
    resources.write(tmp_path / "a.yaml", *documents(one, "/a", "a"))
    resources.write(tmp_path / "b.yaml", resources.route("b", resources.reference("one"), path="/b"))
    resources.write(tmp_path / "c.yaml", resources.route("c", resources.reference("one"), path="/c"))
    running = gateway(tmp_path)
    assert all(serves(running, path) for path in ("/a", "/b", "/c"))
    (tmp_path / "a.yaml").write_text("kind: MCPRoute\n  bad: [indent\n")
    running.logged(lambda record: re.search(r"a\.yaml:\d+", str(record.get("place", ""))) and record.get("kept"))
    (tmp_path / "b.yaml").unlink()
    promptly(lambda: not serves(running, "/b"), "the removal")
    assert serves(running, "/a") and serves(running, "/c")
    (tmp_path / "a.yaml").write_text(text(one, "/fixed", "a"))
    promptly(lambda: serves(running, "/fixed") and not serves(running, "/a"), "the fix")
    assert serves(running, "/c")


def test_sighup_reloads(gateway, one, tmp_path):
    running = gateway(resources.write(tmp_path / "route.yaml", *documents(one, "/first")))
    before = reloads(running)
    running.process.signal(signal.SIGHUP)
    promptly(lambda: reloads(running) > before, "a reload")


# --- list_changed ------------------------------------------------------------------------------

class Listener(threading.Thread):
    """Keeps what arrives on the GET stream of a session."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.stream = client.listen()
        assert self.stream.status == 200 and self.stream.is_stream
        self.methods = []

    def run(self):
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            for message in self.stream.messages():
                self.methods.append(message["method"])


def test_only_the_sessions_of_a_changed_route_hear_of_it_and_then_see_it(gateway, one, two, tmp_path):
    def write(*references, more={}):
        return resources.write(
            tmp_path / "route.yaml",
            resources.backend("one", one.port),
            resources.backend("two", two.port),
            resources.route("r", *references),
            resources.route("other", resources.reference("two", **more), path="/other"),
        )

    both_of_them = resources.reference("one"), resources.reference("two")
    running = gateway(write(both_of_them[0]))
    client, other = running.opened(), running.opened("/other")
    ours, others = Listener(client), Listener(other)
    ours.start(), others.start()
    assert [tool["name"] for tool in client.tools()] == ["one__echo"]

    write(*both_of_them)
    promptly(lambda: ours.methods == ["notifications/tools/list_changed"], "list_changed of a new backend")
    # The same session goes on, with what is new.
    assert [tool["name"] for tool in client.tools()] == ["one__echo", "two__echo"]
    assert client.text("two__echo") == "two"

    write(resources.reference("one", toolSelector={"exclude": ["echo"]}), both_of_them[1])
    promptly(lambda: len(ours.methods) == 2, "list_changed of a selector")
    assert [tool["name"] for tool in client.tools()] == ["two__echo"]
    assert others.methods == []

    # What changes no list is not told; what changes the other route's is, to it alone.
    write(resources.reference("one", toolSelector={"exclude": ["echo"]}), both_of_them[1],
          more={"toolSelector": {"exclude": ["nothing"]}, "forwardHeaders": [{"name": "x-user"}]})
    promptly(lambda: others.methods == ["notifications/tools/list_changed"], "list_changed of the other route")
    assert len(ours.methods) == 2


# --- under load --------------------------------------------------------------------------------

class Caller(threading.Thread):
    """Calls one tool again and again over one connection; keeps what went wrong."""

    def __init__(self, running, client):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(*running.authority.rsplit(":", 1), timeout=30)
        self.headers, self.path = client.headers(), client.path
        self.calls, self.wrong = 0, []
        self.over = threading.Event()

    def run(self):
        for number in itertools.count(1):
            if self.over.is_set():
                return
            message = {"jsonrpc": "2.0", "id": number, "method": "tools/call",
                       "params": {"name": "one__echo", "arguments": {}}}
            try:
                self.connection.request("POST", self.path, json.dumps(message), self.headers)
                reply = self.connection.getresponse()
                body = reply.read().decode()
                if reply.status != 200 or '"one"' not in body or "isError" in body:
                    self.wrong.append((reply.status, body))
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
                self.connection.close()
            self.calls += 1


def test_a_thousand_reloads_under_load_lose_no_request(gateway, one, two, tmp_path):
    # Each version is another in what the called backend forwards, in its neighbour and in a route.
    def write(number):
        resources.write(
            file,
            resources.backend("one", one.port),
            resources.backend("two", two.port),
            resources.route(
                "r",
                resources.reference("one", forwardHeaders=[{"name": f"x-version-{number}"}]),
                *([resources.reference("two")] if number % 2 else []),
            ),
            *([resources.route("other", resources.reference("two"), path=f"/other{number}")] if number % 3 else []),
        )

    file = tmp_path / "route.yaml"
    write(0)
    running = gateway(file, options=["--log-level", "warn,sealgate=info"])
    callers = [Caller(running, running.opened()) for _ in range(4)]
    for caller in callers:
        caller.start()
    began, generation = time.monotonic(), 1
    for number in range(1, 1001):
        line = len(running.process.lines)
        write(number)
        running.process.signal(signal.SIGHUP)
        reloaded = running.logged(
            lambda record: record.get("message") == "reloaded" and int(record["generation"]) > generation,
            start=line,
        )
        generation = int(reloaded["generation"])
    took = time.monotonic() - began
    for caller in callers:
        caller.over.set()
    for caller in callers:
        caller.join(30)
    calls = sum(caller.calls for caller in callers)
    print(f"{generation - 1} plans in {took:.1f} s, {calls} calls, {one.connections} connections to the backend")
    assert [wrong for caller in callers for wrong in caller.wrong] == []
    assert generation >= 1001 and calls > 1000 and took < 60
