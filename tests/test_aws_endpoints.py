"""What AWS's endpoints ask of who calls them: hosts, targets, sessions, sizes and times."""

import re
import subprocess
import threading
from pathlib import Path

import pytest

from kit import resources
from kit.aws_endpoint import AwsEndpoint
from kit.aws_identity import SECOND
from kit.gateway import BINARY, environment
from kit.mcp_client import RpcError
from kit.recorder import Recorder
from kit.scripted import Gate

RUNTIME = "bedrock-agentcore.us-east-1.amazonaws.com"
TARGET = (
    "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fx/invocations?qualifier=DEFAULT"
)
SCOPE = {"region": "us-east-1", "service": "bedrock-agentcore"}
SESSION = "x-amzn-bedrock-agentcore-runtime-session-id"
USER = "x-amzn-bedrock-agentcore-runtime-user-id"


@pytest.fixture
def endpoint(ending):
    """`endpoint(host, target)`: a fake of AgentCore Runtime."""
    return lambda host=RUNTIME, target=TARGET, **more: ending(
        AwsEndpoint(host, target, **{"identities": [SECOND], **SCOPE, **more})
    )


@pytest.fixture
def through(gateway, tmp_path):
    """`through(endpoint)`: a gateway whose backend has the endpoint's real name, by a hop."""

    def start(
        behind, *, host=None, path=None, annotations=None, options=(), region="us-east-1", service=None,
        credentials=None, **more,
    ):
        security = resources.aws(region, service, secret="keys")
        security["awsCredentials"].update(credentials or {})
        return gateway(
            resources.write(
                tmp_path / "route.yaml",
                resources.named_backend("agent", host or behind.host, 443, annotations=annotations),
                resources.secret("keys", credentials=SECOND.credentials_text()),
                resources.route(
                    "one",
                    resources.reference("agent", path or behind.target, security=security, **more),
                ),
            ),
            options=["--via", f"http://{behind.authority}", *options],
        )

    return start


# Hosts


