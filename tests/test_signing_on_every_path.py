"""Whatever the gateway sends to an AWS backend is signed: every method, every kind of message.

A real MCP server stands behind a front that verifies each request with botocore's and moto's own
code. A hop that changes anything on the way makes the front refuse.
"""

import threading

import pytest

from kit import resources
from kit.aws_identity import FIRST, SECOND
from kit.mcp_client import RpcError
from kit.recorder import Recorder
from kit.sigv4_front import SigV4Front
from kit.smithy import claimed_signature, smithy_signatures

HOST = "bedrock-agentcore.us-east-1.amazonaws.com"
PATH = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fx/invocations"
TARGET = PATH + "?qualifier=DEFAULT"
SCOPE = {"region": "us-east-1", "service": "bedrock-agentcore"}
SAMPLE = {"role": "assistant", "model": "none", "content": {"type": "text", "text": "sampled"}}


@pytest.fixture(params=[FIRST, SECOND], ids=["long-lived", "temporary"])
def identity(request):
    return request.param


@pytest.fixture
def front(everything, ending, identity):
    return ending(SigV4Front(everything.address, identities=[identity], **SCOPE))


@pytest.fixture
def hop(front, ending):
    return ending(Recorder(("127.0.0.1", front.port)))


@pytest.fixture
def signed(gateway, hop, identity, tmp_path):
    """A gateway whose one backend demands signatures."""
    return gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("agent", hop.port, hostname=HOST),
            resources.secret("keys", credentials=identity.credentials_text()),
            resources.route(
                "one",
                resources.reference(
                    "agent", TARGET, security=resources.aws(*SCOPE.values(), secret="keys")
                ),
            ),
        )
    )


def test_every_message_of_a_session_arrives_signed(signed, front):
    client = signed.client(capabilities={"sampling": {}})
    client.answers["sampling/createMessage"] = lambda params: SAMPLE
    client.initialize()
    names = [tool["name"] for tool in client.tools()]
    assert "agent__echo" in names and "agent__trigger-sampling-request" in names
    assert client.text("agent__echo", {"message": "signed"}) == "Echo: signed"
    assert "sampled" in client.text("agent__trigger-sampling-request", {"prompt": "say"})
    stream = client.listen()
    assert stream.status == 200
    front.wait_for(lambda one: one.method == "GET")
    stream.close()
    assert client.delete().status in (200, 204)
    front.wait_for(lambda one: one.method == "DELETE")

    assert front.refused == []
    assert {one.what for one in front.accepted} >= {
        "POST initialize",
        "POST notifications/initialized",
        "POST tools/list",
        "POST tools/call",
        "POST (response)",
        "GET",
        "DELETE",
    }
    assert smithy_signatures(front.accepted) == [claimed_signature(one) for one in front.accepted]
    assert {one.target for one in front.accepted} == {TARGET}
    assert {one.header("host").partition(":")[0] for one in front.accepted} == {HOST}


def test_a_request_that_the_server_sends_on_the_get_stream_is_answered_signed(signed, front):
    """server-everything asks for the roots on its own account, so on the GET stream."""
    client = signed.client(capabilities={"roots": {"listChanged": True}})
    client.answers["roots/list"] = lambda params: {"roots": [{"uri": "file:///one", "name": "one"}]}
    client.initialize()
    stream = client.listen()

    def pump():
        for message in stream.messages():
            client.take(message)

    threading.Thread(target=pump, daemon=True).start()
    front.wait_for(lambda one: one.what == "POST (response)")
    assert "file:///one" in client.text("agent__get-roots-list")
    assert front.refused == []


def spoil_body(request):
    request.body = request.body.replace(b"hello", b"hullo")


def spoil_target(request):
    request.target = request.target.replace("DEFAULT", "OTHER")


def decode_path(request):
    request.target = request.target.replace("%3A", ":")


def replace_header(name, value):
    def spoil(request):
        request.headers = [(key, value if key.lower() == name else kept) for key, kept in request.headers]

    return spoil


def drop_header(name):
    def spoil(request):
        request.headers = [pair for pair in request.headers if pair[0].lower() != name]

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_body,
        spoil_target,
        decode_path,
        pytest.param(replace_header("host", "other.us-east-1.amazonaws.com"), id="host"),
        pytest.param(replace_header("content-type", "text/plain"), id="content-type"),
        pytest.param(replace_header("x-amz-date", "20200101T000000Z"), id="date"),
        pytest.param(replace_header("mcp-session-id", "another"), id="mcp-session-id"),
        pytest.param(drop_header("authorization"), id="authorization-dropped"),
    ],
)
def test_what_is_changed_on_the_way_is_refused(signed, front, hop, spoil):
    client = signed.opened()

    def tamper(request):
        spoil(request)
        return request

    hop.tamper = tamper
    with pytest.raises(RpcError) as refused:
        client.call("agent__echo", {"message": "hello"})
    assert front.refused and front.refused[-1].what == "POST tools/call"
    assert front.refused[-1].refusal.message in str(refused.value.error), "AWS's own words are lost"


def test_a_wrong_secret_is_refused_in_the_words_of_aws(gateway, front, identity, tmp_path):
    wrong = type(identity)(identity.access_key_id, "not-the-secret", identity.session_token)
    running = gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("agent", front.port, hostname=HOST),
            resources.secret("keys", credentials=wrong.credentials_text()),
            resources.route(
                "one",
                resources.reference("agent", security=resources.aws(*SCOPE.values(), secret="keys")),
            ),
        )
    )
    with pytest.raises(RpcError) as refused:
        running.opened()
    assert "signature we calculated does not match" in str(refused.value.error)
