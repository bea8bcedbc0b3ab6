"""A hop between the gateway and AWS may rewrite authority and path: the signature still holds.

The hop is the real Envoy. What the gateway signs is the Backend's host and the reference's path,
never the hop's address.
"""

import pytest

from kit import envoy, resources
from kit.aws_identity import SECOND
from kit.http import exchange
from kit.signing import signed_request
from kit.sigv4_front import SigV4Front

HOST = "bedrock-agentcore.us-east-1.amazonaws.com"
PATH = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fx/invocations"
SCOPE = {"region": "us-east-1", "service": "bedrock-agentcore"}


@pytest.fixture
def front(everything, ending):
    return ending(SigV4Front(everything.address, identities=[SECOND], host=HOST, **SCOPE))


@pytest.fixture
def hop(front, tmp_path, ending):
    return ending(envoy.rewriting(tmp_path, ("127.0.0.1", front.port), host=HOST, path=PATH))


def sources(folder, annotations=None):
    return resources.write(
        folder / "route.yaml",
        resources.named_backend("agent", HOST, annotations=annotations),
        resources.secret("keys", credentials=SECOND.credentials_text()),
        resources.route(
            "one",
            resources.reference(
                "agent",
                PATH + "?qualifier=DEFAULT",
                security=resources.aws("us-east-1", "bedrock-agentcore", secret="keys"),
            ),
        ),
    )


def use(client):
    assert "agent__echo" in [tool["name"] for tool in client.tools()]
    assert client.text("agent__echo", {"message": "through"}) == "Echo: through"
    stream = client.listen()
    assert stream.status == 200
    stream.close()
    client.delete()


def test_the_hop_itself_rewrites_host_and_path(front, hop):
    """Proof of the set-up, without the gateway: signed for the final host, sent to another."""
    target = PATH + "?qualifier=DEFAULT"
    request = signed_request(SECOND, "POST", HOST, target, b"{}", **SCOPE)
    request.headers = [pair for pair in request.headers if pair[0] != "Host"]
    exchange(hop.authority, "POST", "/elsewhere?qualifier=DEFAULT", [("Host", "hop"), *request.headers], b"{}").body
    assert front.accepted[0].target == target and front.accepted[0].header("host") == HOST


def test_signed_through_envoy_with_via_on_the_command_line(front, hop, gateway, tmp_path):
    running = gateway(sources(tmp_path), options=("--via", hop.url))
    use(running.opened())
    front.wait_for(lambda one: one.what == "DELETE")
    assert front.refused == []
    assert {one.header("host") for one in front.accepted} == {HOST}


def test_signed_through_envoy_with_via_on_the_backend(front, hop, gateway, tmp_path):
    running = gateway(sources(tmp_path, {"sealgate.dev/via": hop.url}))
    use(running.opened())
    front.wait_for(lambda one: one.what == "DELETE")
    assert front.refused == []
