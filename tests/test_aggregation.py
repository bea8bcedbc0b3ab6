"""Several real servers behind one endpoint: all tools in stable order, each call to its owner."""

import json

import pytest

from kit import resources
from kit.aws_identity import FIRST
from kit.mcp_client import McpClient, RpcError
from kit.sigv4_front import SigV4Front


@pytest.fixture
def three(everything, notes, clock, gateway, tmp_path):
    return gateway(
        resources.write(
            tmp_path / "route.yaml",
            *(
                resources.backend(server_name, server.port)
                for server_name, server in (("everything", everything), ("notes", notes), ("clock", clock))
            ),
            resources.route("all", *map(resources.reference, ("everything", "notes", "clock"))),
        )
    )


def direct(server):
    client = McpClient(server.authority)
    client.initialize()
    return client


def test_the_list_is_the_backends_lists_in_the_order_of_the_route(three, everything, notes, clock):
    wanted = [
        f"{name}__{tool['name']}"
        for name, server in (("everything", everything), ("notes", notes), ("clock", clock))
        for tool in direct(server).tools()
    ]
    client = three.opened()
    assert [tool["name"] for tool in client.tools()] == wanted
    assert [tool["name"] for tool in client.tools()] == wanted, "the order changed between two lists"


def test_a_listed_tool_differs_from_its_backend_s_in_the_name_alone(three, notes):
    through = {tool["name"]: tool for tool in three.opened().tools()}
    for tool in direct(notes).tools():
        assert through[f"notes__{tool['name']}"] == {**tool, "name": f"notes__{tool['name']}"}


def test_each_call_goes_to_the_backend_that_owns_the_tool(three):
    client = three.opened()
    assert client.text("everything__get-sum", {"a": 40, "b": 2}) == "The sum of 40 and 2 is 42."
    assert "kept" in client.text("notes__add_note", {"text": "hello"})
    assert client.text("clock__add_minutes", {"time": "10:00", "minutes": 61}) == "11:01"


def test_the_answer_of_a_call_is_the_backend_s_to_the_byte(three, everything):
    call = {"name": "get-structured-content", "arguments": {"location": "New York"}}
    wanted = direct(everything).request("tools/call", call)
    got = three.opened().request("tools/call", {**call, "name": "everything__get-structured-content"})
    assert json.dumps(got) == json.dumps(wanted)


def test_progress_reaches_the_client_that_asked(three):
    client = three.opened()
    client.request(
        "tools/call",
        {"name": "notes__count_aloud", "arguments": {"to": 3}, "_meta": {"progressToken": "mine"}},
    )
    progress = [one["params"] for one in client.seen if one.get("method") == "notifications/progress"]
    assert [one["progress"] for one in progress] == [1, 2, 3]
    assert {one["progressToken"] for one in progress} == {"mine"}


@pytest.mark.parametrize("name", ["nobody__echo", "echo", "everything__no-such-tool", "", "__", "everything__"])
def test_an_unknown_tool_is_an_error_that_names_it(three, name):
    client = three.opened()
    try:
        result = client.call(name)
    except RpcError as refused:
        assert refused.code in (-32601, -32602) and refused.message
    else:
        assert result["isError"], "server-everything says this of its own unknown tools"


def test_initialize_offers_what_the_backends_offer(three):
    result = three.client().initialize()
    assert result["protocolVersion"] == "2025-11-25"
    assert "tools" in result["capabilities"]
    assert "Keeps notes." in result.get("instructions", "")


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_each_legacy_version_is_served(three, version):
    client = three.client(version=version)
    assert client.initialize()["protocolVersion"] == version
    assert client.text("clock__add_minutes", {"time": "00:00", "minutes": 1}) == "00:01"
    assert client.request("ping") == {}


def test_a_version_that_nobody_knows_is_answered_with_one_that_is_served(three):
    client = three.client(version="1999-01-01")
    assert client.initialize()["protocolVersion"] == "2025-11-25"


def test_a_single_url_is_served_under_bare_names(gateway, everything):
    client = gateway(everything.url).opened()
    assert "echo" in [tool["name"] for tool in client.tools()]
    assert client.text("echo", {"message": "bare"}) == "Echo: bare"


def test_a_route_with_prefix_mode_never_serves_bare_names(gateway, notes, tmp_path):
    running = gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("notes", notes.port),
            resources.route("bare", resources.reference("notes"), prefixMode="Never"),
        )
    )
    assert "add_note" in [tool["name"] for tool in running.opened().tools()]


def test_a_tool_selector_hides_and_refuses(gateway, everything, tmp_path):
    running = gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("one", everything.port),
            resources.route(
                "some",
                resources.reference("one", toolSelector={"includeRegex": ["^get-"], "exclude": ["get-env"]}),
            ),
        )
    )
    client = running.opened()
    names = [tool["name"] for tool in client.tools()]
    assert "one__get-sum" in names and "one__get-env" not in names and "one__echo" not in names
    for hidden in ("one__get-env", "one__echo"):
        with pytest.raises(RpcError):
            client.call(hidden, {"message": "x"})


def test_an_mcp_json_of_three_servers_one_of_them_behind_aws(
    gateway, ending, everything, notes, clock, tmp_path
):
    front = ending(
        SigV4Front(clock.address, identities=[FIRST], region="us-east-1", service="bedrock-agentcore")
    )
    file = tmp_path / "mcp.json"
    file.write_text(
        json.dumps(
            {
                "mcpServers": {
                    "everything": {"type": "http", "url": everything.url},
                    "notes": {"url": notes.url, "headers": {"X-Team": "blue"}},
                    "clock": {
                        "url": f"http://{front.authority}/mcp",
                        "aws": {"region": "us-east-1", "service": "bedrock-agentcore"},
                    },
                }
            }
        )
    )
    client = gateway(file, env=FIRST.environment()).opened()
    owners = {tool["name"].split("__")[0] for tool in client.tools()}
    assert owners == {"everything", "notes", "clock"}
    assert client.text("clock__add_minutes", {"time": "12:00", "minutes": -1}) == "11:59"
    assert front.accepted and front.refused == []
