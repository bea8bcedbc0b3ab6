"""`sealgate doctor` says who signs for what, tries it, and names what to fix; never a secret."""

import json
import subprocess

import pytest

from kit import resources
from kit.aws_identity import FIRST, SECOND, AwsIdentity
from kit.gateway import BINARY, environment
from kit.process import free_port
from kit.rotating_sts import RotatingSts
from kit.sigv4_front import SigV4Front
from kit.sigv4_verify import Refusal

HOST = "gw.gateway.bedrock-agentcore.us-east-1.amazonaws.com"
SCOPE = {"region": "us-east-1", "service": "bedrock-agentcore"}
API_KEY = "an-api-key-that-nobody-may-see"


@pytest.fixture
def front(everything, ending):
    return ending(SigV4Front(everything.address, identities=[FIRST, SECOND], **SCOPE))


@pytest.fixture
def sts(ending):
    return ending(RotatingSts())


def diagnose(source, *options, env=None):
    """Exit status, what it printed, and the same as an object where `--json` was asked for."""
    done = subprocess.run(
        [BINARY, "doctor", source, *options],
        capture_output=True, text=True, timeout=60,
        env=environment({"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", **(env or {})}),
    )
    found = json.loads(done.stdout) if "--json" in options else None
    return done.returncode, done.stdout + done.stderr, found


def source(folder, front, *, identity=SECOND, region="us-east-1", role=None):
    security = resources.aws(region, secret="keys" if identity else None)
    if role:
        security["awsCredentials"]["assumeRole"] = {"roleArn": role}
    return resources.write(
        folder / "route.yaml",
        resources.backend("agent", front.port, hostname=HOST),
        resources.secret("keys", credentials=(identity or FIRST).credentials_text()),
        resources.route("one", resources.reference("agent", security=security)),
    )


def test_a_healthy_backend_is_shown_with_all_that_signs_for_it(front, sts, tmp_path):
    front.expected.identities = sts.issued
    made = source(tmp_path, front, identity=None, role=sts.role)
    status, _, found = diagnose(made, "--json", env=sts.environment(FIRST))
    assert status == 0 and found["healthy"] is True
    (report,) = found["backends"]
    assert report["fix"] is None
    identity = report["identity"]
    assert identity["source"] == f"default chain, role {sts.role}"
    assert identity["providedBy"] == f"environment, role {sts.role}"
    assert identity["account"] == "123456789012"
    assert identity["arn"] == sts.role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/sealgate"
    assert identity["accessKeyId"] == sts.issued[-1].access_key_id
    assert 3000 < identity["expiresInSeconds"] <= 3600
    scope = report["scope"]
    assert (scope["service"], scope["region"]) == ("bedrock-agentcore", "us-east-1")
    assert HOST in scope["serviceReason"] and "{id}.gateway.bedrock-agentcore.{region}" in scope["serviceReason"]
    assert report["initialize"]["ok"] and report["initialize"]["server"]["name"]
    assert report["tools"]["count"] > 5 and "echo" in report["tools"]["names"]
    assert front.refused == []
    assert {one.what for one in front.accepted} >= {"POST initialize", "POST tools/list", "DELETE"}

    # What it shows is what botocore, too, made of the request: all but the body's digest.
    shown = report["signed"]["canonicalRequest"].split("\n")
    seen = front.seen("POST initialize")[0].notes["canonical_request"].split("\n")
    masked = [line.replace(sts.issued[-1].session_token, "[redacted]") for line in seen]
    differing = ("x-amz-content-sha256:", "x-amz-date:", "host:")
    kept = [line for line in shown[:-1] if not line.startswith(differing)]
    assert kept == [line for line in masked[:-1] if not line.startswith(differing)]


def test_the_report_for_people_names_the_same(front, sts, tmp_path):
    front.expected.identities = sts.issued
    made = source(tmp_path, front, identity=None, role=sts.role)
    status, text, _ = diagnose(made, env=sts.environment(FIRST))
    assert status == 0
    for part in ("account     123456789012 as arn:aws:sts::", "initialize  ok in ", "tools/list  ok, ", "fix         nothing"):
        assert part in text
    assert "x-amz-security-token:[redacted]" in text


def fix_of(found):
    assert found["healthy"] is False
    (report,) = found["backends"]
    return report, report["fix"]


