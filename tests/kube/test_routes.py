"""Routes are served, changed and gone within a second, without a restart."""

import pytest

from conftest import served
from api_server import until
from kit import resources
from kit.mcp_client import RpcError
from kit.scripted import ScriptedServer
from replica import key_from, secret, service, slice_of, within


@pytest.fixture
def tools(ending):
    return ending(ScriptedServer({"echo": lambda arguments: "one"}))


@pytest.fixture
def route(namespace, tools):
    backend = within(namespace, resources.backend("tools", tools.port))
    return backend, within(namespace, resources.route("first", resources.reference("tools")))


def test_the_first_route_needs_no_restart_and_takes_less_than_a_second(api, running, route):
    assert not served(running.client())
    api.apply(*route)
    took = until(lambda: served(running.client()), 1, "the first route")
    print(f"created to served: {took * 1000:.0f} ms")
    assert running.opened().text("tools__echo") == "one"


def test_a_change_is_served_in_less_than_a_second(api, running, route, ending, namespace):
    api.apply(*route)
    until(lambda: served(running.client()), 5, "the route")
    other = ending(ScriptedServer({"echo": lambda arguments: "two"}))
    api.apply(within(namespace, resources.backend("tools", other.port)))
    took = until(lambda: running.opened().text("tools__echo") == "two", 1, "the change")
    print(f"updated to served: {took * 1000:.0f} ms")


def test_a_deleted_route_is_gone_in_less_than_a_second(api, running, route, tools, namespace):
    other = within(namespace, resources.route("second", resources.reference("tools"), path="/other"))
    api.apply(*route, other)
    until(lambda: served(running.client()) and served(running.client("/other")), 5, "both routes")
    api.delete(route[1])
    took = until(lambda: not served(running.client()), 1, "the deletion")
    print(f"deleted to gone: {took * 1000:.0f} ms")
    assert running.opened("/other").text("tools__echo") == "one"


def test_a_secret_that_changes_is_used_at_once(api, running, namespace, tools):
    reference = resources.reference("tools", security=key_from("key"))
    api.apply(
        within(namespace, secret("key", apiKey="old")),
        within(namespace, resources.backend("tools", tools.port)),
        within(namespace, resources.route("first", reference)),
    )
    until(lambda: served(running.client()), 5, "the route")
    client = running.opened()
    api.apply(within(namespace, secret("key", apiKey="new")))

    def sent_new():
        tools.forget()
        client.call("tools__echo")
        return tools.seen("POST tools/call")[0].header("x-key") == "new"

    until(sent_new, 1, "the new key")


def test_a_service_is_reached_at_its_ready_endpoints(api, running, namespace, tools):
    reference = {"name": "tools", "port": 80}
    api.apply(
        within(namespace, service("tools", 80)),
        within(namespace, slice_of("tools", tools.port, "127.0.0.1")),
        within(namespace, resources.route("first", reference)),
    )
    until(lambda: served(running.client()), 1, "the route to a Service")
    assert running.opened().text("tools__echo") == "one"
    host = tools.seen("POST tools/call")[0].header("host")
    assert host == f"tools.{namespace}.svc"


def test_endpoints_that_move_are_followed(api, running, namespace, tools, ending):
    api.apply(
        within(namespace, service("tools", 80)),
        within(namespace, slice_of("tools", tools.port, "127.0.0.1")),
        within(namespace, resources.route("first", {"name": "tools", "port": 80})),
    )
    until(lambda: served(running.client()), 5, "the route")
    other = ending(ScriptedServer({"echo": lambda arguments: "two"}))
    api.apply(within(namespace, slice_of("tools", other.port, "127.0.0.1")))
    until(lambda: running.opened().text("tools__echo") == "two", 1, "the move")


def test_a_gateway_of_another_class_is_not_served(api, running, namespace, tools, port):
    from kit.process import free_port
    from replica import gateway, gateway_class

    api.apply(gateway_class("foreign", "example.com/other"))
    elsewhere = free_port()
    api.apply(
        within(namespace, gateway(elsewhere, name="foreign", class_name="foreign")),
        within(namespace, resources.backend("tools", tools.port)),
    )
    both = resources.route("both", resources.reference("tools"))
    both["spec"]["parentRefs"].insert(0, {"name": "foreign"})
    foreign = resources.route("foreign", resources.reference("tools"), path="/foreign")
    foreign["spec"]["parentRefs"] = [{"name": "foreign"}]
    api.apply(*within(namespace, both, foreign))
    until(lambda: served(running.client()), 5, "the route with two parents")
    status = api.condition(both, "Accepted", "True")
    assert status["reason"] == "ReconciliationSucceeded"
    assert [parent["parentRef"]["name"] for parent in api.status(both)["parents"]] == ["sealgate"]
    assert "status" not in api.get(foreign)
    assert not served(running.client("/foreign"))


def test_a_variable_in_an_object_does_not_read_the_environment(api, namespace, edge, port, start, tools):
    running = start(api, namespace, env={"TOKEN": "of-the-process"}).at(port)
    reference = resources.reference("tools", security={"apiKey": {"inline": "${TOKEN}", "header": "X-Key"}})
    api.apply(
        within(namespace, resources.backend("tools", tools.port)),
        within(namespace, resources.route("first", reference)),
    )
    until(lambda: served(running.client()), 5, "the route")
    running.opened().call("tools__echo")
    assert tools.seen("POST tools/call")[0].header("x-key") == "${TOKEN}"


def test_sessions_outlive_changes_of_other_routes(api, running, route, namespace):
    api.apply(*route)
    until(lambda: served(running.client()), 5, "the route")
    client = running.opened()
    api.apply(within(namespace, resources.route("second", resources.reference("tools"), path="/other")))
    until(lambda: served(running.client("/other")), 1, "the second route")
    assert client.text("tools__echo") == "one"
    with pytest.raises(RpcError):
        client.call("tools__nothing")
