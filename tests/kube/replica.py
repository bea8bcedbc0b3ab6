"""`sealgate kube` against the API server: one replica, and the objects that tests use."""

from kit import resources
from kit.gateway import BINARY, Gateway, environment
from kit.process import Process

CONTROLLER = "sealgate.dev/gateway-controller"


class Replica(Gateway):
    """One replica that looks into one namespace (all, when `namespace` is None)."""

    def __init__(self, api, namespace, *, options=(), env=None, ip="127.0.0.1", linger=0):
        only = ["--namespace", namespace] if namespace else []
        lease = [] if "--lease-namespace" in options else ["--lease-namespace", namespace or "default"]
        self.process = Process(
            [BINARY, "kube", *only, "--listen", f"{ip}:0", "--admin", "127.0.0.1:0",
             *lease, "--log-format", "json",
             "--linger", linger, *map(str, options)],
            env=environment({"KUBECONFIG": str(api.kubeconfig), **(env or {})}),
        )
        self.addresses = {}
        try:
            self.process.wait_for(self._learn)
        except Exception:
            self.process.stop()
            raise

    def at(self, port, ip="127.0.0.1"):
        """Where a listener of a Gateway is served."""
        self.addresses = {"main": f"{ip}:{port}", **{k: v for k, v in self.addresses.items() if k == "admin"}}
        return self


def within(namespace, *things):
    """The same objects in a namespace."""
    for thing in things:
        thing["metadata"]["namespace"] = namespace
    return things if len(things) > 1 else things[0]


def gateway_class(name="sealgate", controller=CONTROLLER):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {"controllerName": controller},
    }


def gateway(port, *, name="sealgate", class_name="sealgate", **more):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {
            "gatewayClassName": class_name,
            "listeners": [{"name": "http", "port": port, "protocol": "HTTP", **more}],
        },
    }


def namespace_object(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def key_from(secret):
    return {"apiKey": {"secretRef": {"name": secret}, "header": "X-Key"}}


def secret(name, **values):
    return resources.secret(name, **values)


def service(name, port, target_name="http"):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": target_name, "port": port}]},
    }


def slice_of(name, port, *addresses, target_name="http"):
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": target_name, "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
    }
