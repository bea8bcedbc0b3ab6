"""Status tells the truth: per Gateway and for the route, named by field, and only when it changes."""

import threading
import time

import pytest

from api_server import until
from conftest import served
from kit import resources
from kit.process import eventually, free_port
from kit.scripted import ScriptedServer
from replica import CONTROLLER, gateway, gateway_class, key_from, secret, within


@pytest.fixture
def tools(ending):
    return ending(ScriptedServer())


def attached(api, edge):
    return sum(it["attachedRoutes"] for it in api.status(edge).get("listeners", []))


def test_a_good_route_is_accepted_resolved_and_programmed(api, running, namespace, tools):
    route = within(namespace, resources.route("good", resources.reference("tools")))
    api.apply(within(namespace, resources.backend("tools", tools.port)), route)
    for kind in ("Accepted", "ResolvedRefs", "Programmed"):
        condition = api.condition(route, kind, "True", parent=0)
        assert condition["reason"] == kind
        assert condition["lastTransitionTime"].endswith("Z")
    status = api.status(route)
    assert status["parents"][0]["controllerName"] == CONTROLLER
    assert status["parents"][0]["parentRef"]["name"] == "sealgate"
    assert status["conditions"][-1]["type"] == "Accepted"
    assert status["conditions"][-1]["reason"] == "ReconciliationSucceeded"
    assert status["conditions"][-1]["message"] == "MCP Gateway Route reconciled successfully"


def test_a_missing_secret_is_named_by_field_while_the_rest_serves(api, running, namespace, tools):
    route = within(namespace, resources.route(
        "partly", resources.reference("tools"), resources.reference("locked", security=key_from("nowhere"))))
    api.apply(*within(namespace, resources.backend("tools", tools.port), resources.backend("locked", tools.port)), route)
    condition = api.condition(route, "ResolvedRefs", "False", parent=0)
    assert condition["reason"] == "SecretNotFound"
    assert "spec.backendRefs[1].securityPolicy.apiKey.secretRef.name" in condition["message"]
    assert f"secret {namespace}/nowhere not found" in condition["message"]
    assert api.condition(route, "Accepted", "True", parent=0)
    assert api.status(route)["conditions"][-1]["type"] == "Accepted"
    assert {tool["name"] for tool in running.opened().tools()} == {"tools__echo"}
    api.apply(within(namespace, secret("nowhere", apiKey="found")))
    until(lambda: len(running.opened().tools()) == 2, 1, "the secret's backend")
    assert api.condition(route, "ResolvedRefs", "True", parent=0)


def test_a_missing_backend_leaves_nothing_to_serve_and_says_so(api, running, namespace):
    route = within(namespace, resources.route("empty", resources.reference("absent")))
    api.apply(route)
    condition = api.condition(route, "ResolvedRefs", "False", parent=0)
    assert condition["reason"] == "BackendNotFound"
    assert api.condition(route, "Programmed", "False", parent=0)
    last = api.status(route)["conditions"][-1]
    assert (last["type"], last["status"], last["reason"]) == ("NotAccepted", "False", "ReconciliationFailed")
    assert "spec.backendRefs[0]" in last["message"]


def test_an_expression_that_does_not_compile_is_named(api, running, namespace, tools):
    reference = resources.reference("tools", toolSelector={"includeRegex": ["ec(ho"]})
    route = within(namespace, resources.route("broken", resources.reference("other"), reference))
    api.apply(*within(namespace, resources.backend("tools", tools.port), resources.backend("other", tools.port)), route)
    condition = api.condition(route, "PartiallyInvalid", "True", parent=0)
    assert condition["reason"] == "UnsupportedValue"
    assert "spec.backendRefs[1].toolSelector.includeRegex[0]" in condition["message"]
    assert condition["message"].startswith("Dropped Rule")


def test_a_bad_edit_keeps_the_last_good_state_of_that_backend(api, running, namespace, tools):
    good = resources.route("edited", resources.reference("tools", toolSelector={"includeRegex": ["echo"]}))
    within(namespace, good)
    api.apply(within(namespace, resources.backend("tools", tools.port)), good)
    until(lambda: served(running.client()), 5, "the route")
    client = running.opened()
    bad = within(namespace, resources.route("edited", resources.reference("tools", toolSelector={"includeRegex": ["ec(ho"]})))
    api.apply(bad)
    condition = api.condition(bad, "PartiallyInvalid", "True", parent=0)
    assert condition["message"].startswith("Fall Back")
    assert client.call("tools__echo")


def test_a_secret_that_is_deleted_is_no_longer_used(api, running, namespace, tools):
    key = within(namespace, secret("key", apiKey="x"))
    route = within(namespace, resources.route("first", resources.reference("tools", security=key_from("key"))))
    api.apply(key, within(namespace, resources.backend("tools", tools.port)), route)
    until(lambda: served(running.client()), 5, "the route")
    api.delete(key)
    until(lambda: not served(running.client()), 1, "the revocation")
    assert api.condition(route, "ResolvedRefs", "False", parent=0)["reason"] == "SecretNotFound"


def test_a_reference_into_another_namespace_needs_a_grant(api, namespace, edge, port, start, tools):
    vault = f"{namespace}-vault"
    running = start(api, namespace, options=["--namespace", vault]).at(port)
    policy = key_from("key")
    policy["apiKey"]["secretRef"]["namespace"] = vault
    route = within(namespace, resources.route("first", resources.reference("tools", security=policy)))
    api.apply(within(vault, secret("key", apiKey="x")), within(namespace, resources.backend("tools", tools.port)), route)
    assert api.condition(route, "ResolvedRefs", "False", parent=0)["reason"] == "RefNotPermitted"
    grant = within(vault, {
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": "grant"},
        "spec": {"from": [{"group": "aigateway.envoyproxy.io", "kind": "MCPRoute", "namespace": namespace}],
                 "to": [{"group": "", "kind": "Secret"}]},
    })
    api.apply(grant)
    until(lambda: served(running.client()), 1, "the grant")
    assert api.condition(route, "ResolvedRefs", "True", parent=0)
    api.delete(grant)
    until(lambda: not served(running.client()), 1, "the grant's end")


