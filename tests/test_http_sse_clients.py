"""Clients of 2024-11-05, whose transport is one event stream and an endpoint to POST to."""

import json
import secrets
import threading

import pytest

from kit import resources
from kit.events import EventStream, notification
from kit.http import exchange
from kit.mcp_client import RpcError
from kit.scripted import Gate
from kit.sse_client import SseClient

SWITCH = ("--legacy-sse",)


@pytest.fixture
def pair_route(pair, tmp_path):
    return resources.write_route(tmp_path, one=pair[0], two=pair[1])


@pytest.fixture
def running(gateway, pair_route):
    return gateway(pair_route, options=SWITCH)


@pytest.fixture
def connected(ending):
    """`connected(gateway)`: a client that reads its stream."""
    return lambda running, **more: ending(SseClient(running.authority, **more).read())


@pytest.fixture
def opened(connected):
    def open_one(running, capabilities=None, **more):
        client = connected(running, **more)
        client.initialize(capabilities)
        return client

    return open_one


def test_a_client_lists_and_calls_over_both_backends(running, opened, pair):
    client = opened(running)
    names = [tool["name"] for tool in client.request("tools/list")["tools"]]
    assert names == ["one__echo", "two__echo"]
    assert client.text("two__echo", {"n": 2}) == '{"n": 2}'
    assert client.request("ping") == {}
    with pytest.raises(RpcError) as refused:
        client.text("three__echo")
    assert refused.value.code == -32602


def test_without_the_switch_there_is_no_such_stream(gateway, pair_route):
    answer = exchange(gateway(pair_route).authority, "GET", "/mcp", {"accept": "text/event-stream"})
    assert answer.status == 400 and answer.json["error"]["data"]["reason"] == "no_session"


@pytest.mark.parametrize(("said", "options", "status"), [("enabled", (), 200), ("disabled", SWITCH, 400)])
def test_a_route_says_it_for_itself(gateway, pair, tmp_path, said, options, status):
    annotations = {"sealgate.dev/legacy-sse": said}
    source = resources.write_route(tmp_path, route_annotations=annotations, one=pair[0])
    running = gateway(source, options=options)
    answer = exchange(running.authority, "GET", "/mcp", {"accept": "text/event-stream"})
    assert answer.status == status
    answer.close()


def test_clients_of_the_other_transport_are_served_beside_them(running, opened):
    old, new = opened(running), running.opened()
    assert old.text("one__echo", {}) == new.text("one__echo", {}) == "{}"
    stream = new.listen()
    assert stream.status == 200
    stream.close()


def test_the_endpoint_is_a_path_of_this_server_and_cannot_be_guessed(running, connected):
    one, other = connected(running), connected(running)
    assert one.endpoint.startswith("/mcp?sessionId=") and one.endpoint != other.endpoint
    ticket = one.endpoint.partition("=")[2]
    for wrong in ("", ticket[:-1], ticket[1:], secrets.token_urlsafe(28), "x" * 4000):
        answer = one.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, endpoint=f"/mcp?sessionId={wrong}")
        assert answer.status in (400, 404, 414) and answer.json["error"]["data"]["reason"] == "unknown_stream"


