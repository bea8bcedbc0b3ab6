"""Whose AWS credentials sign is told by objects of the cluster, and followed when they change."""

import pytest

from api_server import until
from kit import resources
from kit.mcp_client import RpcError
from kit.oidc_provider import AUDIENCE, OidcProvider, WebIdentitySts
from kit.sigv4_front import SigV4Front
from replica import secret, within

SECRET = "the-client's-secret"
SCOPE = {"region": "eu-central-1", "service": "aws-mcp"}


@pytest.fixture
def sts(ending):
    return ending(WebIdentitySts(ending(OidcProvider(SECRET))))


@pytest.fixture
def front(everything, sts, ending):
    front = ending(SigV4Front(everything.address, identities=[], **SCOPE))
    front.expected.identities = sts.issued
    return front


def exchange(sts):
    oidc = {
        "provider": {"issuer": sts.provider.issuer},
        "clientIDRef": {"name": "client"},
        "clientSecret": {"name": "client"},
        "resources": [AUDIENCE],
    }
    credentials = {**SCOPE, "oidcExchangeToken": {"oidc": oidc, "awsRoleArn": sts.role}}
    return {
        "apiVersion": "aigateway.envoyproxy.io/v1beta1",
        "kind": "BackendSecurityPolicy",
        "metadata": {"name": "exchange"},
        "spec": {
            "type": "AWSCredentials",
            "targetRefs": [{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "agent"}],
            "awsCredentials": credentials,
        },
    }


def echoed(running):
    try:
        return running.opened().text("agent__echo", {"message": "hello"}) == "Echo: hello"
    except RpcError:
        return False


def test_a_token_exchange_signs_and_follows_its_secret(api, namespace, edge, port, start, front, sts):
    client = {"client-id": "gateway"}
    api.apply(*within(
        namespace,
        resources.backend("agent", front.port),
        resources.route("one", resources.reference("agent")),
        secret("client", **{**client, "client-secret": "not-" + SECRET}),
        exchange(sts),
    ))
    running = start(api, namespace, env={"AWS_ENDPOINT_URL_STS": sts.url}).at(port)
    until(lambda: "invalid_client" in running.process.output(), 20, "the refusal of a wrong secret")
    assert not echoed(running)
    api.apply(within(namespace, secret("client", **{**client, "client-secret": SECRET})))
    until(lambda: echoed(running), 20, "the corrected secret")
    assert front.refused == [] and sts.claims[-1]["client_id"] == "gateway"
    assert SECRET not in running.process.output()
