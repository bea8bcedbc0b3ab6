"""Status tells the truth: per Gateway and for the route, named by field, and only when it changes."""

import threading
import time

import pytest

from api_server import until
from conftest import served
from kit import resources
from kit.certificates import Authority
from kit.process import eventually, free_port
from kit.scripted import ScriptedServer
from replica import CONTROLLER, gateway, gateway_class, key_from, namespace_object, secret, service, within


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


def listener_condition(api, edge, kind, wanted):
    def look():
        listeners = api.status(edge).get("listeners") or [{"conditions": []}]
        return next((it for it in listeners[0]["conditions"] if (it["type"], it["status"]) == (kind, wanted)), None)

    return eventually(look, what=f"{kind} {wanted} at the listener")


def test_a_certificate_that_a_bad_edit_broke_is_told_and_the_last_good_one_served(api, running, namespace, tools):
    authority = Authority()
    (chain, key), (_, other) = authority.leaf("mcp.test"), authority.leaf("mcp.test")

    def tls(key):
        return within(namespace, {**secret("edge-tls", **{"tls.crt": chain, "tls.key": key}), "type": "kubernetes.io/tls"})

    https = within(namespace, gateway(free_port(), name="secure"))
    https["spec"]["listeners"][0] |= {"protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "edge-tls"}]}}
    route = within(namespace, resources.route("first", resources.reference("tools")))
    route["spec"]["parentRefs"] = [{"name": "secure"}]
    api.apply(tls(key), https, within(namespace, resources.backend("tools", tools.port)), route)
    assert listener_condition(api, https, "ResolvedRefs", "True")
    running.logged(lambda record: record.get("listener", "").endswith("secure/http"))
    api.apply(tls(other))
    condition = listener_condition(api, https, "ResolvedRefs", "False")
    assert condition["reason"] == "InvalidCertificateRef"
    assert condition["message"].startswith("spec.listeners[0].tls.certificateRefs[0].name: Secret")
    assert "the private key does not belong to the certificate" in condition["message"]
    assert listener_condition(api, https, "Programmed", "True")
    assert api.condition(route, "Programmed", "True", parent=0)
    api.apply(tls(key))
    assert listener_condition(api, https, "ResolvedRefs", "True")


def test_a_broken_backend_is_told_at_the_route_and_served_as_it_was(api, running, namespace, tools):
    route = within(namespace, resources.route("first", resources.reference("tools")))
    good = within(namespace, resources.backend("tools", tools.port, annotations={"sealgate.dev/call-timeout": "9s"}))
    api.apply(good, route)
    until(lambda: served(running.client()), 5, "the route")
    api.apply(within(namespace, resources.backend("tools", tools.port, annotations={"sealgate.dev/call-timeout": "soon"})))
    condition = api.condition(route, "ResolvedRefs", "False", parent=0)
    assert condition["reason"] == "InvalidReference" and "soon" in condition["message"]
    assert api.condition(route, "PartiallyInvalid", "True", parent=0)["message"].startswith("Fall Back")
    assert running.opened().call("tools__echo")


def test_a_broken_protection_takes_the_route_out_in_spite_of_its_last_good_state(api, running, namespace, tools):
    good = within(namespace, resources.route("first", resources.reference("tools")))
    api.apply(within(namespace, resources.backend("tools", tools.port)), good)
    until(lambda: served(running.client()), 5, "the route")
    # Accepted by the API server, and of no use: what is new and broken is a protection.
    bad = resources.route("first", resources.reference("tools", toolSelector={"excludeRegex": ["ec(ho"]}))
    api.apply(within(namespace, bad))
    until(lambda: not served(running.client()), 1, "the route out")
    assert "toolSelector.excludeRegex[0]" in api.condition(bad, "Programmed", "False", parent=0)["message"]


def test_a_gateway_chooses_by_the_labels_of_namespaces(api, namespace, port, start, tools):
    running = start(api, namespace).at(port)
    selector = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"mcp": "open"}}}}
    edge = within(namespace, gateway(port, allowedRoutes=selector))
    route = within(namespace, resources.route("first", resources.reference("tools")))
    api.apply(edge, namespace_object(namespace, mcp="closed"), within(namespace, resources.backend("tools", tools.port)), route)
    condition = api.condition(route, "Accepted", "False", parent=0)
    assert condition["reason"] == "NotAllowedByListeners" and namespace in condition["message"]
    assert not served(running.client())
    api.apply(namespace_object(namespace, mcp="open"))
    until(lambda: served(running.client()), 1, "the label")
    assert api.condition(route, "Accepted", "True", parent=0)
    api.apply(namespace_object(namespace, mcp="closed"))
    until(lambda: not served(running.client()), 1, "the label gone")


