"""A cancellation reaches the one that it concerns, under the id by which that one knows the request."""

import threading

import pytest

from kit.events import EventStream
from kit.scripted import Gate


def in_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def call(id, name):
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {}}}


@pytest.mark.parametrize("id", ["mine", 41, 12345678901234567890])
def test_a_cancelled_call_reaches_its_own_backend_under_its_own_id(both, pair, id):
    gates = [Gate(), Gate()]
    for server, gate in zip(pair, gates):
        server.tools["wait"] = gate
    client = both.opened()
    other = "other" if id != "other" else "mine"
    running = [
        in_background(lambda: client.post(call(id, "two__wait")).body),
        in_background(lambda: client.post(call(other, "one__wait")).body),
    ]
    assert all(gate.entered.wait(10) for gate in gates)
    assert client.notify("notifications/cancelled", {"requestId": id, "reason": "enough"}).status == 202
    heard = pair[1].wait_for(lambda one: one.what == "POST notifications/cancelled").message
    assert heard["params"]["requestId"] == pair[1].seen("POST tools/call")[0].message["id"]
    assert heard["params"]["reason"] == "enough"
    assert not pair[0].seen("POST notifications/cancelled")
    for gate in gates:
        gate.release()
    for thread in running:
        thread.join(10)


@pytest.mark.parametrize("id", ["unknown", 999])
def test_a_cancellation_of_what_does_not_run_reaches_nobody(both, pair, id):
    client = both.opened()
    client.text("one__echo", {})
    assert client.notify("notifications/cancelled", {"requestId": id}).status == 202
    client.text("two__echo", {})
    assert not any(server.seen("POST notifications/cancelled") for server in pair)


def test_another_session_s_request_of_the_same_id_is_not_meant(both, pair):
    gate = Gate()
    pair[0].tools["wait"] = gate
    client, other = both.opened(), both.opened()
    running = in_background(lambda: client.post(call("same", "one__wait")).body)
    assert gate.entered.wait(10)
    assert other.notify("notifications/cancelled", {"requestId": "same"}).status == 202
    other.text("one__echo", {})
    assert not pair[0].seen("POST notifications/cancelled")
    gate.release()
    running.join(10)


def test_a_backend_cancels_its_question_under_the_id_that_the_client_knows(both, pair):
    answered = threading.Event()

    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            stream = EventStream(connection)
            for id in ("q", 9):
                stream.event({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": {"message": "?"}})
            stream.event({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}})
            assert answered.wait(10)
            stream.result(message, "done").end()
            return True
        if message and "result" in message:
            assert message["id"] == "q"
            answered.set()

    pair[1].behaviour = behave
    client = both.opened(capabilities={"elicitation": {}})
    messages = client.post(call(1, "two__echo")).messages()
    first, second, cancelled = (next(messages) for _ in range(3))
    assert cancelled["params"]["requestId"] == second["id"] != first["id"]
    client.post({"jsonrpc": "2.0", "id": first["id"], "result": {"action": "decline"}}).body
    assert next(messages)["result"]["content"][0]["text"] == "done"


def test_a_call_whose_stream_has_ended_can_be_cancelled_before_its_client_is_back(both, pair):
    """The backend has closed the stream for the client to come back later (SEP-1699)."""

    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            EventStream(connection).event(id="e1", retry=60_000).end()
            return True

    pair[0].behaviour = behave
    client = both.opened()
    left = client.post(call("left", "one__echo"))
    assert left.is_stream and b'"id"' not in left.body
    assert client.notify("notifications/cancelled", {"requestId": "left"}).status == 202
    heard = pair[0].wait_for(lambda one: one.what == "POST notifications/cancelled").message
    assert heard["params"]["requestId"] == pair[0].seen("POST tools/call")[0].message["id"]
