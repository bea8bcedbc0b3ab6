"""What a cluster does to a controller: the API server goes, forgets, is slow, refuses; kinds come
later. What is served stays, and what changed meanwhile is found."""

import pytest

import gateway_api
from api_server import CRDS, until
from conftest import served
from kit import resources
from kit.mcp_client import RpcError
from kit.process import eventually, free_port
from kit.scripted import ScriptedServer
from replica import Replica, gateway, gateway_class, key_from, secret, within

import yaml


@pytest.fixture
def tools(ending):
    return ending(ScriptedServer())


@pytest.fixture
def route(namespace, tools):
    backend = within(namespace, resources.backend("tools", tools.port))
    return backend, within(namespace, resources.route("first", resources.reference("tools")))


def test_what_is_served_stays_while_the_api_server_is_gone(own_api, namespace, port, start, route):
    own_api.install()
    own_api.apply(gateway_class(), within(namespace, gateway(port)), *route)
    running = start(own_api, namespace).at(port)
    client = running.opened()
    own_api.stop_serving()
    for _ in range(20):
        assert client.call("tools__echo")
    own_api.start()
    other = within(namespace, resources.route("second", resources.reference("tools"), path="/other"))
    own_api.apply(other)
    took = until(lambda: served(running.client("/other")), 6, "a route after the restart")
    print(f"restarted API server, created to served: {took * 1000:.0f} ms")
    assert client.call("tools__echo")


def test_an_expired_version_is_no_trouble(own_api, namespace, port, start, tmp_path, ending, route, tools):
    from between import Between

    own_api.install()
    gone = within(namespace, resources.route("gone", resources.reference("tools"), path="/gone"))
    own_api.apply(gateway_class(), within(namespace, gateway(port)), *route, gone)
    between = ending(Between(own_api, tmp_path))
    running = start(between, namespace).at(port)
    until(lambda: served(running.client("/gone")), 5, "the route")
    # Behind its back: changes, of which the history is then forgotten.
    between.cut()
    before = len(between.requests)
    own_api.delete(gone)
    own_api.apply(within(namespace, resources.route("new", resources.reference("tools"), path="/new")))
    own_api.stop_serving()
    own_api.forget_history()
    own_api.start()
    tries = len(between.requests) - before
    print(f"tries while the line was cut, all watches together: {tries}")
    assert tries <= 30, "one watch tries, the others wait for it"
    lists = between.count("GET", "mcproutes?&limit")
    between.mend()
    took = until(lambda: served(running.client("/new")), 8, "what was created meanwhile")
    print(f"line mended to served: {took * 1000:.0f} ms")
    until(lambda: not served(running.client("/gone")), 1, "what was deleted meanwhile")
    assert between.count("GET", "mcproutes?&limit") > lists, "the version had not expired"
    assert served(running.client())


def test_a_slow_api_server_delays_and_breaks_nothing(api, namespace, edge, port, start, between, route):
    between.delay = 0.3
    running = start(between, namespace).at(port)
    api.apply(*route)
    took = until(lambda: served(running.client()), 2, "the route")
    print(f"each request 300 ms late, created to served: {took * 1000:.0f} ms")
    assert api.condition(route[1], "Accepted", "True", parent=0)


def test_refused_secrets_cost_only_who_needs_them(api, namespace, edge, port, start, between, tools):
    between.forbidden = ("/secrets",)
    running = start(between, namespace).at(port)
    locked = resources.reference("locked", security=key_from("key"))
    both = within(namespace, resources.route("first", resources.reference("tools"), locked))
    api.apply(*within(namespace, resources.backend("tools", tools.port), resources.backend("locked", tools.port)),
              within(namespace, secret("key", apiKey="x")), both)
    until(lambda: served(running.client()), 3, "the route")
    assert {tool["name"] for tool in running.opened().tools()} == {"tools__echo"}
    assert api.condition(both, "ResolvedRefs", "False", parent=0)["reason"] == "SecretNotFound"
    record = running.logged(lambda record: "cannot watch" in record.get("message", ""))
    assert record["kind"] == "Secret" and "forbidden by the test" in record["message"]


def test_refused_status_costs_nothing_but_status(api, namespace, edge, port, start, between, route):
    between.forbidden = ("/leases",)
    running = start(between, namespace).at(port)
    api.apply(*route)
    until(lambda: served(running.client()), 1, "the route")
    assert "status is not written" in running.logged(lambda it: "status is not" in it.get("message", ""))["message"]


def test_kinds_that_are_installed_later_are_found(own_api, namespace, port, start, route):
    running = start(own_api, namespace).at(port)
    own_api.define(*[yaml.safe_load(file.read_text()) for file in sorted(CRDS.glob("*.yaml"))])
    own_api.define(*gateway_api.definitions())
    own_api.apply(gateway_class(), within(namespace, gateway(port)), *route)
    took = until(lambda: served(running.client()), 20, "the first route of a new kind")
    print(f"installed to served: {took:.1f} s")


def test_without_the_gateway_api_routes_are_served_on_the_address_given(own_api, namespace, ending, route):
    own_api.define(*[yaml.safe_load(file.read_text()) for file in sorted(CRDS.glob("*.yaml"))])
    own_api.apply(*route)
    running = ending(Replica(own_api, namespace))
    running.logged(lambda record: record.get("listener") == "main")
    assert running.opened().call("tools__echo")
    assert own_api.condition(route[1], "Programmed", "True", parent=0)


def test_a_conflict_is_told_and_the_older_route_wins(api, running, namespace, tools, route):
    api.apply(*route)
    until(lambda: served(running.client()), 5, "the route")
    api.condition(route[1], "Accepted", "True", parent=0)
    younger = within(namespace, resources.route("an-earlier-name", resources.reference("tools")))
    eventually(lambda: api.get(route[1])["metadata"]["creationTimestamp"] < now(), what="the next second")
    api.apply(younger)
    condition = api.condition(younger, "Accepted", "False", parent=0)
    assert condition["reason"] == "Conflicted" and f"route {namespace}/first" in condition["message"]
    assert api.condition(route[1], "Accepted", "True", parent=0)


def now():
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_port_that_is_taken_is_told_at_the_listener(api, namespace, start, tools, ending):
    taken = ending(ScriptedServer())
    edge = within(namespace, gateway(taken.port))
    route = within(namespace, resources.route("first", resources.reference("tools")))
    api.apply(edge, within(namespace, resources.backend("tools", tools.port)), route)
    start(api, namespace)

    def told():
        listeners = api.status(edge).get("listeners") or [{"conditions": []}]
        return next((it for it in listeners[0]["conditions"] if it["reason"] == "PortUnavailable"), None)

    assert str(taken.port) in eventually(told, what="PortUnavailable")["message"]


def test_a_dead_backend_is_no_matter_of_the_route(api, running, namespace, tools):
    dead = within(namespace, resources.backend("dead", free_port()))
    both = within(namespace, resources.route("first", resources.reference("tools"), resources.reference("dead")))
    api.apply(within(namespace, resources.backend("tools", tools.port)), dead, both)
    until(lambda: served(running.client()), 5, "the route")
    client = running.opened()
    assert client.call("tools__echo")
    with pytest.raises(RpcError):
        client.call("dead__echo")
    assert api.condition(both, "Programmed", "True", parent=0)
