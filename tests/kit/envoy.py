"""The real Envoy as a hop: it rewrites authority and path on the way to `upstream`."""

import sys
from pathlib import Path

import yaml

from .process import Process, free_port, wait_for_port

BINARY = Path(sys.prefix) / "bin" / "envoy"


def rewriting(folder, upstream, *, host, path=None):
    """Starts Envoy; every request leaves it for `upstream` (host, port) with this host and path.

    `path` may carry percent-encoding and replaces the whole path, the query is kept; None leaves
    the path as it came.
    """
    port = free_port()
    action = {"cluster": "upstream", "host_rewrite_literal": host, "timeout": "0s"}
    if path is not None:
        action["regex_rewrite"] = {
            "pattern": {"regex": "^/[^?]*"},
            "substitution": path,
        }
    virtual_host = {
        "name": "all",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": action}],
    }
    connection_manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network"
        ".http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "hop",
        "stream_idle_timeout": "0s",
        "route_config": {"virtual_hosts": [virtual_host]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    config = {
        "static_resources": {
            "listeners": [
                {
                    "name": "hop",
                    "address": _address("127.0.0.1", port),
                    "filter_chains": [
                        {
                            "filters": [
                                {
                                    "name": "envoy.filters.network.http_connection_manager",
                                    "typed_config": connection_manager,
                                }
                            ]
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "upstream",
                    "type": "STATIC",
                    "connect_timeout": "2s",
                    "load_assignment": {
                        "cluster_name": "upstream",
                        "endpoints": [
                            {"lb_endpoints": [{"endpoint": {"address": _address(*upstream)}}]}
                        ],
                    },
                }
            ],
        }
    }
    file = folder / "envoy.yaml"
    file.write_text(yaml.safe_dump(config))
    return Hop(file, port)


def _address(host, port):
    return {"socket_address": {"address": host, "port_value": port}}


class Hop:
    def __init__(self, file, port):
        self.port = port
        self.process = Process(
            [BINARY, "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"]
        )
        wait_for_port(port, process=self.process)

    @property
    def authority(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.authority}"

    def stop(self):
        self.process.stop()
