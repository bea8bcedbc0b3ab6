"""Every source of credentials against a real moto, or a server that speaks as AWS's does."""

import hashlib
import json
import os
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from aws.test_differential import example

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT00001", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def role(moto):
    iam = boto3.client(
        "iam", endpoint_url=moto, region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="y",
    )
    return iam.create_role(RoleName="gateway", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]


@pytest.fixture
def resolve(tmp_path):
    """`resolve(wish, **environment)`: nothing of the machine's own settings gets in."""

    def run(wish, **environment):
        clean = {
            "HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "AWS_EC2_METADATA_DISABLED": "true",
            **environment,
        }
        done = subprocess.run(
            [example("resolve_identity"), json.dumps(wish)],
            env=clean, stdout=subprocess.PIPE, check=True, timeout=60,
        )
        return json.loads(done.stdout)

    return run


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        status, body = self.server.script(self.command, self.path, self.headers)
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        self.end_headers()
        self.wfile.write(data)

    do_PUT = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def answering():
    servers = []

    def start(script):
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
        server.script, server.asked = script, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _given(key_id, **more):
    expires = datetime.now(timezone.utc) + timedelta(hours=1)
    return json.dumps(
        {
            "Code": "Success",
            "AccessKeyId": key_id,
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            **more,
        }
    )


def test_environment_keys_come_first(resolve):
    found = resolve({}, **KEYS)
    assert found["access_key_id"] == KEYS["AWS_ACCESS_KEY_ID"]
    assert found["provided_by"] == "environment"


def test_nothing_found_names_every_source_tried(resolve):
    failed = resolve({})
    assert failed["code"] == "credentials_not_found"
    for source in ["environment", "profile default", "web identity", "container", "instance metadata"]:
        assert source in failed["error"]


def test_a_role_is_assumed_over_environment_keys(resolve, moto, role):
    wish = {"roles": [{"role_arn": role, "session_name": "me", "external_id": "e", "duration": 900}]}
    found = resolve(wish, AWS_ENDPOINT_URL_STS=moto, **KEYS)
    assert found["access_key_id"].startswith("ASIA") and found["has_token"]
    assert 800 < found["lives"] <= 900
    assert found["account_id"] == "123456789012"


def test_the_general_endpoint_variable_counts_too(resolve, moto, role):
    found = resolve({"roles": [{"role_arn": role}]}, AWS_ENDPOINT_URL=moto, **KEYS)
    assert found["has_token"]


def test_a_profile_assumes_its_role_over_its_source_profile(resolve, moto, role, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        f"[profile work]\nrole_arn = {role}\nsource_profile = base\nregion = eu-west-1\n"
        "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"
    )
    wish = {"source": "profile", "profile": "work"}
    found = resolve(wish, AWS_CONFIG_FILE=str(config), AWS_ENDPOINT_URL=moto)
    assert found["access_key_id"].startswith("ASIA")
    assert found["provided_by"] == "profile work"


def test_a_named_profile_wins_over_environment_keys(resolve, tmp_path):
    file = tmp_path / "credentials"
    file.write_text("[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = s\n")
    wish = {"source": "profile", "profile": "dev"}
    found = resolve(wish, AWS_SHARED_CREDENTIALS_FILE=str(file), **KEYS)
    assert found["access_key_id"] == "AKIADEV"


def test_a_text_assumes_roles_and_reads_no_other_file(resolve, moto, role, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n"
    )
    text = (
        f"[default]\nrole_arn = {role}\nsource_profile = base\n"
        "[base]\naws_access_key_id = AKIATEXT\naws_secret_access_key = s\n"
    )
    found = resolve({"source": "text", "text": text}, AWS_ENDPOINT_URL=moto, **KEYS)
    assert found["access_key_id"].startswith("ASIA")
    only_file = resolve({"source": "text", "text": "[other]\n"}, **KEYS)
    assert only_file["code"] == "credentials_invalid"


def test_a_text_runs_no_command(resolve, tmp_path):
    mark = tmp_path / "ran"
    text = f"[default]\ncredential_process = touch {mark}\n"
    failed = resolve({"source": "text", "text": text})
    assert failed["code"] == "credentials_invalid" and "credential_process" in failed["error"]
    assert not mark.exists()


