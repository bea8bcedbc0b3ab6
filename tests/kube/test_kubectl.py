"""What an operator does by hand, with kubectl: apply, look, wait, edit into a conflict, delete."""

import subprocess

import pytest
import yaml

from api_server import BIN, until
from conftest import served
from kit import resources
from kit.scripted import ScriptedServer
from kit.servers import ROOT
from replica import within


@pytest.fixture
def tools(ending):
    return ending(ScriptedServer())


def documents(namespace, tools, **more):
    return yaml.safe_dump_all([
        within(namespace, resources.backend("tools", tools.port)),
        within(namespace, resources.route("first", resources.reference("tools"), **more)),
    ])


def test_a_route_from_apply_to_delete(api, running, namespace, tools):
    kubectl = lambda *arguments, **more: api.kubectl("--namespace", namespace, *arguments, **more)
    assert "mcproute.aigateway.envoyproxy.io/first created" in kubectl("apply", "-f", "-", stdin=documents(namespace, tools)).stdout
    until(lambda: served(running.client()), 5, "the route")
    condition = "jsonpath={.status.parents[0].conditions[?(@.type=='Programmed')].status}=True"
    kubectl("wait", "mcproute/first", f"--for={condition}", "--timeout=10s")
    table = kubectl("get", "mcproutes").stdout.splitlines()
    assert table[0].split() == ["NAME", "STATUS"] and table[1].split() == ["first", "Accepted"]

    changed = kubectl("apply", "-f", "-", stdin=documents(namespace, tools, path="/moved")).stdout
    assert "mcproute.aigateway.envoyproxy.io/first configured" in changed and "backend.gateway.envoyproxy.io/tools unchanged" in changed
    until(lambda: served(running.client("/moved")) and not served(running.client()), 1, "the move")

    kubectl("delete", "mcproute", "first")
    until(lambda: not served(running.client("/moved")), 1, "the deletion")


def test_a_stale_edit_and_another_manager_meet_a_conflict(api, running, namespace, tools):
    kubectl = lambda *arguments, **more: api.kubectl("--namespace", namespace, *arguments, **more)
    kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=documents(namespace, tools))
    stale = kubectl("get", "mcproute", "first", "-o", "yaml").stdout
    kubectl("patch", "mcproute", "first", "--type=merge", "-p", '{"spec":{"path":"/theirs"}}')
    refused = kubectl("replace", "-f", "-", stdin=stale, check=False)
    assert refused.returncode != 0 and "the object has been modified" in refused.stderr
    refused = kubectl("apply", "--server-side", "--field-manager=two", "-f", "-", check=False,
                      stdin=documents(namespace, tools, path="/ours"))
    assert refused.returncode != 0 and ".spec.path" in refused.stderr
    until(lambda: served(running.client("/theirs")), 5, "what the API server holds")


def test_what_is_refused_is_refused_by_the_api_server_already(api, namespace, tools):
    bad = resources.route("first", resources.reference("tools"), resources.reference("tools"))
    done = api.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(within(namespace, bad)), check=False)
    assert done.returncode != 0 and "all backendRefs names must be unique" in done.stderr
    typo = resources.route("first", resources.reference("tools"), pathh="/x")
    done = api.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(within(namespace, typo)), check=False)
    assert done.returncode != 0 and 'unknown field "spec.pathh"' in done.stderr


def test_the_fields_explain_themselves(api):
    said = " ".join(api.kubectl("explain", "mcproute.spec.backendRefs.toolSelector").stdout.split())
    assert "Which of its tools the route offers." in said and "excludeRegex" in said


def test_the_chart_is_applied_and_its_first_route_served_without_a_restart(api, namespace, port, start, tools):
    rendered = subprocess.run(
        [BIN / "helm", "template", "sealgate", ROOT / "deploy" / "chart", "--namespace", namespace,
         "--set", f"listeners[0].port={port}", "--set", "listeners[0].name=http", "--set", "listeners[0].protocol=HTTP",
         # The server knows no NetworkPolicy, and the class is there for all tests.
         "--set", "networkPolicy.enabled=false", "--set", "gatewayClass.create=false"],
        capture_output=True, text=True, timeout=60, check=True).stdout
    # The server has no schemas of its own for built-in kinds; it reads them strictly all the same.
    applied = api.kubectl("apply", "--validate=false", "-f", "-", stdin=rendered).stdout
    for kind in ("deployment.apps/sealgate", "gateway.gateway.networking.k8s.io/sealgate", "service/sealgate", "secret/"):
        assert kind in applied, applied
    running = start(api, namespace, options=["--service", f"{namespace}/sealgate"]).at(port)
    api.kubectl("--namespace", namespace, "apply", "-f", "-", stdin=documents(namespace, tools))
    until(lambda: served(running.client()), 5, "the first route")
    assert api.kubectl("apply", "--validate=false", "-f", "-", stdin=rendered).stdout.count("unchanged") > 5
    api.kubectl("delete", "-f", "-", stdin=rendered)
    until(lambda: not served(running.client()), 5, "the Gateway gone")