def test_another_replica_says_that_it_does_not_have_the_stream(gateway, pair_route, opened, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(secrets.token_hex(32) + "\n")
    here, there = (gateway(pair_route, options=(*SWITCH, "--session-key-file", keys)) for _ in "12")
    client = opened(here)
    answer = exchange(
        there.authority, "POST", client.endpoint, {"content-type": "application/json"},
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode(),
    )
    assert answer.status == 404
    assert answer.json["error"]["data"]["reason"] == "stream_gone"
    assert "affinity" in answer.json["error"]["data"]["remedy"]


def test_the_end_of_the_stream_ends_the_sessions_of_all_backends(running, opened, pair):
    client = opened(running)
    client.stop()
    for server in pair:
        ended = server.wait_for(lambda one: one.method == "DELETE")
        assert ended.header("mcp-session-id") == f"{server.name}-session"
    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert answer.status == 404 and answer.json["error"]["data"]["reason"] == "stream_gone"


def test_a_client_that_leaves_in_the_middle_of_a_call_leaves_nothing_behind(running, opened, pair):
    gate = pair[0].tools["wait"] = Gate()
    client = opened(running)
    client.ask("tools/call", {"name": "one__wait", "arguments": {}})
    assert gate.entered.wait(10)
    client.stop()
    pair[1].wait_for(lambda one: one.method == "DELETE")
    gate.release()


def test_calls_run_at_once_and_their_answers_come_as_they_are_ready(running, opened, pair):
    gate = pair[0].tools["wait"] = Gate()
    client = opened(running)
    slow = client.ask("tools/call", {"name": "one__wait", "arguments": {}})
    assert gate.entered.wait(10)
    assert client.text("two__echo", {}) == "{}" and slow.empty()
    gate.release()
    assert slow.get(timeout=10)["result"]["content"][0]["text"] == "let go"


def test_so_many_requests_may_wait_and_no_more(running, opened, pair):
    gate = pair[0].tools["wait"] = Gate()
    client = opened(running)
    asked = [client.ask("tools/call", {"name": "one__wait", "arguments": {}}) for _ in range(64)]
    refused = client.post({"jsonrpc": "2.0", "id": 1000, "method": "ping"})
    assert refused.status == 429 and refused.json["error"]["data"]["reason"] == "stream_busy"
    gate.release()
    assert all(one.get(timeout=20)["result"] for one in asked)
    assert client.request("ping") == {}


def test_what_backends_say_unasked_reaches_the_client(running, opened, pair):
    heard = threading.Event()

    def behave(connection, request, message):
        if request.method == "GET":
            stream = EventStream(connection)
            stream.event(notification("notifications/message", level="info", data="unasked"), id="e1")
            heard.wait(20)
            return True

    pair[1].behaviour = behave
    client = opened(running)
    client.request("ping")
    wait_until(lambda: client.seen)
    heard.set()
    assert client.seen[0]["params"]["data"] == "unasked"


def test_progress_and_the_server_s_questions_come_before_the_answer(running, opened, pair):
    answered = threading.Event()

    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            stream = EventStream(connection)
            stream.event(notification("notifications/progress", progressToken="t", progress=1), id="p1")
            stream.event({"jsonrpc": "2.0", "id": 9, "method": "roots/list"}, id="p2")
            assert answered.wait(10)
            stream.result(message, "done").end()
            return True
        if message and message.get("id") == 9:
            assert message["result"] == {"roots": []}
            answered.set()

    pair[0].behaviour = behave
    client = opened(running, {"roots": {}})
    client.answers["roots/list"] = lambda params: {"roots": []}
    assert client.text("one__echo") == "done"
    assert client.seen[0]["params"]["progress"] == 1


@pytest.mark.parametrize("version", ["2024-11-05", "2025-11-25"])
def test_a_stream_that_the_backend_closes_early_is_resumed_for_the_client(running, opened, pair, version):
    """Whatever version it speaks: on this transport a client cannot come back by itself."""
    calls = {}

    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            calls["message"] = message
            EventStream(connection).event(id="p1", retry=50).end()
            return True
        if request.method == "GET" and request.header("last-event-id") == "p1":
            EventStream(connection).result(calls["message"], "at last", id="p2").end()
            return True

    pair[0].behaviour = behave
    assert opened(running, version=version).text("one__echo") == "at last"


def test_a_cancellation_reaches_the_backend(running, opened, pair):
    gate = pair[0].tools["wait"] = Gate()
    client = opened(running)
    client.ask("tools/call", {"name": "one__wait", "arguments": {}})
    assert gate.entered.wait(10)
    running_id = pair[0].seen("POST tools/call")[0].message["id"]
    cancelled = notification("notifications/cancelled", requestId=next(reversed(client._waiting)))
    assert client.post(cancelled).status == 202
    heard = pair[0].wait_for(lambda one: one.what == "POST notifications/cancelled")
    assert heard.message["params"]["requestId"] == running_id
    gate.release()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b"{", {}, 400), (b'{"jsonrpc":"2.0"}', {}, 400), (b"{}", {"content-type": "text/plain"}, 415)],
)
def test_what_cannot_be_read_is_refused_at_once(running, opened, body, headers, status):
    client = opened(running)
    answer = client.post(body, **headers)
    assert answer.status == status and "error" in answer.json
    assert client.request("ping") == {}


def test_a_request_before_initialize_is_answered_with_what_is_missing(running, connected):
    client = connected(running)
    with pytest.raises(RpcError) as refused:
        client.request("tools/list")
    assert refused.value.error["data"]["reason"] == "no_session"
    client.initialize()
    assert client.request("ping") == {}
    again = client.post({"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": {}})
    assert again.status == 400 and "already" in again.json["error"]["message"]


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_pages_of_other_sites_get_neither_a_stream_nor_an_answer(running, opened, headers):
    asked = {"accept": "text/event-stream", **headers}
    assert exchange(running.authority, "GET", "/mcp", asked).status == 403
    client = opened(running)
    assert client.post({"jsonrpc": "2.0", "id": 7, "method": "ping"}, **headers).status == 403


def test_a_batch_of_2025_03_26_is_answered_in_one_event(running, ending):
    client = ending(SseClient(running.authority, version="2025-03-26"))
    client.post(client.initializing())
    assert client.next()["id"] == 0
    assert client.post([{"jsonrpc": "2.0", "id": at, "method": "ping"} for at in (1, 2)]).status == 202
    assert [one["id"] for one in client.next()] == [1, 2]


def test_a_gateway_that_ends_answers_what_runs_and_then_ends_the_stream(gateway, pair, pair_route, opened):
    gate = pair[0].tools["wait"] = Gate()
    running = gateway(pair_route, options=SWITCH)
    client = opened(running)
    answer = client.ask("tools/call", {"name": "one__wait", "arguments": {}})
    assert gate.entered.wait(10)
    running.terminate()
    running.logged(lambda record: record.get("message") == "draining")
    gate.release()
    assert answer.get(timeout=10)["result"]["content"][0]["text"] == "let go"
    assert client.ended.wait(10)


def wait_until(condition, deadline=10):
    """Waits for what the reading thread finds."""
    waited = threading.Event()
    for _ in range(deadline * 50):
        if condition():
            return
        waited.wait(0.02)
    raise AssertionError("it never came")
