"""A real CRD API server on etcd, and a client of it that is small enough to be in view."""

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import requests
import yaml

from kit.process import DEADLINE, Process, eventually, free_port
from kit.servers import ROOT

import gateway_api

BIN = ROOT / ".test" / "kube" / "bin"
CRDS = ROOT / "deploy" / "crds"
PLURALS = {
    "Backend": "backends",
    "BackendSecurityPolicy": "backendsecuritypolicies",
    "ConfigMap": "configmaps",
    "CustomResourceDefinition": "customresourcedefinitions",
    "EndpointSlice": "endpointslices",
    "Lease": "leases",
    "MCPRoute": "mcproutes",
    "Namespace": "namespaces",
    "Secret": "secrets",
    "Service": "services",
    **{kind: plural for kind, plural, _, _ in gateway_api.KINDS},
}
OF_THE_CLUSTER = {"GatewayClass", "CustomResourceDefinition", "Namespace"}


class ApiError(Exception):
    """The API server refused; carries its own words."""

    def __init__(self, answer):
        self.status = answer.status_code
        try:
            self.message = answer.json().get("message", answer.text)
        except ValueError:
            self.message = answer.text
        super().__init__(f"{self.status}: {self.message}")


class ApiServer:
    """etcd and the API server, restartable, with a kubeconfig for whoever wants one."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.etcd_port, self.port = free_port(), free_port()
        self.certificates = self.folder / "certificates"
        self.kubeconfig = self.folder / "kubeconfig"
        peer = free_port()
        self.etcd = Process([
            BIN / "etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
            "--listen-client-urls", f"http://127.0.0.1:{self.etcd_port}",
            "--advertise-client-urls", f"http://127.0.0.1:{self.etcd_port}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}",
        ])
        self.server = None
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy of the machine is not asked for 127.0.0.1
        self.start()

    def start(self):
        self.server = Process([
            BIN / "crdserver", "-etcd", f"http://127.0.0.1:{self.etcd_port}",
            "-port", self.port, "-cert-dir", self.certificates,
        ])
        authority = self.certificates / "apiserver.crt"
        eventually(authority.exists, what="the API server's certificate")
        self.session.verify = str(authority)
        eventually(self._answers, deadline=60, what="an answer of the API server")
        cluster = {"server": self.url, "certificate-authority": str(authority)}
        self.kubeconfig.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": "test"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }))

    def _answers(self):
        try:
            return self.session.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def stop_serving(self):
        """The API server is gone; what it holds stays."""
        self.session.close()
        self.server.stop(deadline=1)

    def stop(self):
        # It waits for open watches; nothing is lost when it does not.
        self.server.stop(deadline=1)
        self.etcd.stop()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def forget_history(self):
        """Compacts etcd, so that old resource versions are gone (410)."""
        with requests.Session() as etcd:
            etcd.trust_env = False
            base = f"http://127.0.0.1:{self.etcd_port}/v3"
            header = etcd.post(f"{base}/kv/range", data='{"key":"AA=="}', timeout=5).json()["header"]
            answer = etcd.post(f"{base}/kv/compaction", timeout=5,
                               data=json.dumps({"revision": header["revision"], "physical": True}))
            assert answer.status_code == 200, answer.text

    def kubectl(self, *arguments, stdin=None, check=True):
        return subprocess.run(
            [str(BIN / "kubectl"), "--kubeconfig", str(self.kubeconfig), *map(str, arguments)],
            input=stdin, capture_output=True, text=True, timeout=60, check=check,
        )

    # One object.

    def path(self, thing, name=None):
        version, kind = thing["apiVersion"], thing["kind"]
        base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        if kind not in OF_THE_CLUSTER:
            base += f"/namespaces/{thing['metadata'].get('namespace', 'default')}"
        base += f"/{PLURALS[kind]}"
        return f"{base}/{name}" if name else base

    def call(self, method, path, body=None, content_type="application/json"):
        data = json.dumps(body) if body is not None else None
        answer = self.session.request(
            method, self.url + path, data=data, timeout=DEADLINE, headers={"content-type": content_type}
        )
        if answer.status_code >= 400:
            raise ApiError(answer)
        return answer.json()

    def apply(self, *things):
        """Server-side apply, as `kubectl apply --server-side` does."""
        for thing in things:
            path = self.path(thing, thing["metadata"]["name"])
            self.call("PATCH", f"{path}?fieldManager=test&force=true", thing, "application/apply-patch+yaml")

    def create(self, thing):
        return self.call("POST", self.path(thing), thing)

    def get(self, thing):
        return self.call("GET", self.path(thing, thing["metadata"]["name"]))

    def delete(self, *things):
        for thing in things:
            self.call("DELETE", self.path(thing, thing["metadata"]["name"]))

    def install(self):
        """Every definition: ours, and those of the Gateway API."""
        ours = [yaml.safe_load(file.read_text()) for file in sorted(CRDS.glob("*.yaml"))]
        self.define(*ours, *gateway_api.definitions())

    def define(self, *definitions):
        self.apply(*definitions)
        for definition in definitions:
            def established(definition=definition):
                conditions = self.get(definition).get("status", {}).get("conditions") or []
                if not any(it["type"] == "Established" and it["status"] == "True" for it in conditions):
                    return False
                served = [version["name"] for version in definition["spec"]["versions"] if version["served"]]
                return all(self.lists(definition["spec"], version) for version in served)

            eventually(established, what=f"{definition['metadata']['name']} established")

    def lists(self, spec, version):
        """Whether a kind is served, which comes a moment after it is established."""
        try:
            return self.call("GET", f"/apis/{spec['group']}/{version}/{spec['names']['plural']}")["kind"]
        except ApiError:
            return False

    # Conditions.

    def status(self, thing):
        return self.get(thing).get("status", {})

    def condition(self, thing, kind, wanted=None, *, parent=None, deadline=DEADLINE):
        """The condition once its generation is the object's and its status is `wanted`."""

        def look():
            found = self.get(thing)
            status = found.get("status", {})
            if parent is not None:
                status = (status.get("parents") or [{}] * (parent + 1))[parent]
            for condition in status.get("conditions", []):
                if condition["type"] == kind and condition.get("observedGeneration") == found["metadata"]["generation"]:
                    return condition if wanted in (None, condition["status"]) else None
            return None

        return eventually(look, deadline=deadline, what=f"condition {kind} {wanted or ''}")


def until(check, limit, what):
    """Seconds until `check` is true; fails after `limit`. Polls as fast as the check goes."""
    began = time.monotonic()
    while True:
        if check():
            return time.monotonic() - began
        assert time.monotonic() - began < limit, f"{what} took longer than {limit} s"
        threading.Event().wait(0.005)
