"""The verifying front accepts what botocore signs and refuses every tampering with it.

The other tests lean on this front; here it is proved alone, without the gateway.
"""

import copy
import json
import re

import pytest

from kit.aws_identity import FIRST, SECOND, THIRD
from kit.http import exchange
from kit.moto_verify import moto_refuses
from kit.signing import signed_request
from kit.sigv4_front import SigV4Front
from kit.smithy import claimed_signature, smithy_signatures

HOST = "bedrock-agentcore.us-east-1.amazonaws.com"
ARN_PATH = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fx/invocations"
SCOPE = {"region": "us-east-1", "service": "bedrock-agentcore"}
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()


@pytest.fixture
def front(scripted_server):
    front = SigV4Front(("127.0.0.1", scripted_server.port), identities=[FIRST, SECOND], host=HOST, **SCOPE)
    yield front
    front.stop()


def sign(identity=FIRST, method="POST", target="/mcp?a=1", body=BODY, **more):
    return signed_request(identity, method, HOST, target, body, **(SCOPE | more))


def send(front, request):
    return exchange(front.authority, request.method, request.target, request.headers, request.body)


@pytest.mark.parametrize("identity", [FIRST, SECOND], ids=["long-lived", "temporary"])
@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/mcp", BODY),
        ("POST", ARN_PATH + "?qualifier=DEFAULT", BODY),
        ("POST", "/mcp?b=2&a=1&a=0", BODY),
        ("GET", "/mcp", b""),
        ("DELETE", ARN_PATH, b""),
    ],
    ids=["plain", "arn-path", "unsorted-query", "get", "delete"],
)
def test_what_botocore_signs_is_accepted(front, identity, method, target, body):
    answer = send(front, sign(identity, method, target, body))
    assert answer.status == (405 if method == "GET" else 200), answer.body
    assert [one.target for one in front.accepted] == [target]


def test_the_server_behind_sees_no_credentials(front, scripted_server):
    send(front, sign(SECOND)).body
    names = scripted_server.requests[0].names()
    assert "authorization" not in names and not any(name.startswith("x-amz") for name in names)


def test_a_header_that_is_not_signed_may_be_added_on_the_way(front):
    request = sign()
    request.headers.append(("X-Forwarded-For", "10.0.0.1"))
    assert send(front, request).status == 200


def replace(name, change):
    def tamper(request):
        request.headers = [
            (key, change(value)) if key.lower() == name else (key, value) for key, value in request.headers
        ]

    return tamper


def drop(name):
    def tamper(request):
        request.headers = [(key, value) for key, value in request.headers if key.lower() != name]

    return tamper


def attribute(name, change):
    return lambda request: setattr(request, name, change(getattr(request, name)))


def other_digit(text):
    return re.sub(r"Signature=(.)", lambda at: f"Signature={'0' if at[1] != '0' else '1'}", text)


TAMPERINGS = {
    "body": attribute("body", lambda body: body + b" "),
    "body and its hash header": lambda request: (
        replace("x-amz-content-sha256", lambda _: "0" * 64)(request),
        attribute("body", lambda body: body + b" ")(request),
    ),
    "method": attribute("method", lambda _: "PUT"),
    "path": attribute("target", lambda target: target.replace("/runtimes", "/runtimex")),
    "path decoded once": attribute("target", lambda target: target.replace("%3A", ":").replace("%2F", "/")),
    "query value": attribute("target", lambda target: target.replace("DEFAULT", "OTHER")),
    "query added": attribute("target", lambda target: target + "&more=1"),
    "signed header": replace("content-type", lambda _: "text/plain"),
    "host": replace("host", lambda _: "bedrock-agentcore.eu-west-1.amazonaws.com"),
    "date": replace("x-amz-date", lambda stamp: stamp[:-2] + ("1Z" if stamp[-2] != "1" else "2Z")),
    "signature": replace("authorization", other_digit),
    "scope region": replace("authorization", lambda text: text.replace("us-east-1", "us-west-2")),
    "scope service": replace("authorization", lambda text: text.replace("/bedrock-agentcore/", "/lambda/")),
    "scope date": replace("authorization", lambda text: re.sub(r"/\d{8}/", "/20200101/", text)),
    "session token changed": replace("x-amz-security-token", lambda token: token + "x"),
    "session token dropped": drop("x-amz-security-token"),
    "body hash dropped": drop("x-amz-content-sha256"),
    "authorization dropped": drop("authorization"),
    "authorization garbled": replace("authorization", lambda _: "AWS4-HMAC-SHA256 nonsense"),
    "authorization twice": lambda request: request.headers.append(("Authorization", "Bearer x")),
    "unsigned x-amz header": lambda request: request.headers.append(("X-Amz-Target", "Other")),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_tampered_request_is_refused(front, scripted_server, tampering):
    request = sign(SECOND, target=ARN_PATH + "?qualifier=DEFAULT")
    spoiled = copy.deepcopy(request)
    TAMPERINGS[tampering](spoiled)
    assert spoiled != request
    answer = send(front, spoiled)
    assert answer.status == 403
    assert answer.headers["x-amzn-errortype"].endswith("Exception") and answer.json["message"]
    assert scripted_server.requests == []


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param(lambda: sign(THIRD), id="an identity it does not know"),
        pytest.param(lambda: sign(region="eu-west-1"), id="another region"),
        pytest.param(lambda: sign(service="aws-mcp"), id="another service"),
    ],
)
def test_a_right_signature_of_the_wrong_party_is_refused(front, spoiled):
    assert send(front, spoiled()).status == 403


@pytest.mark.parametrize("skew", [-400, 400])
def test_a_clock_more_than_five_minutes_off_is_refused(front, skew):
    front.clock_skew = skew
    answer = send(front, sign())
    assert answer.status == 403 and "Signature expired" in answer.json["message"]


def test_a_path_that_was_encoded_only_once_when_signing_is_refused(front):
    request = sign(target=ARN_PATH)
    single = sign(target=ARN_PATH.replace("%3A", ":").replace("%2F", "/"))
    single.target = request.target
    assert send(front, single).status == 403


def test_a_scripted_refusal_is_given_once(front):
    front.refuse_next()
    answer = send(front, sign())
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "ExpiredTokenException")
    assert send(front, sign()).status == 200


def test_the_sdk_for_javascript_agrees_with_what_is_accepted(front):
    for identity in (FIRST, SECOND):
        send(front, sign(identity, target=ARN_PATH + "?qualifier=DEFAULT"))
        send(front, sign(identity, "GET", "/mcp", b""))
    assert len(front.accepted) == 4
    assert smithy_signatures(front.accepted) == [claimed_signature(one) for one in front.accepted]


@pytest.mark.parametrize("identity", [FIRST, SECOND], ids=["long-lived", "temporary"])
def test_moto_alone_tells_a_right_signature_from_a_wrong_one(identity):
    request = sign(identity, target=ARN_PATH)
    assert not moto_refuses(request, identity)
    request.target += "?more=1"
    assert moto_refuses(request, identity)
