"""What is measured: each target is started here and says its port, pid and how to call it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KIT = ROOT / "tests"
sys.path.insert(0, str(KIT))

from kit.http import exchange  # noqa: E402
from kit.mcp_client import McpClient  # noqa: E402
from kit.process import Process, free_port, wait_for_port  # noqa: E402

REGION, SERVICE = "us-east-1", "bedrock-agentcore"
HOST = "bedrock-agentcore.us-east-1.amazonaws.com"
KEY, SECRET = "AKIABENCHBENCHBENCH1", "bench-secret-0123456789abcdefghijklmnopqr"
ARGUMENTS = {"text": "a" * (256 - len('{"text":""}'))}


class Target:
    """A server to call: `process` is whose CPU and memory count."""

    def __init__(self, name, process, port, tool="echo"):
        self.name, self.process, self.port = name, process, port
        client = McpClient(f"127.0.0.1:{port}")
        client.initialize()
        assert client.call(tool, ARGUMENTS)["content"][0]["text"].startswith("xxx"), name
        self.session = client.session_id or ""
        self.body = json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": ARGUMENTS}},
            separators=(",", ":"),
        )

    @property
    def pid(self):
        return self.process.pid


def upstream():
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "--manifest-path", HERE / "upstream/Cargo.toml",
         "--target-dir", ROOT / "target" / "bench-upstream"],
        check=True,
    )
    process = Process([ROOT / "target" / "bench-upstream" / "release" / "bench-upstream", "0"])
    port = int(process.wait_for(r"listening .*:(\d+)$")[1])
    return Target("direct", process, port)


def nginx(folder, upstream_port):
    """nginx as a plain reverse proxy: one worker, keep-alive on both sides, no access log."""
    port = free_port()
    home = folder / "nginx"
    home.mkdir()
    (home / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {home}/pid; error_log stderr error;
{'user root;' if os.geteuid() == 0 else ''}
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_buffer_size 64k;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  upstream bench {{ server 127.0.0.1:{upstream_port}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
""")
    process = Process(["nginx", "-c", home / "nginx.conf", "-p", home])
    wait_for_port(port, process=process)
    return Target("nginx", process, port)


def envoy(folder, upstream_port, binary):
    """Envoy with `aws_request_signing`: one worker, body hashed and signed as AWS wants it."""
    port = free_port()
    types = "type.googleapis.com/envoy.extensions.filters"
    signing = {
        "@type": f"{types}.http.aws_request_signing.v3.AwsRequestSigning",
        "service_name": SERVICE,
        "region": REGION,
        "host_rewrite": HOST,
        "credential_provider": {"inline_credential": {"access_key_id": KEY, "secret_access_key": SECRET}},
    }
    router = {"@type": f"{types}.http.router.v3.Router"}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "bench", "host_rewrite_literal": HOST}}
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "envoy.filters.http.aws_request_signing", "typed_config": signing},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = lambda at: {"socket_address": {"address": "127.0.0.1", "port_value": at}}  # noqa: E731
    endpoint = {"endpoint": {"address": address(upstream_port)}}
    config = {
        "static_resources": {
            "listeners": [{"name": "bench", "address": address(port), "filter_chains": [chain]}],
            "clusters": [{
                "name": "bench",
                "type": "STATIC",
                "load_assignment": {"cluster_name": "bench", "endpoints": [{"lb_endpoints": [endpoint]}]},
            }],
        }
    }
    file = folder / "envoy.json"
    file.write_text(json.dumps(config))
    process = Process([binary, "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"])
    wait_for_port(port, process=process)
    return Target("envoy + signing", process, port)


def sealgate(folder, upstream_port, *, signed):
    """The release binary: one worker, one prefixed route; its access log goes to /dev/null."""
    name = "sealgate signed" if signed else "sealgate unsigned"
    sources = folder / name.replace(" ", "-")
    sources.mkdir()
    reference = {"name": "bench", "group": "gateway.envoyproxy.io", "kind": "Backend", "path": "/mcp"}
    endpoint = {"ip": {"address": "127.0.0.1", "port": upstream_port}}
    if signed:
        endpoint["hostname"] = HOST
        reference["securityPolicy"] = {"awsCredentials": {
            "region": REGION, "service": SERVICE, "credentialsFile": {"secretRef": {"name": "keys"}},
        }}
    credentials = f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    for file, kind, version, content in (
        ("backend", "Backend", "gateway.envoyproxy.io/v1alpha1", {"spec": {"endpoints": [endpoint]}}),
        ("route", "MCPRoute", "aigateway.envoyproxy.io/v1beta1", {"spec": {
            "parentRefs": [{"name": "bench", "kind": "Gateway", "group": "gateway.networking.k8s.io"}],
            "backendRefs": [reference],
        }}),
        ("keys", "Secret", "v1", {"stringData": {"credentials": credentials}}),
    ):
        label = "keys" if kind == "Secret" else "bench"
        document = {"apiVersion": version, "kind": kind, "metadata": {"name": label}, **content}
        (sources / f"{file}.json").write_text(json.dumps(document))
    port, admin = free_port(), free_port()
    binary = os.environ.get("SEALGATE_BINARY", ROOT / "target" / "release" / "sealgate")
    process = Process([binary, "run", sources, "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}",
                       "--workers", "1", "--log-level", "warn"], discard_stdout=True)
    wait_for_port(port, process=process)
    target = Target(name, process, port, tool="bench__echo")
    metrics = exchange(f"127.0.0.1:{admin}", "GET", "/metrics").body.decode()
    signatures = sum(int(count) for count in re.findall(r"^sealgate_signatures_total\S* (\d+)", metrics, re.M))
    assert (signatures > 0) == signed, f"{name} has signed {signatures} requests"
    return target
