"""Three backends on one route: each gets its own credentials and nobody else's, nor the client's."""

import pytest

from kit import resources
from kit.aws_identity import FIRST, SECOND
from kit.recorder import Recorder
from kit.sigv4_front import SigV4Front

CLIENT_SECRETS = {
    "authorization": "Bearer of-the-client",
    "proxy-authorization": "Basic of-the-client",
    "cookie": "session=of-the-client",
    "x-amz-date": "20200101T000000Z",
    "x-amz-security-token": "of-the-client",
    "x-amz-content-sha256": "of-the-client",
    "x-amz-target": "of-the-client",
    "x-api-key": "of-the-client",
}


@pytest.fixture
def first(everything, ending):
    return ending(SigV4Front(everything.address, identities=[FIRST], region="us-east-1", service="aws-mcp"))


@pytest.fixture
def second(everything, ending):
    return ending(SigV4Front(everything.address, identities=[SECOND], region="eu-west-1", service="lambda"))


@pytest.fixture
def plain(everything, ending):
    return ending(Recorder(everything.address, keep_host=False))


@pytest.fixture
def keyed(everything, ending):
    return ending(Recorder(everything.address, keep_host=False))


@pytest.fixture
def running(gateway, first, second, plain, keyed, tmp_path):
    return gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("first", first.port),
            resources.backend("second", second.port),
            resources.backend("plain", plain.port),
            resources.backend("keyed", keyed.port),
            resources.secret("first-keys", credentials=FIRST.credentials_text()),
            resources.secret("second-keys", credentials=SECOND.credentials_text("other")),
            resources.secret("api-key", apiKey="key-of-keyed"),
            resources.route(
                "all",
                resources.reference(
                    "first", security=resources.aws("us-east-1", "aws-mcp", secret="first-keys")
                ),
                resources.reference(
                    "second",
                    security=resources.aws("eu-west-1", "lambda", secret="second-keys", profile="other"),
                ),
                resources.reference("plain"),
                resources.reference("keyed", security={"apiKey": {"secretRef": {"name": "api-key"}}}),
            ),
        )
    )


def use_all(running):
    client = running.opened(headers=CLIENT_SECRETS)
    client.tools()
    for backend in ("first", "second", "plain", "keyed"):
        assert client.text(f"{backend}__echo", {"message": backend}) == f"Echo: {backend}"
    stream = client.listen()
    stream.close()
    client.delete()


def test_a_backend_without_credentials_receives_none(running, plain):
    use_all(running)
    plain.wait_for(lambda one: one.method == "DELETE")
    for request in plain.requests:
        secret = [name for name in request.names() if name in CLIENT_SECRETS or name.startswith("x-amz")]
        assert secret == [], request.what


def test_each_aws_backend_is_signed_with_its_own_identity(running, first, second):
    use_all(running)
    for front, identity in ((first, FIRST), (second, SECOND)):
        front.wait_for(lambda one: one.method == "DELETE")
        assert front.refused == []
        assert {one.notes["identity"] for one in front.accepted} == {identity}


def test_an_api_key_goes_to_its_backend_alone(running, first, second, plain, keyed):
    use_all(running)
    keyed.wait_for(lambda one: one.method == "DELETE")
    assert {one.header("authorization") for one in keyed.requests} == {"Bearer key-of-keyed"}
    for other in (first, second, plain):
        assert not any("key-of-keyed" in str(one.headers) for one in other.requests)


def test_nothing_of_the_client_s_secrets_reaches_any_backend(running, first, second, plain, keyed):
    use_all(running)
    for backend in (first, second, plain, keyed):
        assert backend.requests
        for request in backend.requests:
            assert "of-the-client" not in str(request.headers), request.what


def test_no_secret_is_logged(running):
    use_all(running)
    running.terminate()
    running.process.wait()
    for secret in (FIRST.secret_access_key, SECOND.secret_access_key, SECOND.session_token, "key-of-keyed"):
        assert secret not in running.process.output()