def test_a_web_identity_token_of_the_environment_is_exchanged(resolve, moto, role, tmp_path):
    token = tmp_path / "token"
    token.write_text("header.claims.signature")
    found = resolve(
        {},
        AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_ARN=role,
        AWS_REGION="us-east-1", AWS_ENDPOINT_URL=moto,
    )
    assert found["provided_by"] == "web identity" and found["has_token"]


def test_a_web_identity_token_file_is_exchanged(resolve, moto, role, tmp_path):
    token = tmp_path / "token"
    token.write_text("header.claims.signature\n")
    wish = {"source": "web_identity", "token_file": str(token), "role_arn": role}
    assert resolve(wish, AWS_ENDPOINT_URL=moto)["has_token"]


def test_the_container_endpoint_is_asked_with_its_token(resolve, answering, tmp_path):
    token = tmp_path / "token"
    token.write_text("pod-token")
    server = answering(lambda *_: (200, _given("ASIACONTAINER")))
    found = resolve(
        {},
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(token),
    )
    assert found["access_key_id"] == "ASIACONTAINER" and found["provided_by"] == "container"
    headers = {name.lower(): value for name, value in server.asked[0][2].items()}
    assert headers["authorization"] == "pod-token"


def test_instance_metadata_is_asked_by_version_two(resolve, answering):
    def script(method, path, headers):
        if method == "PUT":
            return 200, "imds-token"
        if headers.get("x-aws-ec2-metadata-token") != "imds-token":
            return 401, ""
        return (200, _given("ASIAINSTANCE")) if path.endswith("/node") else (200, "node")

    server = answering(script)
    found = resolve(
        {}, AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url
    )
    assert found["access_key_id"] == "ASIAINSTANCE"
    assert found["provided_by"] == "instance metadata"


def _sso_profile(home, expires):
    (home / ".aws/sso/cache").mkdir(parents=True)
    (home / ".aws/config").write_text(
        "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = r\n"
        "[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.invalid/start\n"
    )
    name = hashlib.sha1(b"corp").hexdigest()
    (home / f".aws/sso/cache/{name}.json").write_text(
        json.dumps(
            {
                "accessToken": "login-token",
                "expiresAt": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": "us-east-1",
                "startUrl": "https://corp.invalid/start",
            }
        )
    )


def test_a_single_sign_on_profile_gives_its_role(resolve, answering, tmp_path):
    _sso_profile(tmp_path, datetime.now(timezone.utc) + timedelta(hours=2))
    expires = int((datetime.now(timezone.utc) + timedelta(hours=1)).timestamp() * 1000)
    answer = {
        "roleCredentials": {
            "accessKeyId": "ASIASSO", "secretAccessKey": "s", "sessionToken": "t",
            "expiration": expires,
        }
    }
    server = answering(lambda *_: (200, json.dumps(answer)))
    found = resolve({"source": "profile", "profile": "dev"}, AWS_ENDPOINT_URL=server.url)
    assert found["access_key_id"] == "ASIASSO"


def test_an_ended_login_names_the_command_that_renews_it(resolve, tmp_path):
    _sso_profile(tmp_path, datetime.now(timezone.utc) - timedelta(hours=2))
    failed = resolve({"source": "profile", "profile": "dev"})
    assert failed["code"] == "credentials_expired"
    assert "aws sso login --profile dev" in failed["remedy"]


def test_a_login_refused_by_aws_names_the_command_too(resolve, answering, tmp_path):
    _sso_profile(tmp_path, datetime.now(timezone.utc) + timedelta(hours=2))
    body = json.dumps({"message": "Session token not found or invalid", "__type": "UnauthorizedException"})
    server = answering(lambda *_: (401, body))
    failed = resolve({"source": "profile", "profile": "dev"}, AWS_ENDPOINT_URL=server.url)
    assert failed["code"] == "credentials_expired"
    assert "aws sso login --profile dev" in failed["remedy"]


def test_an_unreachable_sts_is_told_apart(resolve):
    wish = {"roles": [{"role_arn": "arn:aws:iam::123456789012:role/x"}]}
    failed = resolve(wish, AWS_ENDPOINT_URL_STS="http://127.0.0.1:9", **KEYS)
    assert failed["code"] == "credentials_unreachable"
