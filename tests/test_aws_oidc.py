"""A token of an OpenID Connect provider instead of AWS keys: asked for, exchanged at STS, renewed."""

import json
import subprocess

import pytest

from kit import resources
from kit.aws_endpoint import AwsEndpoint
from kit.certificates import Authority
from kit.gateway import BINARY, environment
from kit.mcp_client import RpcError
from kit.oidc_provider import AUDIENCE, OidcProvider, WebIdentitySts
from kit.process import eventually, free_port
from kit.servers import ROOT
from kit.sigv4_front import SigV4Front

SECRET = "the-client's-secret/with+signs"
SCOPE = {"region": "eu-central-1", "service": "aws-mcp"}


@pytest.fixture(scope="module")
def provider():
    running = OidcProvider(SECRET)
    yield running
    running.stop()


@pytest.fixture
def sts(provider, ending):
    return ending(WebIdentitySts(provider))


@pytest.fixture
def front(everything, sts, ending):
    made = ending(SigV4Front(everything.address, identities=[], **SCOPE))
    made.expected.identities, made.ends = sts.issued, sts.ends
    return made


def policy(issuer, role, *, targets=(), audience=AUDIENCE, **oidc):
    exchange = {
        "oidc": {
            "provider": {"issuer": issuer},
            "clientID": "gateway",
            "clientSecret": {"name": "client"},
            "scopes": ["aws"],
            "resources": [audience],
            **oidc,
        },
        "awsRoleArn": role,
    }
    exchange["oidc"] = {name: value for name, value in exchange["oidc"].items() if value is not None}
    return {
        "apiVersion": "aigateway.envoyproxy.io/v1beta1",
        "kind": "BackendSecurityPolicy",
        "metadata": {"name": "exchange"},
        "spec": {
            "type": "AWSCredentials",
            "targetRefs": [{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": name} for name in targets],
            "awsCredentials": {**SCOPE, "oidcExchangeToken": exchange},
        },
    }


@pytest.fixture
def source(front, sts, provider, tmp_path):
    """`source(...)`: a route whose backend signs with what the provider's token opens."""

    def write(secret=SECRET, issuer=None, **more):
        return resources.write(
            tmp_path / "route.yaml",
            resources.backend("agent", front.port),
            resources.secret("client", **{"client-secret": secret, "client-id": "gateway"}),
            policy(issuer or provider.issuer, sts.role, targets=["agent"], **more),
            resources.route("one", resources.reference("agent")),
        )

    return write


@pytest.fixture
def serve(gateway, sts):
    # No AWS keys anywhere, and no region: the policy has all that is needed.
    return lambda made: gateway(made, env={"AWS_ENDPOINT_URL_STS": sts.url})


def echo(client):
    return client.text("agent__echo", {"message": "hello"})


def refused(running):
    with pytest.raises(RpcError) as error:
        running.opened()
    (entry,) = error.value.error["data"]["backends"]
    assert SECRET not in running.process.output() + json.dumps(error.value.error)
    return entry


def test_a_token_of_the_provider_opens_the_role(serve, source, front, sts):
    running = serve(source())
    assert echo(running.opened()) == "Echo: hello"
    assert front.refused == []
    claims = sts.claims[0]
    assert (claims["client_id"], claims["aud"], claims["scope"]) == ("gateway", AUDIENCE, "aws")
    assert sts.requests[0].header("authorization") is None, "the token alone vouches for the gateway"
    metrics = running.admin("/metrics").body.decode()
    assert 'sealgate_identity_refreshes_total{identity="OIDC client gateway of http://127.0.0.1' in metrics
    assert SECRET not in running.process.output() + metrics


def test_the_policy_serves_by_reference_too_and_the_client_may_be_named_in_its_secret(
    serve, front, sts, provider, tmp_path
):
    named = policy(provider.issuer, sts.role, clientID=None, clientIDRef={"name": "client"})
    security = {"awsCredentials": {**SCOPE, "identityRef": {"name": "exchange"}}}
    made = resources.write(
        tmp_path / "route.yaml",
        resources.backend("agent", front.port),
        resources.secret("client", **{"client-secret": SECRET, "client-id": "gateway"}),
        named,
        resources.route("one", resources.reference("agent", security=security)),
    )
    assert echo(serve(made).opened()) == "Echo: hello"
    assert front.refused == []


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(serve, source, sts, ending):
    sts.provider = ending(OidcProvider(SECRET, "client_secret_post"))
    assert echo(serve(source(issuer=sts.provider.issuer)).opened()) == "Echo: hello"


def test_a_provider_is_asked_over_tls_and_only_if_it_is_trusted(gateway, source, sts, ending, tmp_path):
    authority, files = Authority(), [tmp_path / name for name in ("key.pem", "chain.pem", "authority.pem")]
    chain, key = authority.leaf("127.0.0.1")
    for file, text in zip(files, (key, chain, authority.pem)):
        file.write_text(text)
    sts.provider, sts.trust = ending(OidcProvider(SECRET, tls=files[:2])), authority.pem
    made = source(issuer=sts.provider.issuer)
    trusting = {"AWS_ENDPOINT_URL_STS": sts.url, "SSL_CERT_FILE": str(files[2])}
    assert echo(gateway(made, env=trusting).opened()) == "Echo: hello"

    stranger = refused(gateway(made, env={"AWS_ENDPOINT_URL_STS": sts.url}))
    assert stranger["reason"] == "credentials_unreachable"
    assert f"OIDC discovery at {sts.provider.issuer}" in stranger["message"]
    assert "certificate" in stranger["message"]


def test_the_example_is_served(gateway, sts, provider, ending, tmp_path):
    text = (ROOT / "examples" / "oidc-exchange.yaml").read_text()
    host = "tools-abc123.gateway.bedrock-agentcore.eu-central-1.amazonaws.com"
    scope = {"region": "eu-central-1", "service": "bedrock-agentcore"}
    endpoint = ending(AwsEndpoint(host, "/mcp", identities=[], **scope))
    endpoint.expected.identities = sts.issued
    for there, here in (
        ("https://id.example.com", provider.issuer),
        ("arn:aws:iam::123456789012:role/tools", sts.role),
        ("aud: sts.amazonaws.com", f"aud: {AUDIENCE}"),
    ):
        assert there in text
        text = text.replace(there, here)
    file = tmp_path / "oidc-exchange.yaml"
    # oidc-provider knows audiences as resources (RFC 8707) only.
    file.write_text(text.replace("clientID: gateway", f"clientID: gateway, resources: ['{AUDIENCE}']"))
    running = gateway(
        file, options=["--via", f"http://{endpoint.authority}"],
        env={"AWS_ENDPOINT_URL_STS": sts.url, "OIDC_CLIENT_SECRET": SECRET},
    )
    assert running.opened().text("tools__echo", {"a": 1}) == '{"a": 1}'
    assert endpoint.refused == []


def test_each_renewal_takes_a_token_of_its_own_and_no_call_fails(serve, source, front, sts):
    sts.lifetime = 3
    client = serve(source()).opened()
    while len(sts.issued) < 4:
        assert echo(client) == "Echo: hello"
    assert len({claims["jti"] for claims in sts.claims}) == len(sts.claims) >= 4
    assert front.refused == [], "renewed ahead of the end"


def test_a_token_endpoint_that_is_set_is_asked_without_discovery(serve, source, provider):
    made = source(provider={"issuer": "https://127.0.0.1:9", "tokenEndpoint": f"{provider.issuer}/token"})
    assert echo(serve(made).opened()) == "Echo: hello"


def test_each_step_that_fails_is_told_by_its_name_with_what_to_do(serve, source, provider):
    wrong = refused(serve(source(secret="not-" + SECRET)))
    assert wrong["reason"] == "credentials_oidc"
    assert f"OIDC token request at {provider.issuer}/token failed: invalid_client" in wrong["message"]
    assert "Check the client, its secret" in wrong["remedy"]

    unknown = refused(serve(source(audience="urn:unknown")))
    assert "invalid_target" in unknown["message"]

    opaque = refused(serve(source(audience="urn:opaque")))
    assert "STS takes signed ones (JWT) only" in opaque["message"]

    gone = refused(serve(source(issuer=f"http://127.0.0.1:{free_port()}")))
    assert gone["reason"] == "credentials_unreachable"
    assert "OIDC discovery at http://127.0.0.1:" in gone["message"]

    elsewhere = refused(serve(source(issuer=f"{provider.issuer}/elsewhere")))
    assert "OIDC discovery at" in elsewhere["message"] and "HTTP status 404" in elsewhere["message"]

    audience = refused(serve(source(audience="https://other.example")))
    assert audience["reason"] == "credentials_refused"
    assert "sts:AssumeRoleWithWebIdentity for arn:aws:iam" in audience["message"]
    assert "Register the token's issuer and audience with IAM" in audience["remedy"]


def test_a_corrected_secret_counts_without_a_restart(serve, source):
    running = serve(source(secret="not-" + SECRET))
    refused(running)
    source()
    eventually(lambda: opens(running), what="the corrected secret")


def opens(running):
    try:
        return echo(running.opened()) == "Echo: hello"
    except RpcError:
        return False


def test_the_doctor_names_the_step_and_shows_no_secret(source, sts):
    def diagnose(made):
        done = subprocess.run(
            [BINARY, "doctor", made, "--json"], capture_output=True, text=True, timeout=60,
            env=environment({"AWS_ENDPOINT_URL_STS": sts.url}),
        )
        assert SECRET not in done.stdout + done.stderr
        (report,) = json.loads(done.stdout)["backends"]
        return done.returncode, report

    status, report = diagnose(source())
    assert status == 0 and report["identity"]["arn"].startswith("arn:aws:sts::"), report
    status, report = diagnose(source(secret="not-" + SECRET))
    assert status != 0 and "Check the client, its secret" in report["fix"]
