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


def test_a_rolling_restart_under_load_fails_no_call(route, replica):
    in_service = {ip: replica(ip, f"{ip}-old") for ip in IPS}
    failures, done, stop = [], [], threading.Event()

    def load(number):
        client = McpClient(in_service[IPS[number % 2]].authority)
        client.initialize()
        turn = number
        while not stop.is_set():
            # What a Service does: another replica for each call, of those in service now.
            replicas = list(in_service.values())
            client.authority = replicas[turn % len(replicas)].authority
            turn += 1
            try:
                assert client.call("tools__echo", {"turn": turn})
                done.append(turn)
            except Exception as error:  # noqa: BLE001 - every kind of failure counts
                failures.append((client.authority, repr(error)))

    threads = [threading.Thread(target=load, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        for ip in IPS:
            # A cluster stops sending and says SIGTERM at the same time, in no order.
            in_service[ip].terminate()
            in_service[ip].logged(lambda record: "no longer ready" in record.get("message", ""))
            old = in_service.pop(ip)
            assert old.process.wait() == 0
            in_service[ip] = replica(ip, f"{ip}-new")
            reached = len(done) + 100
            until(lambda reached=reached: len(done) > reached, 20, "calls at the new replica")
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    print(f"{len(done)} calls through a rolling restart, {len(failures)} failed")
    assert failures == []
    assert len(done) > 200


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


def test_a_new_key_rotates_in_without_ending_sessions(api, namespace, port, start, keys, route, replica):
    old = replica(IPS[0], "old")
    client = old.opened()
    first = keys.read_text()
    keys.write_text(secrets.token_hex(32) + "\n" + first)
    new = replica(IPS[1], "new")
    client.authority = new.authority
    assert client.call("tools__echo")
