"""HTTP/2 towards clients: agreed in the TLS handshake, or begun at once on a plain port."""

import asyncio
import ssl

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from kit import resources
from kit.certificates import self_signed
from kit.process import free_port

GATEWAY_CLASS = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GatewayClass",
    "metadata": {"name": "sealgate"},
    "spec": {"controllerName": "sealgate.dev/gateway-controller"},
}


def secure_listener(port):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "sealgate"},
        "spec": {
            "gatewayClassName": "sealgate",
            "listeners": [
                {
                    "name": "secure",
                    "port": port,
                    "protocol": "HTTPS",
                    "tls": {"certificateRefs": [{"name": "certificate"}]},
                }
            ],
        },
    }


@pytest.fixture
def secure(gateway, everything, notes, tmp_path):
    """A gateway behind TLS: its URL, and a context that trusts it."""
    certificate, key = self_signed("127.0.0.1")
    port = free_port()
    pair = resources.secret("certificate", **{"tls.crt": certificate, "tls.key": key}) | {"type": "kubernetes.io/tls"}
    gateway(
        resources.write(
            tmp_path / "route.yaml",
            GATEWAY_CLASS,
            secure_listener(port),
            pair,
            resources.backend("everything", everything.port),
            resources.backend("notes", notes.port),
            resources.route("r", resources.reference("everything"), resources.reference("notes")),
        )
    )
    return f"https://127.0.0.1:{port}/mcp", ssl.create_default_context(cadata=certificate)


def sums(url, mode, **how):
    """Fifty calls at once by the Python SDK; the sums, and the HTTP versions of all answers."""
    versions = set()

    async def note(response):
        versions.add(response.http_version)

    async def use():
        http = httpx2.AsyncClient(**how, event_hooks={"response": [note]}, timeout=20)
        async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            calls = (client.call_tool("everything__get-sum", {"a": a, "b": 1}) for a in range(50))
            return [result.content[0].text for result in await asyncio.gather(*calls)]

    return asyncio.run(asyncio.wait_for(use(), 30)), versions


EXPECTED = [f"The sum of {a} and 1 is {a + 1}." for a in range(50)]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_client_that_offers_http_2_in_tls_gets_it(secure, mode):
    url, trust = secure
    assert sums(url, mode, verify=trust, http2=True) == (EXPECTED, {"HTTP/2"})


def test_a_client_that_does_not_is_served_on_the_same_port(secure):
    url, trust = secure
    assert sums(url, "legacy", verify=trust) == (EXPECTED, {"HTTP/1.1"})


def test_a_plain_port_takes_clients_that_begin_with_http_2(gateway, everything, notes, tmp_path):
    gate = gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("everything", everything.port),
            resources.backend("notes", notes.port),
            resources.route("r", resources.reference("everything"), resources.reference("notes")),
        )
    )
    assert sums(gate.url(), "legacy", http1=False, http2=True) == (EXPECTED, {"HTTP/2"})
    assert sums(gate.url(), "legacy") == (EXPECTED, {"HTTP/1.1"})


def test_a_page_of_another_site_is_refused_in_http_2_too(gateway, everything):
    gate = gateway(everything.url)
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    async def ask(host):
        async with httpx2.AsyncClient(http1=False, http2=True) as http:
            return (await http.post(gate.url(), json=message, headers={"host": host})).status_code

    assert asyncio.run(ask("rebound.example")) == 403
    assert asyncio.run(ask(gate.authority)) != 403
