"""AWS says no: what a fresh signature cures costs the client nothing, the rest is told apart."""

import pytest

from kit import resources
from kit.aws_identity import FIRST, SECOND, AwsIdentity
from kit.mcp_client import RpcError
from kit.rotating_sts import RotatingSts
from kit.sigv4_front import SigV4Front
from kit.sigv4_verify import Refusal

SCOPE = {"region": "us-east-1", "service": "aws-mcp"}
CALL = "POST tools/call"


@pytest.fixture
def front(everything, ending):
    return ending(SigV4Front(everything.address, identities=[FIRST, SECOND], **SCOPE))


@pytest.fixture
def serve(gateway, front, tmp_path):
    """`serve(identity)`: the gateway before the front, with these keys."""

    def start(identity=SECOND, region="us-east-1", service="aws-mcp", **more):
        security = resources.aws(region, service, secret="keys" if identity else None)
        return gateway(
            resources.write(
                tmp_path / "route.yaml",
                resources.backend("agent", front.port),
                resources.secret("keys", credentials=(identity or FIRST).credentials_text()),
                resources.route("one", resources.reference("agent", security=security)),
            ),
            **more,
        )

    return start


def echo(client):
    return client.text("agent__echo", {"message": "hello"})


def refusal_of(client):
    with pytest.raises(RpcError) as refused:
        echo(client)
    return refused.value.error


# What a fresh signature cures


@pytest.fixture
def assumed(gateway, front, ending, tmp_path):
    """A gateway that signs as a role of moto's STS, and that STS."""
    sts = ending(RotatingSts())
    front.expected.identities = sts.issued
    security = resources.aws(*SCOPE.values())
    security["awsCredentials"]["assumeRole"] = {"roleArn": sts.role}
    source = resources.write(
        tmp_path / "route.yaml",
        resources.backend("agent", front.port),
        resources.route("one", resources.reference("agent", security=security)),
    )
    return gateway(source, env=sts.environment(FIRST)), sts


def test_an_expired_session_token_is_renewed_unnoticed(assumed, front):
    running, sts = assumed
    client = running.opened()
    front.ends[sts.issued[-1]] = 0
    assert echo(client) == "Echo: hello"
    assert [one.refusal.kind for one in front.refused] == ["ExpiredTokenException"]
    assert len(sts.issued) == 2
    assert 'sealgate_resends_total{route="default/one",backend="agent",reason="aws_expired_token"} 1' in (
        running.admin("/metrics").body.decode()
    )


@pytest.mark.parametrize("kind", ["InvalidClientTokenId", "UnrecognizedClientException"])
def test_keys_that_aws_does_not_know_any_more_are_fetched_again(assumed, front, kind):
    running, sts = assumed
    client = running.opened()
    front.refuse_next(403, Refusal(kind, "The security token included in the request is invalid."))
    assert echo(client) == "Echo: hello"
    assert len(sts.issued) == 2 and len(front.refused) == 1
    assert front.seen(CALL)[-1].notes["identity"] == sts.issued[-1]


def test_a_rotation_right_behind_another_is_followed(assumed, front):
    running, sts = assumed
    client = running.opened()
    for _ in range(2):
        front.refuse_next()
        front.refuse_next()
        assert echo(client) == "Echo: hello"
    assert len(sts.issued) == 5 and len(front.refused) == 4


def test_a_call_that_fresh_credentials_do_not_cure_is_told(assumed, front):
    running, _ = assumed
    client = running.opened()
    for _ in range(3):
        front.refuse_next()
    error = refusal_of(client)
    assert error["data"]["reason"] == "aws_expired_token"
    assert len(front.seen(CALL)) == 3
    assert echo(client) == "Echo: hello"


@pytest.mark.parametrize("skew", [3600, -3600], ids=["ahead", "behind"])
def test_the_clock_of_aws_is_learned(serve, front, skew):
    front.clock_skew = skew
    client = serve().opened()
    assert echo(client) == "Echo: hello"
    assert len(front.refused) == 1, "the offset is kept"
    assert "Signature expired" in front.refused[0].refusal.message


