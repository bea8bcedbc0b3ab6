"""A backend with several endpoints: each in turn, each signed for its own host, none of them missed."""

import collections
import contextlib
import socket
import threading

import pytest

from kit import resources
from kit.aws_identity import FIRST
from kit.scripted import ScriptedServer
from kit.sigv4_front import SigV4Front

AWS = {"region": "us-east-1", "service": "aws-mcp"}


@pytest.fixture
def pair(ending):
    return [ending(ScriptedServer({"who": lambda arguments, name=name: name}, name=name)) for name in ("a", "b")]


def write(folder, endpoints, *more, annotations=None, **of_reference):
    made = resources.backend("both", 1, annotations=annotations)
    made["spec"]["endpoints"] = endpoints
    return resources.write(
        folder / "route.yaml", made, resources.route("r", resources.reference("both", **of_reference)), *more)


def ip(server, **more):
    return {"ip": {"address": "127.0.0.1", "port": server.port}, **more}


def opened(running, count):
    return [running.opened() for _ in range(count)]


def test_sessions_are_spread_and_each_stays_with_its_endpoint(gateway, pair, tmp_path):
    running = gateway(write(tmp_path, [ip(server) for server in pair]), options=["--workers", "1"])
    clients = opened(running, 6)
    for server in pair:
        assert len(server.seen("POST initialize")) == 3
    said = [[client.text("both__who") for _ in range(4)] for client in clients]
    assert all(len(set(words)) == 1 for words in said)
    assert collections.Counter(words[0] for words in said) == {"a": 3, "b": 3}
    # The servers see their own session ids, as they gave them.
    for name, server in zip("ab", pair):
        assert {one.header("mcp-session-id") for one in server.seen("POST tools/call")} == {f"{name}-session"}


def test_a_dead_endpoint_costs_nothing_but_its_sessions_and_those_go_on_elsewhere(gateway, pair, tmp_path):
    running = gateway(write(tmp_path, [ip(server) for server in pair]), options=["--workers", "1"])
    clients = opened(running, 4)
    pair[0].stop()
    assert [client.text("both__who") for client in clients] == ["b"] * 4
    assert [client.text("both__who") for client in opened(running, 4)] == ["b"] * 4


def test_failover_uses_the_next_endpoint_only_without_the_first(gateway, pair, tmp_path):
    annotations = {"sealgate.dev/load-balancing": "failover"}
    running = gateway(write(tmp_path, [ip(server) for server in pair], annotations=annotations))
    clients = opened(running, 4)
    assert [client.text("both__who") for client in clients] == ["a"] * 4
    assert pair[1].connections == 0
    pair[0].stop()
    assert [client.text("both__who") for client in clients] == ["b"] * 4


def test_each_endpoint_is_signed_for_its_own_host(gateway, pair, ending, tmp_path):
    hosts = ["one.example.com", "two.example.com"]
    fronts = [
        ending(SigV4Front(("127.0.0.1", server.port), identities=[FIRST], host=f"{host}", **AWS))
        for server, host in zip(pair, hosts)
    ]
    file = write(
        tmp_path,
        [ip(front, hostname=host) for front, host in zip(fronts, hosts)],
        resources.secret("keys", credentials=FIRST.credentials_text()),
        annotations={},
        security=resources.aws(**{**AWS, "secret": "keys"}),
    )
    for front, host in zip(fronts, hosts):
        front.expected.host = f"{host}:{front.port}"
    running = gateway(file, options=["--workers", "1"])
    assert sorted(client.text("both__who") for client in opened(running, 4)) == ["a", "a", "b", "b"]
    for front, host in zip(fronts, hosts):
        assert front.refused == [] and front.accepted
        assert {one.header("host") for one in front.accepted} == {f"{host}:{front.port}"}


class UnixServer(ScriptedServer):
    """A scripted server on a Unix socket."""

    def listen_at(self, path):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=self._converse, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return self


def test_unix_sockets_are_endpoints(gateway, ending, tmp_path):
    servers = [
        ending(UnixServer({"who": lambda arguments, name=name: name}, name=name)).listen_at(tmp_path / name)
        for name in ("a", "b")
    ]
    running = gateway(write(tmp_path, [{"unix": {"path": str(tmp_path / name)}} for name in ("a", "b")]),
                      options=["--workers", "1"])
    assert sorted(client.text("both__who") for client in opened(running, 2)) == ["a", "b"]
    assert {one.header("host") for server in servers for one in server.requests} == {"localhost"}