def test_an_unreachable_sts_is_no_fault(front, tmp_path):
    status, _, found = diagnose(source(tmp_path, front), "--json")
    assert status == 0
    assert found["backends"][0]["identity"]["callerError"]["code"] == "credentials_unreachable"


def test_missing_credentials_are_told_source_by_source(front, tmp_path):
    status, _, found = diagnose(source(tmp_path, front, identity=None), "--json")
    report, fix = fix_of(found)
    assert status == 1 and "Give one of these sources credentials" in fix
    assert report["identity"]["error"]["code"] == "credentials_not_found"
    assert "instance metadata" in report["identity"]["error"]["message"]


def test_a_bad_signature_says_what_to_check(front, tmp_path):
    wrong = AwsIdentity(SECOND.access_key_id, "this-is-not-the-secret", SECOND.session_token)
    status, text, found = diagnose(source(tmp_path, front, identity=wrong), "--json")
    report, fix = fix_of(found)
    assert status == 1 and "Check the secret access key" in fix
    assert report["initialize"]["error"]["reason"] == "aws_bad_signature"
    assert report["signed"]["canonicalRequest"].startswith("POST\n/mcp\n\n")
    assert "this-is-not-the-secret" not in text


def test_a_wrong_region_is_named_with_the_right_one(front, tmp_path):
    _, text, found = diagnose(source(tmp_path, front, region="eu-west-1"), "--json")
    report, fix = fix_of(found)
    assert "set so; host" in report["scope"]["regionReason"] and "us-east-1" in report["scope"]["regionReason"]
    assert "to us-east-1" in fix or "us-east-1" in report["initialize"]["error"]["message"]
    assert [finding["code"] for finding in found["findings"]] == ["aws-region-contradiction"]


def test_a_denial_names_who_and_what(front, tmp_path):
    denial = Refusal(
        "AccessDeniedException",
        "User: arn:aws:iam::1:user/u is not authorized to perform: bedrock-agentcore:InvokeGateway on resource: arn:x",
    )
    front.refuse_next(403, denial, what="POST initialize")
    _, _, found = diagnose(source(tmp_path, front), "--json")
    _, fix = fix_of(found)
    assert "arn:aws:iam::1:user/u" in fix and "bedrock-agentcore:InvokeGateway" in fix


def test_a_dead_backend_and_a_broken_file_are_told(tmp_path):
    status, text, _ = diagnose(f"http://127.0.0.1:{free_port()}/mcp")
    assert status == 1 and "FAILED (upstream_refused)" in text and "fix         check that the server runs" in text
    broken = tmp_path / "broken.yaml"
    broken.write_text("kind: [\n")
    status, text, _ = diagnose(broken)
    assert status == 1 and "broken.yaml:" in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_printed_whatever_servers_say(front, scripted_server, tmp_path, form):
    def repeat(client, request, message):
        if message and message.get("method") == "initialize":
            error = {"code": -1, "message": f"you sent {request.header('x-api-key')} {request.header('authorization')}"}
            scripted_server.reply(client, message, {"error": error})
            return True

    scripted_server.behaviour = repeat
    canonical = f"should have been\nPOST\n/mcp\n\nx-amz-security-token:{SECOND.session_token}\n and {SECOND.secret_access_key}"
    for what in ("POST initialize", "POST initialize"):
        front.refuse_next(403, Refusal("SignatureDoesNotMatch", canonical), what=what)
    key = {"apiKey": {"secretRef": {"name": "key"}, "header": "x-api-key"}}
    made = resources.write(
        tmp_path / "route.yaml",
        resources.backend("agent", front.port, hostname=HOST),
        resources.backend("plain", scripted_server.port),
        resources.secret("keys", credentials=SECOND.credentials_text()),
        resources.secret("key", apiKey=API_KEY),
        resources.route(
            "one",
            resources.reference("agent", security=resources.aws("us-east-1", secret="keys")),
            resources.reference("plain", security=key),
        ),
    )
    status, text, _ = diagnose(made, *(["--json"] if form == "json" else []), env=FIRST.environment())
    assert status == 1
    assert "aws_bad_signature" in text and "you sent [redacted]" in text
    for secret in (SECOND.secret_access_key, SECOND.session_token, API_KEY, FIRST.secret_access_key):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