@pytest.mark.parametrize(
    "host, region, service",
    [
        ("vpce-0123456789abcdef0-abcdefgh.bedrock-agentcore.us-east-1.vpce.amazonaws.com", "us-east-1", "bedrock-agentcore"),
        ("bedrock-agentcore-fips.us-east-1.amazonaws.com", "us-east-1", "bedrock-agentcore"),
        ("bedrock-agentcore.us-east-1.api.aws", "us-east-1", "bedrock-agentcore"),
        ("gw.gateway.bedrock-agentcore.cn-north-1.amazonaws.com.cn", "cn-north-1", "bedrock-agentcore"),
        ("gw.gateway.bedrock-agentcore.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "bedrock-agentcore"),
        ("a1b2c3-vpce-0a1b2c.execute-api.us-east-1.amazonaws.com", "us-east-1", "execute-api"),
        ("lattice.1b2c3d.vpc-lattice-svcs.us-west-2.on.aws", "us-west-2", "vpc-lattice-svcs"),
    ],
)
def test_a_host_is_signed_as_it_is_sent_for_the_service_that_it_tells(endpoint, through, host, region, service):
    behind = endpoint(host, "/mcp", region=region, service=service)
    client = through(behind, region=region).opened()
    assert client.text("agent__echo", {"a": 1}) == '{"a": 1}'
    assert behind.refused == []


def test_a_signing_host_covers_what_a_hop_makes_of_the_host(endpoint, gateway, ending, tmp_path):
    behind = endpoint("gw.gateway.bedrock-agentcore.us-east-1.amazonaws.com", "/mcp")
    hop = ending(Recorder(("127.0.0.1", behind.port)))

    def rewrite(request):
        request.headers = [
            (name, behind.host if name.lower() == "host" else value) for name, value in request.headers
        ]
        return request

    hop.tamper = rewrite
    backend = resources.backend(
        "agent", hop.port, hostname="tools.example.internal",
        annotations={"sealgate.dev/signing-host": behind.host},
    )
    source = resources.write(
        tmp_path / "route.yaml",
        backend,
        resources.secret("keys", credentials=SECOND.credentials_text()),
        resources.route(
            "one", resources.reference("agent", security=resources.aws("us-east-1", secret="keys"))
        ),
    )
    assert gateway(source).opened().text("agent__echo", {}) == "{}"
    assert behind.refused == []


# Targets


def test_the_query_goes_out_in_the_one_form_that_all_verifiers_read_alike(endpoint, through):
    behind = endpoint(target="/mcp?accountId=123456789012&flag=&qualifier=a%3Ab%2Fc")
    client = through(behind, path="/mcp?qualifier=a:b/c&flag&accountId=123456789012").opened()
    assert client.text("agent__echo", {}) == "{}"
    assert behind.refused == []


@pytest.mark.parametrize("path", ["/a//mcp", "/a/../mcp", "/a/./mcp", "/a/%2e%2e/mcp", "/mcp?a=b+c", "/mcp%zz"])
@pytest.mark.parametrize("form", ["resource", "mcp.json", "url"])
def test_a_path_that_could_be_read_in_two_ways_is_refused_for_signed_backends(tmp_path, path, form):
    url = f"https://aws-mcp.us-east-1.api.aws{path}"
    source = url
    if form == "mcp.json":
        source = tmp_path / "mcp.json"
        source.write_text('{"mcpServers": {"a": {"url": "%s", "aws": true}}}' % url)
    elif form == "resource":
        source = resources.write(
            tmp_path / "route.yaml",
            resources.named_backend("agent", "aws-mcp.us-east-1.api.aws", 443),
            resources.route("one", resources.reference("agent", path, security=resources.aws("us-east-1"))),
        )
    done = subprocess.run(
        [BINARY, "check", source, "--via", "http://127.0.0.1:9"],
        capture_output=True, text=True, env=environment(), timeout=30,
    )
    assert done.returncode == 1
    assert "request-path" in done.stderr, done.stderr


# Sessions


def test_the_session_of_a_runtime_comes_back_with_every_request(endpoint, through):
    behind = endpoint()
    clients = [through(behind).opened(), through(behind).opened()]
    for client in clients:
        client.tools()
        client.call("agent__echo")
        client.delete()
    assert len(behind.machines) == 2, "one for each session, and no cold one"
    assert behind.refused == []


def test_the_headers_of_a_runtime_are_set_by_annotation_and_signed(endpoint, through):
    behind = endpoint()
    session = "fixed-session-000000000000000000001"
    annotations = {
        "sealgate.dev/agentcore-session-id": session,
        "sealgate.dev/agentcore-user-id": "team-a",
    }
    through(behind, annotations=annotations).opened().call("agent__echo")
    assert behind.refused == []
    for request in behind.accepted:
        assert request.header(SESSION) == session and request.header(USER) == "team-a"
        assert f";{SESSION};{USER}" in request.header("authorization")


def test_a_clients_own_header_becomes_the_runtimes(endpoint, through):
    behind = endpoint()
    running = through(
        behind,
        annotations={"sealgate.dev/agentcore-user-id": "nobody"},
        forwardHeaders=[{"name": "x-user", "backendHeader": "X-Amzn-Bedrock-AgentCore-Runtime-User-Id"}],
    )
    running.opened(headers={"x-user": "ann"}).call("agent__echo")
    assert behind.refused == []
    assert {one.header(USER) for one in behind.accepted} == {"ann"}
    assert all(USER in one.header("authorization") for one in behind.accepted)
    behind.forget()
    running.opened().call("agent__echo")
    assert {one.header(USER) for one in behind.accepted} == {"nobody"}


def test_a_session_id_that_agentcore_would_refuse_is_refused_at_load(tmp_path):
    annotations = {"sealgate.dev/agentcore-session-id": "too-short"}
    source = resources.write(
        tmp_path / "route.yaml",
        resources.named_backend("agent", RUNTIME, 443, annotations=annotations),
        resources.route("one", resources.reference("agent", security=resources.aws("us-east-1"))),
    )
    done = subprocess.run(
        [BINARY, "check", source], capture_output=True, text=True, env=environment(), timeout=30
    )
    assert done.returncode == 1 and "33 to 256 characters" in done.stderr


@pytest.mark.parametrize("name", ["aws___call_aws", "a__b__c", "_x", "x_", "__", "___y"])
def test_a_tool_name_with_separators_comes_back_whole(endpoint, through, name):
    called = []
    behind = endpoint(tools={name: lambda arguments: called.append(name) or "done"})
    client = through(behind).opened()
    assert [tool["name"] for tool in client.tools()] == [f"agent__{name}"]
    assert client.text(f"agent__{name}") == "done" and called == [name]


def test_headers_that_are_named_are_signed_too(endpoint, through):
    behind = endpoint()
    forwarded = [{"name": name, "backendHeader": name} for name in ("x-tenant", "x-trace")]
    running = through(behind, credentials={"signedHeaders": ["X-Tenant", "x-absent"]}, forwardHeaders=forwarded)
    client = running.opened(headers={"x-tenant": "blue", "x-trace": "1"})
    assert client.text("agent__echo", {}) == "{}"
    assert behind.refused == []
    call = behind.seen("POST tools/call")[0]
    assert (call.header("x-tenant"), call.header("x-trace")) == ("blue", "1")
    signed = call.header("authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    assert "x-tenant" in signed and not {"x-trace", "x-absent"} & set(signed)


# Sizes and times


def test_the_largest_payload_of_agentcore_is_signed_and_sent_whole_when_the_limit_is_raised(endpoint, through):
    behind = endpoint(tools={"size": lambda arguments: str(len(arguments["data"]))})
    limit = 100_000_000
    size = limit - 1000  # what is around it has its own bytes
    running = through(behind, options=["--max-body-bytes", limit])
    client = running.opened()
    before = peak_memory(running)
    assert client.text("agent__size", {"data": "x" * size}) == str(size)
    assert behind.refused == [] and len(behind.seen("POST tools/call")[0].body) > size
    used = peak_memory(running) - before
    print(f"{used / 1e6:.0f} MB for a payload of {size / 1e6:.0f} MB")
    assert used < 3 * size, "the body as it came, and as it goes with the tool's own name"


def peak_memory(running):
    """The most memory that the gateway has had, in bytes."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_a_long_call_has_the_time_that_the_backend_was_given(endpoint, through):
    gate = Gate()
    behind = endpoint(tools={"hold": gate})
    late = through(behind, annotations={"sealgate.dev/call-timeout": "500ms"}).opened()
    with pytest.raises(RpcError) as refused:
        late.call("agent__hold")
    assert "500 ms" in refused.value.message
    assert refused.value.error["data"]["reason"] == "upstream_first_byte_timeout"
    gate.entered.clear()
    patient = through(behind, annotations={"sealgate.dev/call-timeout": "15m"}).opened()
    answers = []
    call = threading.Thread(target=lambda: answers.append(patient.text("agent__hold")))
    call.start()
    assert gate.entered.wait(10)
    assert not gate._released.wait(1.0), "twice as long as the other was given"
    gate.release()
    call.join(10)
    assert answers == ["let go"]


def test_a_streamed_answer_has_the_same_time_and_no_more(endpoint, through):
    behind = endpoint()
    pause = threading.Event()

    def streaming(client, request):
        if request.what != "POST tools/call":
            return AwsEndpoint.accept(behind, client, request)
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

        def say(text):
            client.sendall(b"%x\r\n%s\r\n" % (len(text), text))

        progress = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n\n'
        for _ in range(5):
            say(progress)
            pause.wait(0.3)
        reply = '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"late"}]}}' % request.message["id"]
        say(f"data: {reply}\n\n".encode())
        client.sendall(b"0\r\n\r\n")

    behind.accept = streaming
    client = through(behind, annotations={"sealgate.dev/call-timeout": "60m"}).opened()
    assert client.text("agent__echo") == "late"
    assert len(client.seen) == 5
    hurried = through(behind, annotations={"sealgate.dev/call-timeout": "500ms"}).opened()
    with pytest.raises(RpcError) as refused:
        hurried.call("agent__echo")
    assert "500 ms" in refused.value.message and hurried.seen, "what came in time was passed on"
