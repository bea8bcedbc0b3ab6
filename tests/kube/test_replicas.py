"""Replicas share nothing but the session key: a session goes on through a rolling restart."""

import secrets
import threading

import pytest

from api_server import until
from conftest import served
from kit import resources
from kit.mcp_client import McpClient
from kit.scripted import ScriptedServer
from replica import within

IPS = ("127.0.0.1", "127.0.0.2")


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "session-keys"
    file.write_text(secrets.token_hex(32) + "\n")
    return file


@pytest.fixture
def route(api, namespace, edge, ending):
    tools = ending(ScriptedServer())
    found = within(namespace, resources.route("first", resources.reference("tools")))
    api.apply(within(namespace, resources.backend("tools", tools.port)), found)
    return found


@pytest.fixture
def replica(api, namespace, port, start, keys):
    def started(ip, name):
        options = ["--session-key-file", keys, "--identity", name]
        found = start(api, namespace, ip=ip, options=options, linger=1).at(port, ip)
        until(lambda: served(found.client()), 5, "the replica")
        return found

    return started


def test_a_session_of_one_replica_goes_on_at_another(route, replica):
    one, two = (replica(ip, f"replica-{ip}") for ip in IPS)
    client = one.opened()
    client.authority = two.authority
    assert client.call("tools__echo")
    assert client.delete().status < 300
    client.authority = one.authority


class Load:
    """Six sessions that call another replica each time, of those in service; what went wrong."""

    def __init__(self, in_service):
        self.in_service, self.failures, self.done = in_service, [], []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(6)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def reach(self, more, what):
        reached = len(self.done) + more
        until(lambda: len(self.done) > reached, 20, what)

    def _call(self, number):
        client = McpClient(self.in_service[IPS[number % 2]].authority)
        client.initialize()
        turn = number
        while not self._stop.is_set():
            # What a Service does: another replica for each call, of those in service now.
            replicas = list(self.in_service.values())
            client.authority = replicas[turn % len(replicas)].authority
            turn += 1
            try:
                if turn % 10 == 0:
                    client.session_id = None
                    client.initialize()
                assert client.call("tools__echo", {"turn": turn})
                self.done.append(turn)
            except Exception as error:  # noqa: BLE001 - every kind of failure counts
                self.failures.append((client.authority, repr(error)))


def test_a_rolling_restart_under_load_fails_no_call(route, replica):
    in_service = {ip: replica(ip, f"{ip}-old") for ip in IPS}
    with Load(in_service) as load:
        for ip in IPS:
            # A cluster stops sending and says SIGTERM at the same time, in no order.
            in_service[ip].terminate()
            in_service[ip].logged(lambda record: "no longer ready" in record.get("message", ""))
            old = in_service.pop(ip)
            assert old.process.wait() == 0
            in_service[ip] = replica(ip, f"{ip}-new")
            load.reach(100, "calls at the new replica")
    print(f"{len(load.done)} calls through a rolling restart, {len(load.failures)} failed")
    assert load.failures == []
    assert len(load.done) > 200


def test_keys_rotate_over_the_replicas_without_a_restart_or_a_failed_call(api, namespace, port, start, tmp_path, route):
    """As the chart says: last, then first, then alone; the replicas learn of each step one by one."""
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    files = {}

    def put(ip, *keys):
        fresh = files[ip].with_suffix(".new")
        fresh.write_text("\n".join(keys))
        fresh.rename(files[ip])

    in_service = {}
    for ip in IPS:
        files[ip] = tmp_path / f"keys-{ip}"
        put(ip, old)
        options = ["--session-key-file", files[ip], "--identity", f"replica-{ip}"]
        in_service[ip] = start(api, namespace, ip=ip, options=options).at(port, ip)
        until(lambda ip=ip: served(in_service[ip].client()), 5, "the replica")
    with Load(in_service) as load:
        for step in ([old, new], [new, old]):
            for ip in IPS:
                line = len(in_service[ip].process.lines)
                put(ip, *step)
                in_service[ip].logged(lambda it: "session keys reloaded" in it.get("message", ""), start=line)
                load.reach(100, "calls with one replica ahead")
    print(f"{len(load.done)} calls through a rotation of the keys, {len(load.failures)} failed")
    assert load.failures == []


def test_another_replica_writes_status_when_the_first_is_gone(api, namespace, route, replica):
    one, _two = (replica(ip, f"replica-{ip}") for ip in IPS)
    assert api.condition(route, "Accepted", "True")
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
             "metadata": {"name": "sealgate-status", "namespace": namespace}}
    assert api.get(lease)["spec"]["holderIdentity"] == f"replica-{IPS[0]}"
    one.terminate()
    assert one.process.wait() == 0
    second = within(namespace, resources.route("second", resources.reference("tools"), path="/second"))
    api.apply(second)
    assert api.condition(second, "Accepted", "True")
    assert api.get(lease)["spec"]["holderIdentity"] == f"replica-{IPS[1]}"
