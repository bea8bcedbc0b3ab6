"""The resources of a route as a user writes them, short."""

import yaml


def backend(name, port, *, hostname=None, annotations=None):
    """A Backend on 127.0.0.1; `hostname` is the host that is sent and signed."""
    endpoint = {"ip": {"address": "127.0.0.1", "port": port}}
    if hostname:
        endpoint["hostname"] = hostname
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "Backend",
        "metadata": {"name": name, **({"annotations": annotations} if annotations else {})},
        "spec": {"endpoints": [endpoint]},
    }


def named_backend(name, hostname, port=80, *, annotations=None):
    """A Backend whose host is a name: where a hop is to connect instead."""
    made = backend(name, port, annotations=annotations)
    made["spec"]["endpoints"] = [{"fqdn": {"hostname": hostname, "port": port}}]
    return made


def reference(name, path="/mcp", *, security=None, **more):
    found = {"name": name, "group": "gateway.envoyproxy.io", "kind": "Backend", "path": path, **more}
    if security:
        found["securityPolicy"] = security
    return found


def aws(region, service=None, *, secret=None, profile=None):
    """`securityPolicy.awsCredentials`; without `secret` the default chain signs."""
    found = {"region": region, **({"service": service} if service else {})}
    if secret:
        found["credentialsFile"] = {"secretRef": {"name": secret}}
        if profile:
            found["credentialsFile"]["profile"] = profile
    return {"awsCredentials": found}


def route(name, *references, path="/mcp", **more):
    return {
        "apiVersion": "aigateway.envoyproxy.io/v1beta1",
        "kind": "MCPRoute",
        "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": "sealgate", "kind": "Gateway", "group": "gateway.networking.k8s.io"}],
            "path": path,
            "backendRefs": list(references),
            **more,
        },
    }


def secret(name, **values):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def write_route(folder, *, route_annotations=None, **servers):
    """A file with one route over these servers, each under its name and at its own path."""
    made = route("r", *(reference(name, getattr(server, "path", "/mcp")) for name, server in servers.items()))
    if route_annotations:
        made["metadata"]["annotations"] = route_annotations
    backends = (backend(name, server.port) for name, server in servers.items())
    return write(folder / "route.yaml", *backends, made)


def write(file, *documents):
    """Replaces `file` in one step, as an editor or a mounted volume does; returns its path."""
    text = yaml.safe_dump_all(documents, sort_keys=False)
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text)
    fresh.rename(file)
    return file
