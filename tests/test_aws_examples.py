"""Each example reaches a verifying fake of its endpoint: AWS's host, target, region and service."""

from urllib.parse import parse_qs

import pytest

from kit.aws_endpoint import AwsEndpoint, Switchboard
from kit.aws_identity import FIRST, SECOND
from kit.process import free_port
from kit.recorder import Recorder
from kit.rotating_sts import RotatingSts
from kit.scripted import ScriptedServer
from kit.servers import ROOT

EXAMPLES = ROOT / "examples"
RUNTIME = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A123456789012%3Aruntime%2F"
# Example, path that it serves, the endpoint that it is about, the prefix of its tools.
ALONE = {
    "aws-mcp-server.yaml": ("/mcp", "aws-mcp.us-east-1.api.aws", "/mcp", "us-east-1", "aws-mcp", "aws-mcp__"),
    "agentcore-gateway.yaml": (
        "/mcp", "tools-abc123.gateway.bedrock-agentcore.eu-central-1.amazonaws.com", "/mcp",
        "eu-central-1", "bedrock-agentcore", "tools__",
    ),
    "agentcore-runtime.yaml": (
        "/mcp", "bedrock-agentcore.us-west-2.amazonaws.com",
        RUNTIME + "my_agent-AbCdEf1234/invocations?qualifier=DEFAULT",
        "us-west-2", "bedrock-agentcore", "my-agent__",
    ),
    "lambda-url.yaml": (
        "/lambda/mcp", "abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws", "/mcp",
        "us-east-1", "lambda", "functions__",
    ),
    "api-gateway.yaml": (
        "/mcp", "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com", "/prod/mcp",
        "eu-west-1", "execute-api", "orders__",
    ),
}
WITH_A_ROLE = {"agentcore-runtime.yaml", "api-gateway.yaml"}
TOOLS = {"aws___call_aws": lambda arguments: f"called {arguments['cli_command']}"}


@pytest.fixture
def sts(ending):
    return ending(RotatingSts())


def use(client, prefix):
    name = prefix + "aws___call_aws"
    assert name in [tool["name"] for tool in client.tools()]
    assert client.text(name, {"cli_command": "aws s3 ls"}) == "called aws s3 ls"
    client.delete()


def served_well(endpoint):
    """Every request of the session was right, and all were for the machine of the first."""
    assert endpoint.refused == []
    assert {one.target for one in endpoint.accepted} == {endpoint.target}
    assert {one.header("host") for one in endpoint.accepted} == {endpoint.host}
    kinds = {"POST initialize", "POST notifications/initialized", "POST tools/list", "POST tools/call", "DELETE"}
    assert {one.what for one in endpoint.accepted} >= kinds
    assert len(endpoint.machines) == 1
    later = [one for one in endpoint.accepted if one.what != "POST initialize"]
    assert {one.header("mcp-session-id") for one in later} == set(endpoint.machines)
    assert all("mcp-session-id" in one.header("authorization") for one in later)


@pytest.mark.parametrize("example", sorted(ALONE))
def test_an_example_reaches_its_endpoint(gateway, ending, sts, example):
    path, host, target, region, service, prefix = ALONE[example]
    endpoint = ending(
        AwsEndpoint(host, target, tools=TOOLS, identities=[FIRST], region=region, service=service)
    )
    environment = FIRST.environment()
    if example in WITH_A_ROLE:
        endpoint.expected.identities = sts.issued
        environment = sts.environment(FIRST)
    running = gateway(EXAMPLES / example, options=["--via", f"http://{endpoint.authority}"], env=environment)
    use(running.opened(path), prefix)
    served_well(endpoint)
    if example in WITH_A_ROLE:
        asked = [parse_qs(one.body.decode()) for one in sts.requests]
        assert asked[0]["RoleArn"][0] in (EXAMPLES / example).read_text()
        assert example != "api-gateway.yaml" or asked[0]["ExternalId"] == ["sealgate-demo"]


def test_every_signed_example_is_run():
    signed = {file.name for file in EXAMPLES.glob("*.yaml") if "awsCredentials" in file.read_text()}
    # The exchange is in test_aws_oidc.py, which has a provider.
    assert signed == set(ALONE) | {"mixed.yaml", "oidc-exchange.yaml"}


@pytest.fixture
def several(ending):
    """The hosts of the examples with several servers, behind one hop."""
    plain = ending(Recorder(("127.0.0.1", ending(ScriptedServer()).port)))
    runtime = "bedrock-agentcore.us-west-2.amazonaws.com"
    endpoints = [
        ending(
            AwsEndpoint(
                "aws-mcp.us-east-1.api.aws", "/mcp", tools=TOOLS,
                identities=[FIRST], region="us-east-1", service="aws-mcp",
            )
        ),
        ending(
            AwsEndpoint(
                runtime, RUNTIME + "demo/invocations?qualifier=DEFAULT", tools=TOOLS,
                identities=[SECOND], region="us-west-2", service="bedrock-agentcore",
            )
        ),
    ]
    hosts = {endpoint.host: endpoint.port for endpoint in endpoints}
    for name in ("api.githubcopilot.com", "knowledge-mcp.global.api.aws", "127.0.0.1:3001"):
        hosts[name] = plain.port
    return endpoints, plain, ending(Switchboard(hosts))


def test_mcp_json_signs_for_each_server_with_its_own_identity(gateway, several, tmp_path):
    (server, runtime), plain, hop = several
    profiles = tmp_path / "credentials"
    profiles.write_text(FIRST.credentials_text() + SECOND.credentials_text("demo"))
    running = gateway(
        EXAMPLES / "mcp.json",
        options=["--via", f"http://{hop.authority}"],
        env={"AWS_SHARED_CREDENTIALS_FILE": str(profiles)},
    )
    client = running.opened()
    assert client.text("runtime__aws___call_aws", {"cli_command": "x"}) == "called x"
    use(client, "aws__")
    assert server.refused == [] and runtime.refused == []
    assert {one.target for one in runtime.accepted} == {runtime.target}
    assert len(runtime.machines) == 1 and len(server.machines) == 1
    assert plain.requests
    for request in plain.requests:
        assert "x-amz-date" not in request.names(), "a server that is open to all gets no signature"
        assert SECOND.session_token not in str(request.headers)


def test_the_mixed_example_signs_where_it_says_so_and_nowhere_else(gateway, several, tmp_path):
    (server, _), plain, hop = several
    port = free_port()
    text = (EXAMPLES / "mixed.yaml").read_text().replace("port: 1975", f"port: {port}")
    source = tmp_path / "mixed.yaml"
    source.write_text(text)
    running = gateway(
        source, options=["--via", f"http://{hop.authority}"], env=FIRST.environment(), listen=None
    )
    use(running.opened(headers={"x-user": "ann"}), "aws__")
    served_well(server)
    by_host = {one.header("host"): one for one in plain.requests}
    assert by_host["127.0.0.1:3001"].header("x-caller") == "ann"
    assert by_host["api.githubcopilot.com"].header("authorization") == "Bearer set-me"
    assert all("x-amz-date" not in one.names() for one in plain.requests)
