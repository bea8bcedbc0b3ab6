"""Clients and servers of both eras on one endpoint: real servers, aggregated, each in its own era."""

import threading

import pytest

from kit import resources, servers
from kit.modern_client import PREFIX, VERSION, ModernClient
from kit.scripted import Gate, ScriptedServer


@pytest.fixture(scope="module")
def both():
    server = servers.conformance()
    yield server
    server.stop()


@pytest.fixture
def mixed(gateway, both, everything, tmp_path):
    """One route: a server in the modern era, the same in the legacy one, and one that has only that."""
    pinned = [
        resources.backend(name, both.port, annotations={"sealgate.dev/era": name})
        for name in ("modern", "legacy")
    ]
    references = [resources.reference(name) for name in ("modern", "legacy", "everything")]
    return gateway(
        resources.write(
            tmp_path / "mixed.yaml",
            *pinned,
            resources.backend("everything", everything.port),
            resources.route("mixed", *references),
        )
    )


def texts(result):
    return [part["text"] for part in result["content"] if part["type"] == "text"]


def prefixes(items):
    return {item["name"].partition("__")[0] for item in items}


def test_a_modern_client_reaches_every_server(mixed):
    client = ModernClient(mixed)
    discovered = client.result("server/discover")
    assert discovered["supportedVersions"] == [VERSION]
    assert {"tools", "prompts", "resources"} <= discovered["capabilities"].keys()

    listed = client.result("tools/list")
    assert prefixes(listed["tools"]) == {"modern", "legacy", "everything"}
    assert (listed["resultType"], listed["ttlMs"], listed["cacheScope"]) == ("complete", 0, "private")
    assert not any("execution" in tool for tool in listed["tools"])

    for backend in ("modern", "legacy"):
        result = client.result("tools/call", name=f"{backend}__test_simple_text", arguments={})
        assert texts(result) == ["This is a simple text response for testing."]
        assert result["resultType"] == "complete"
    result = client.result("tools/call", name="everything__get-sum", arguments={"a": 2, "b": 3})
    assert "5" in texts(result)[0] and result["resultType"] == "complete"


def test_a_legacy_client_reaches_every_server(mixed):
    client = mixed.opened()
    listed = client.tools()
    assert prefixes(listed) == {"modern", "legacy", "everything"}
    for backend in ("modern", "legacy"):
        result = client.call(f"{backend}__test_simple_text")
        assert texts(result) == ["This is a simple text response for testing."]
        assert "resultType" not in result
    result = client.call("everything__get-sum", {"a": 2, "b": 3})
    assert "5" in texts(result)[0]


def test_resources_and_prompts_are_found_in_either_era(mixed):
    client = ModernClient(mixed)
    listed = client.result("resources/list")
    assert any(resource["uri"] == "test://static-text" for resource in listed["resources"])
    read = client.result("resources/read", uri="test://static-text")
    assert read["contents"][0]["text"].startswith("This is the content")
    prompt = client.result("prompts/get", name="legacy__test_simple_prompt")
    assert prompt["messages"] and prompt["resultType"] == "complete"
    status, message = client.request("resources/read", uri="test://nobody/has/this")
    assert (status, message["error"]["code"]) == (200, -32602)


def test_a_question_reaches_a_modern_client_only_from_a_modern_server(mixed):
    client = ModernClient(mixed, {"elicitation": {}})
    asked = client.result("tools/call", name="modern__test_input_required_result_elicitation", arguments={})
    assert asked["resultType"] == "input_required" and "user_name" in asked["inputRequests"]
    answered = client.result(
        "tools/call", name="modern__test_input_required_result_elicitation", arguments={},
        inputResponses={"user_name": {"action": "accept", "content": {"name": "Ada"}}},
    )
    assert texts(answered) == ["Hello, Ada!"]

    arguments = {"message": "Who?"}
    status, message = client.request("tools/call", name="legacy__test_elicitation", arguments=arguments)
    assert status == 200 and message["error"]["data"]["reason"] == "needs_session"
    bare = ModernClient(mixed)
    status, message = bare.request(
        "tools/call", name="modern__test_input_required_result_elicitation", arguments={}
    )
    assert (status, message["error"]["code"]) == (400, -32021)


def old_server(gateway, server, folder, **annotations):
    """A gateway that holds legacy sessions with the server for modern clients."""
    found = {f"sealgate.dev/{name}": value for name, value in {"era": "legacy", **annotations}.items()}
    source = resources.write(
        folder / "old.yaml",
        resources.backend("old", server.port, annotations=found),
        resources.route("old", resources.reference("old"), prefixMode="Never"),
    )
    return gateway(source)


def test_sessions_that_the_gateway_holds_are_closed_when_it_ends(gateway, ending, tmp_path):
    server = ending(ScriptedServer(name="old"))
    running = old_server(gateway, server, tmp_path)
    for capabilities in ({}, {"roots": {}}):
        assert texts(ModernClient(running, capabilities).result("tools/call", name="echo", arguments={})) == ["{}"]
    assert len(server.seen("POST initialize")) == 2
    running.terminate()
    running.process.wait()
    closed = server.seen("DELETE")
    assert [request.header("mcp-session-id") for request in closed] == ["old-session"] * 2


def test_a_session_in_use_is_closed_once_its_call_is_answered(gateway, ending, tmp_path):
    gate = Gate()
    server = ending(ScriptedServer({"hold": gate}, name="old"))
    running = old_server(gateway, server, tmp_path)
    called = threading.Thread(
        target=lambda: ModernClient(running).result("tools/call", name="hold", arguments={}), daemon=True
    )
    called.start()
    assert gate.entered.wait(10)
    running.terminate()
    running.logged(lambda record: record.get("message") == "draining")
    assert not server.seen("DELETE")
    gate.release()
    called.join(10)
    server.wait_for(lambda request: request.method == "DELETE")
    running.process.wait()


def test_metrics_tell_in_which_eras_client_and_backend_spoke(mixed):
    client = ModernClient(mixed)
    for backend in ("modern", "legacy"):
        client.result("tools/call", name=f"{backend}__test_simple_text", arguments={})
        mixed.opened().call(f"{backend}__test_simple_text")
    text = mixed.admin("/metrics").body.decode()
    for client_era in ("modern", "legacy"):
        for backend in ("modern", "legacy"):
            sample = f'backend="{backend}",client_era="{client_era}",backend_era="{backend}"}}'
            assert sample in text, text