# Too much at once


def test_a_throttled_list_is_asked_for_again(serve, front):
    client = serve().opened()
    throttled = Refusal("ThrottlingException", "Rate exceeded")
    front.refuse_next(429, throttled, what="POST tools/list", retry_after="1")
    front.refuse_next(400, throttled, what="POST tools/list")
    assert any(tool["name"] == "agent__echo" for tool in client.tools())
    assert [one.refusal is None for one in front.seen("POST tools/list")] == [False, False, True]


def test_a_throttled_initialize_is_sent_again(serve, front):
    front.refuse_next(429, Refusal("TooManyRequestsException", "Rate exceeded"), what="POST initialize")
    client = serve().opened()
    assert echo(client) == "Echo: hello"


def test_a_throttled_call_is_told_with_its_wait_and_not_repeated(serve, front):
    client = serve().opened()
    front.refuse_next(429, Refusal("ThrottlingException", "Rate exceeded"), what=CALL, retry_after="7")
    error = refusal_of(client)
    assert error["data"]["reason"] == "aws_throttled"
    assert error["data"]["retryAfter"] == 7
    assert "Rate exceeded" in error["message"] and "7 s" in error["data"]["remedy"]
    assert len(front.seen(CALL)) == 1


# What only people can cure


def test_a_denial_names_who_may_not_do_what(serve, front):
    client = serve().opened()
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/agent/s is not authorized to perform: "
        "aws-mcp:CallReadWriteTool on resource: arn:aws:aws-mcp:us-east-1:123456789012:server because no "
        "identity-based policy allows the aws-mcp:CallReadWriteTool action"
    )
    front.refuse_next(403, Refusal("AccessDeniedException", message), what=CALL)
    error = refusal_of(client)
    assert message in error["message"]
    data = error["data"]
    assert data["reason"] == "aws_not_authorised"
    assert data["aws"]["principal"] == "arn:aws:sts::123456789012:assumed-role/agent/s"
    assert data["aws"]["action"] == "aws-mcp:CallReadWriteTool"
    assert data["aws"]["code"] == "AccessDeniedException"
    assert data["aws"]["principal"] in data["remedy"]


def test_after_a_bad_signature_the_debug_log_shows_what_was_signed(serve, front):
    wrong = AwsIdentity(SECOND.access_key_id, "not-the-secret", SECOND.session_token)
    running = serve(wrong, options=["--log-level", "debug"])
    with pytest.raises(RpcError) as refused:
        running.opened()
    (entry,) = refused.value.error["data"]["backends"]
    assert entry["reason"] == "aws_bad_signature"
    logged = running.logged(lambda record: record.get("message") == "what was signed")
    seen_by_botocore = front.refused[0].notes["canonical_request"]
    assert logged["canonical_request"] == seen_by_botocore.replace(SECOND.session_token, "[redacted]")
    assert logged["string_to_sign"].startswith("AWS4-HMAC-SHA256\n")
    for secret in (SECOND.session_token, "not-the-secret"):
        assert secret not in running.process.output()


@pytest.mark.parametrize(
    "scope, expected",
    [({"region": "eu-west-1"}, "us-east-1"), ({"service": "execute-api"}, "aws-mcp")],
    ids=["region", "service"],
)
def test_a_wrong_region_or_service_is_told_with_the_right_one(serve, front, scope, expected):
    with pytest.raises(RpcError) as refused:
        serve(**scope).opened()
    (entry,) = refused.value.error["data"]["backends"]
    assert entry["reason"] == "aws_wrong_scope"
    assert expected in entry["message"]


def test_without_credentials_each_source_tried_is_named(serve):
    with pytest.raises(RpcError) as refused:
        serve(None).opened()
    (entry,) = refused.value.error["data"]["backends"]
    assert entry["reason"] == "credentials_not_found"
    for source in ("environment", "profile default", "web identity", "container", "instance metadata"):
        assert source in entry["message"]