def test_kinds_of_routes_that_are_not_served_are_told(api, namespace, port, start, tools):
    start(api, namespace).at(port)
    edge = within(namespace, gateway(port, allowedRoutes={"kinds": [{"kind": "GRPCRoute"}]}))
    route = within(namespace, resources.route("first", resources.reference("tools")))
    api.apply(edge, within(namespace, resources.backend("tools", tools.port)), route)
    condition = api.condition(route, "Accepted", "False", parent=0)
    assert condition["reason"] == "NotAllowedByListeners" and "kind MCPRoute" in condition["message"]
    assert listener_condition(api, edge, "ResolvedRefs", "False")["reason"] == "InvalidRouteKinds"
    assert api.status(edge)["listeners"][0]["supportedKinds"] == []


def addresses(api, edge):
    return [(it["type"], it["value"]) for it in api.status(edge).get("addresses") or []]


def test_addresses_that_are_given_are_told(api, namespace, edge, port, start):
    start(api, namespace, options=["--address", "192.0.2.7", "--address", "edge.example.com"]).at(port)
    wanted = [("IPAddress", "192.0.2.7"), ("Hostname", "edge.example.com")]
    eventually(lambda: addresses(api, edge) == wanted, what="the addresses")
    assert api.condition(edge, "Programmed", "True")


def test_addresses_of_the_service_are_told_and_followed(api, namespace, edge, port, start):
    start(api, namespace, options=["--service", f"{namespace}/edge"]).at(port)
    balanced = within(namespace, service("edge", port))
    balanced["spec"]["type"] = "LoadBalancer"
    api.apply(balanced)
    assert api.condition(edge, "Programmed", "False")["reason"] == "AddressNotAssigned"
    found = api.get(balanced)
    found["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.8"}]}}
    api.call("PUT", f"{api.path(balanced, 'edge')}/status", found)
    eventually(lambda: addresses(api, edge) == [("IPAddress", "192.0.2.8")], what="the balancer's address")
    assert api.condition(edge, "Programmed", "True")


def test_a_status_that_meets_a_newer_version_is_written_for_that_one(api, namespace, edge, port, start, between, tools):
    """A real conflict: the object changes between what was seen and what is written for it."""
    route = within(namespace, resources.route("contested", resources.reference("tools"), path="/one"))
    moved = []

    def change_first(method, path):
        if method == "PATCH" and path.split("?")[0].endswith("mcproutes/contested/status") and not moved:
            moved.append(path)
            api.apply(within(namespace, resources.route("contested", resources.reference("tools"), path="/two")))

    between.before = change_first
    start(between, namespace).at(port)
    api.apply(within(namespace, resources.backend("tools", tools.port)), route)
    eventually(lambda: moved, what="the first status")
    condition = api.condition(route, "Programmed", "True", parent=0)
    assert condition["observedGeneration"] == 2
    conflicts = [it for it in between.answers if it[2] == 409 and "mcproutes" in it[1]]
    assert len(conflicts) == 1, conflicts
    assert api.get(route)["spec"]["path"] == "/two"