def test_a_gateway_that_does_not_take_the_route_says_why(api, running, namespace, tools):
    route = within(namespace, resources.route("first", resources.reference("tools")))
    route["spec"]["parentRefs"][0]["sectionName"] = "absent"
    api.apply(within(namespace, resources.backend("tools", tools.port)), route)
    condition = api.condition(route, "Accepted", "False", parent=0)
    assert condition["reason"] == "NoMatchingParent"
    assert "has no listener that the parentRef selects" in condition["message"]


def test_a_gateway_and_its_class_are_told_about(api, running, edge, namespace, tools):
    assert api.condition(gateway_class(), "Accepted", "True")
    assert api.condition(edge, "Accepted", "True")
    assert api.condition(edge, "Programmed", "True")
    api.apply(within(namespace, resources.backend("tools", tools.port)),
              within(namespace, resources.route("first", resources.reference("tools"))))
    eventually(lambda: attached(api, edge) == 1, what="one attached route")
    listener = api.status(edge)["listeners"][0]
    assert listener["supportedKinds"] == [{"group": "aigateway.envoyproxy.io", "kind": "MCPRoute"}]
    assert {it["type"]: it["status"] for it in listener["conditions"]} == {
        "Accepted": "True", "ResolvedRefs": "True", "Programmed": "True"}


def test_a_missing_certificate_is_told_at_the_listener(api, running, namespace, tools):
    https = within(namespace, gateway(free_port(), name="secure"))
    listener = https["spec"]["listeners"][0]
    listener |= {"protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "absent"}]}}
    https["spec"]["listeners"] = [listener]
    route = within(namespace, resources.route("first", resources.reference("tools")))
    route["spec"]["parentRefs"] = [{"name": "secure"}]
    api.apply(https, within(namespace, resources.backend("tools", tools.port)), route)

    def condition():
        listeners = api.status(https).get("listeners", [])
        found = [it for one in listeners for it in one["conditions"] if it["type"] == "ResolvedRefs"]
        return found and found[0]["status"] == "False" and found[0]

    assert eventually(condition)["reason"] == "InvalidCertificateRef"


def test_other_controllers_words_are_left_alone(api, running, namespace, tools):
    route = within(namespace, resources.route("shared", resources.reference("tools")))
    api.apply(within(namespace, resources.backend("tools", tools.port)), route)
    api.condition(route, "Accepted", "True", parent=0)
    found = api.get(route)
    other = {"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"},
             "controllerName": "example.com/other", "conditions": []}
    found["status"]["parents"].append(other)
    api.call("PUT", f"{api.path(route, 'shared')}/status", found)
    route["spec"]["path"] = "/moved"
    api.apply(route)
    api.condition(route, "Accepted", "True")
    assert "example.com/other" in [it["controllerName"] for it in api.status(route)["parents"]]


def test_nothing_is_written_when_nothing_changes(api, namespace, edge, port, start, between, tools):
    running = start(between, namespace).at(port)
    routes = [within(namespace, resources.route(f"r{n}", resources.reference("tools"), path=f"/r{n}")) for n in range(10)]
    api.apply(within(namespace, resources.backend("tools", tools.port)), *routes)
    for route in routes:
        api.condition(route, "Accepted", "True", parent=0)
    eventually(lambda: attached(api, edge) == 10, what="ten attached routes")
    versions = [api.get(route)["metadata"]["resourceVersion"] for route in routes]
    before, lists = between.count("PATCH"), between.count("GET")
    reloads = sum("reloaded" == record.get("message") for record in running.records())
    # Time is the point here: three seconds of nothing.
    threading.Event().wait(3)
    assert between.count("PATCH") == before
    assert between.count("GET") - lists <= 2, between.requests[-5:]  # the lease
    assert [api.get(route)["metadata"]["resourceVersion"] for route in routes] == versions
    assert sum("reloaded" == record.get("message") for record in running.records()) == reloads


def test_a_rival_writer_is_given_way(api, namespace, edge, port, start, between, tools):
    start(between, namespace).at(port)
    route = within(namespace, resources.route("contested", resources.reference("tools")))
    api.apply(within(namespace, resources.backend("tools", tools.port)), route)
    api.condition(route, "Accepted", "True")
    rival = {"status": {"conditions": []}}
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        api.call("PATCH", f"{api.path(route, 'contested')}/status", rival, "application/merge-patch+json")
        threading.Event().wait(0.05)
    assert between.count("PATCH", "mcproutes/contested") <= 8


def test_credentials_that_cannot_be_fetched_are_told_at_the_route(api, running, namespace, tools):
    """No credentials anywhere: the default chain finds nothing in this process."""
    signed = resources.reference("signed", security=resources.aws("us-east-1", "bedrock-agentcore"))
    route = within(namespace, resources.route("first", resources.reference("tools"), signed))
    api.apply(within(namespace, resources.backend("tools", tools.port)),
              within(namespace, resources.backend("signed", tools.port, hostname="bedrock-agentcore.us-east-1.amazonaws.com")),
              route)
    condition = api.condition(route, "ResolvedRefs", "False", parent=0)
    assert condition["reason"] == "IdentityNotResolved"
    assert condition["message"].startswith("spec.backendRefs[1]: the AWS credentials cannot be fetched")
    assert api.condition(route, "Programmed", "True", parent=0)
    assert running.opened().call("tools__echo")
