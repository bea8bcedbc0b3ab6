"""What other signing proxies get wrong between a client and a server behind AWS; here it is right."""

import json
import threading

import pytest

from kit import resources
from kit.aws_endpoint import AwsEndpoint
from kit.aws_identity import SECOND
from kit.mcp_client import RpcError
from kit.scripted import Gate
from kit.sigv4_front import SigV4Front
from kit.wire import answer

SCOPE = {"region": "us-east-1", "service": "aws-mcp"}
HOST = "aws-mcp.us-east-1.api.aws"
CALL = "POST tools/call"


def serve(gateway, folder, front):
    return gateway(
        resources.write(
            folder / "route.yaml",
            resources.named_backend("agent", HOST, 443),
            resources.secret("keys", credentials=SECOND.credentials_text()),
            resources.route(
                "one", resources.reference("agent", security=resources.aws("us-east-1", secret="keys"))
            ),
        ),
        options=["--via", f"http://{front.authority}"],
    )


@pytest.fixture
def endpoint(ending):
    return ending(AwsEndpoint(HOST, "/mcp", identities=[SECOND], **SCOPE))


@pytest.fixture
def running(gateway, tmp_path, endpoint):
    return serve(gateway, tmp_path, endpoint)


@pytest.fixture
def real(gateway, tmp_path, everything, ending):
    """The gateway before a real server behind the front, and the front."""
    front = ending(SigV4Front(everything.address, identities=[SECOND], host=HOST, **SCOPE))
    return serve(gateway, tmp_path, front), front


def answering(endpoint, what, behaviour):
    """From now on requests of this kind are answered by `behaviour(client, request)`."""
    serve_well = endpoint.accept
    endpoint.accept = lambda client, request: (
        behaviour(client, request) if request.what == what else serve_well(client, request)
    )


def test_an_error_of_the_server_keeps_its_code_and_data(running, endpoint):
    client = running.opened()
    error = {"code": -32042, "message": "own words", "data": {"big": 12345678901234567890, "url": "https://x"}}

    def fail(connection, request):
        reply = {"jsonrpc": "2.0", "id": request.message["id"], "error": error}
        answer(connection, 200, {"content-type": "application/json"}, json.dumps(reply).encode())

    answering(endpoint, CALL, fail)
    with pytest.raises(RpcError) as raised:
        client.call("agent__echo")
    assert raised.value.error == error


@pytest.mark.parametrize("status", [301, 307, 308, 400, 401, 403, 404, 500, 502, 503])
def test_one_refused_call_is_told_with_its_words_and_ends_no_session(running, endpoint, status):
    client = running.opened()
    good = endpoint.accept
    headers = {"content-type": "text/plain", "location": "http://127.0.0.1:9/elsewhere"}
    answering(endpoint, CALL, lambda connection, request: answer(connection, status, headers, b"own words"))
    if status == 404:
        # It may mean that the session is lost: a new one is opened, and lost again.
        with pytest.raises(RpcError):
            client.call("agent__echo")
    else:
        with pytest.raises(RpcError) as raised:
            client.call("agent__echo")
        assert str(status) in raised.value.message and "own words" in raised.value.message
        assert len(endpoint.seen("POST initialize")) == 1
    endpoint.accept = good
    assert client.text("agent__echo", {"a": 1}) == '{"a": 1}'
    assert endpoint.refused == []


@pytest.mark.parametrize(
    "kind, body, status",
    [("text/html", b"<html>", 200), ("application/json", b"{broken", 200), ("application/json", b"", 202)],
)
def test_what_is_no_answer_fails_at_once(running, endpoint, kind, body, status):
    client = running.opened()
    answering(endpoint, CALL, lambda connection, request: answer(connection, status, {"content-type": kind}, body))
    with pytest.raises(RpcError) as raised:
        client.call("agent__echo")
    assert raised.value.error["data"]["backend"] == "agent"


def test_a_lost_session_is_opened_again_and_signed(running, endpoint):
    client = running.opened()
    lost = client.text("agent__echo") and endpoint.seen(CALL)[-1].header("mcp-session-id")
    good = endpoint.accept

    def forget(connection, request):
        if request.header("mcp-session-id") == lost:
            return answer(connection, 404, {"content-type": "text/plain"}, b"no such session")
        return good(connection, request)

    endpoint.accept = forget
    assert client.text("agent__echo", {"a": 2}) == '{"a": 2}'
    assert client.text("agent__echo", {"a": 3}) == '{"a": 3}'
    assert endpoint.seen(CALL)[-1].header("mcp-session-id") not in (None, lost)
    assert endpoint.refused == []


def test_a_slow_call_holds_up_no_other(running, endpoint):
    gate = Gate()
    endpoint.tools["hold"] = gate
    client = running.opened()
    slow = threading.Thread(target=lambda: client.text("agent__hold"))
    slow.start()
    assert gate.entered.wait(10)
    assert client.text("agent__echo", {}) == "{}"
    gate.release()
    slow.join(10)


def test_a_cancellation_reaches_the_server_signed(running, endpoint):
    gate = Gate()
    endpoint.tools["hold"] = gate
    client = running.opened()
    message = {"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {"name": "agent__hold", "arguments": {}}}
    call = threading.Thread(target=lambda: client.post(message).body)
    call.start()
    assert gate.entered.wait(10)
    client.notify("notifications/cancelled", {"requestId": 77, "reason": "enough"})
    seen = endpoint.wait_for(lambda one: one.what == "POST notifications/cancelled")
    sent = endpoint.seen(CALL)[-1].message["id"]
    assert seen.message["params"] == {"requestId": sent, "reason": "enough"}
    gate.release()
    call.join(10)
    assert endpoint.refused == []


def test_completion_and_log_level_reach_the_server(real):
    running, front = real
    client = running.opened()
    client.request("logging/setLevel", {"level": "debug"})
    front.wait_for(lambda one: one.what == "POST logging/setLevel")
    prompts = [prompt["name"] for prompt in client.request("prompts/list", {})["prompts"]]
    name = next(name for name in prompts if "complet" in name)
    argument = client.request("prompts/list", {})["prompts"][prompts.index(name)]["arguments"][0]["name"]
    params = {"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": argument, "value": ""}}
    assert client.request("completion/complete", params)["completion"]["values"]
    assert front.refused == []


def test_an_unknown_method_is_called_so(running):
    with pytest.raises(RpcError) as raised:
        running.opened().request("tools/unheard_of", {})
    assert raised.value.code == -32601


def test_a_listed_tool_keeps_everything_but_its_name(running, endpoint):
    odd = {"name": "odd", "title": "T", "icons": [{"src": "x"}], "inputSchema": {"type": "object"},
           "annotations": {"readOnlyHint": True}, "_meta": {"a": 1}, "unknown": [1.50]}

    def listing(connection, request):
        body = json.dumps({"jsonrpc": "2.0", "id": request.message["id"], "result": {"tools": [odd]}})
        answer(connection, 200, {"content-type": "application/json"}, body.encode())

    answering(endpoint, "POST tools/list", listing)
    assert running.opened().tools() == [{**odd, "name": "agent__odd"}]


def test_a_changed_list_is_told_on_the_stream(running, endpoint):
    changed = b'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'

    def stream(connection, request):
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head + b"%x\r\n%s\r\n" % (len(changed), changed))
        threading.Event().wait(5)

    answering(endpoint, "GET", stream)
    listening = running.opened().listen()
    message = next(iter(listening.messages()))
    assert message["method"] == "notifications/tools/list_changed"
    listening.close()
    assert endpoint.refused == []
