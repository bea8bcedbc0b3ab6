"""The chart renders what a cluster takes, and its permissions are just those that are used."""

import functools
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from api_server import BIN, until
from conftest import served
from kit import resources
from kit.scripted import ScriptedServer
from kit.servers import ROOT
from replica import key_from, namespace_object, secret, service, slice_of, within

CHART = ROOT / "deploy" / "chart"
CORE = {
    "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings", "Deployment": "deployments",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers", "PodDisruptionBudget": "poddisruptionbudgets",
    "Role": "roles", "RoleBinding": "rolebindings", "Secret": "secrets", "Service": "services",
    "ServiceAccount": "serviceaccounts",
}
OF_THE_CLUSTER = ("ClusterRole", "ClusterRoleBinding")
VARIANTS = {
    "as it is": [],
    "few namespaces": ["--set", "watchNamespaces={one,two}", "--set", "secretNames={key}"],
    "everything": [
        "--set", "serviceMonitor.enabled=true", "--set", "autoscaling.enabled=false",
        "--set", "session.keys={aa,bb}", "--set", "service.type=LoadBalancer",
        "--set", r"serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn:aws:iam::123456789012:role/x",
    ],
}


def helm(*arguments):
    done = subprocess.run([BIN / "helm", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@functools.cache
def rendered(*options):
    text = helm("template", "sealgate", CHART, "--namespace", "sealgate-system", *options)
    return [thing for thing in yaml.safe_load_all(text) if thing]


def of_kind(kind, *options):
    return [thing for thing in rendered(*options) if thing["kind"] == kind]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_chart_is_clean(variant):
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, *VARIANTS[variant])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_cluster_takes_every_object_without_an_unknown_field(api, variant):
    """The types are those of Kubernetes itself, read strictly; a dry run."""
    for thing in rendered(*VARIANTS[variant]):
        if thing["kind"] not in CORE:
            continue
        version = thing["apiVersion"]
        base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        if thing["kind"] not in OF_THE_CLUSTER:
            base += f"/namespaces/{thing['metadata']['namespace']}"
        api.call("POST", f"{base}/{CORE[thing['kind']]}?dryRun=All&fieldValidation=Strict", thing)


def test_the_pod_is_locked_down():
    pod = of_kind("Deployment")[0]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["requests"]
    keys = [it["topologyKey"] for it in pod["topologySpreadConstraints"]]
    assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


def test_the_pod_may_take_as_long_to_end_as_the_process_takes():
    pod = of_kind("Deployment")[0]["spec"]["template"]["spec"]
    arguments = dict(it.removeprefix("--").split("=") for it in pod["containers"][0]["args"] if "=" in it)
    assert pod["terminationGracePeriodSeconds"] >= int(arguments["linger"]) + int(arguments["drain"])


def test_the_binary_takes_the_arguments_of_the_chart():
    from kit.gateway import BINARY

    arguments = of_kind("Deployment", *VARIANTS["few namespaces"])[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    done = subprocess.run([BINARY, *arguments, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_keys_are_the_lines_of_the_secret():
    import base64

    held = of_kind("Secret", *VARIANTS["everything"])[0]["data"]["keys"]
    assert base64.b64decode(held).decode() == "aa\nbb"
    fresh = base64.b64decode(of_kind("Secret")[0]["data"]["keys"])
    assert len(base64.b64decode(fresh)) == 32


class Rules:
    """What the rendered roles permit, judged as RBAC judges it."""

    def __init__(self, *options):
        self.rules = []  # (namespace or None, rule)
        for kind in ("ClusterRole", "Role"):
            for role in of_kind(kind, *options):
                namespace = None if kind == "ClusterRole" else role["metadata"]["namespace"]
                self.rules += [(namespace, rule) for rule in role["rules"]]

    def permit(self, method, target):
        url = urlsplit(target)
        parts = url.path.strip("/").split("/")
        group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
        namespace, rest = (rest[1], rest[2:]) if rest[0] == "namespaces" and len(rest) > 2 else (None, rest)
        resource, name = rest[0], rest[1] if len(rest) > 1 else None
        if len(rest) > 2:
            resource = f"{resource}/{rest[2]}"
        query = parse_qs(url.query)
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method)
        if verb is None:
            verb = "get" if name else ("watch" if query.get("watch") else "list")
        # A list of one name is judged by that name.
        selected = query.get("fieldSelector", [""])[0].removeprefix("metadata.name=")
        return any(
            group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
            and (where is None or where == namespace)
            and ("resourceNames" not in rule or (name or selected) in rule["resourceNames"])
            for where, rule in self.rules
        )


@pytest.mark.parametrize("options", [[], ["--set", "watchNamespaces={NS}", "--set", "secretNames={key}"]], ids=["all", "one"])
def test_the_permissions_of_the_chart_are_enough(api, namespace, edge, port, start, between, ending, options):
    options = [it.replace("NS", namespace) for it in options]
    rules = Rules(*options)
    between.permit = rules.permit
    own = ["--lease", "sealgate", "--lease-namespace", "sealgate-system", "--service", "sealgate-system/sealgate"]
    running = start(between, namespace if options else None, options=own).at(port)
    selector = {"from": "Selector", "selector": {"matchLabels": {"mcp": "open"}}}
    edge["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": selector}
    api.apply(edge, namespace_object(namespace, mcp="open"), within("sealgate-system", service("sealgate", 80)))
    tools = ending(ScriptedServer())
    references = [resources.reference("tools", security=key_from("key")), {"name": "pods", "port": 80}]
    route = within(namespace, resources.route("first", *references))
    api.apply(within(namespace, secret("key", apiKey="x")), within(namespace, resources.backend("tools", tools.port)),
              within(namespace, service("pods", 80)), within(namespace, slice_of("pods", tools.port, "127.0.0.1")), route)
    until(lambda: served(running.client()), 5, "the route")
    assert {tool["name"] for tool in running.opened().tools()} == {"tools__echo", "pods__echo"}
    assert api.condition(route, "ResolvedRefs", "True", parent=0)
    assert api.condition(edge, "Accepted", "True")
    assert between.refused == []
