"""Event streams: ids that resume at the right backend, streams that end early or break."""

import threading

import pytest

from kit.events import EventStream, notification
from kit.mcp_client import RpcError
from kit.scripted import ScriptedServer


def is_call(message):
    return bool(message) and message.get("method") == "tools/call"


def polling(server, *, retry=50):
    """The server closes the stream of each call after a priming event and answers on GET."""
    calls = {}

    def behave(connection, request, message):
        if is_call(message):
            calls["message"] = message
            EventStream(connection).event(id="p,1", retry=retry).end()
            return True
        if request.method == "GET" and request.header("last-event-id"):
            stream = EventStream(connection)
            stream.event(notification("notifications/message", level="info", data="late"), id="p;2")
            stream.result(calls["message"], "at last", id="p 3").end()
            return True

    server.behaviour = behave


def call(client, name="two__echo", id="x,;\" 1"):
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {}}}


def test_a_stream_that_the_backend_closes_is_resumed_there_by_the_client(both, pair):
    polling(pair[1])
    client = both.opened()
    message = call(client)
    answer = client.post(message)
    events = list(answer.events())
    assert len(events) == 1 and events[0]["data"] == "" and events[0]["retry"] == "50"
    resumed = list(client.listen(**{"last-event-id": events[0]["id"]}).messages())
    assert [one.get("method", "answer") for one in resumed] == ["notifications/message", "answer"]
    assert resumed[1]["id"] == message["id"]
    assert resumed[1]["result"]["content"][0]["text"] == "at last"
    gets = [one for one in pair[1].requests if one.method == "GET"]
    assert [one.header("last-event-id") for one in gets] == ["p,1"]
    assert gets[0].header("mcp-session-id") == "two-session"
    assert not [one for one in pair[0].requests if one.method == "GET"]


def test_another_process_with_the_same_key_resumes(gateway, ending, tmp_path):
    server = ending(ScriptedServer())
    polling(server)
    keys = tmp_path / "keys"
    keys.write_text("ab" * 32 + "\n")
    first, second = (gateway(f"http://{server.authority}/mcp", options=("--session-key-file", keys)) for _ in "12")
    client = first.opened()
    event = next(client.post(call(client, "echo", id=7)).events())
    moved = second.client()
    moved.session_id = client.session_id
    *_, answered = moved.listen(**{"last-event-id": event["id"]}).messages()
    assert answered["id"] == 7


@pytest.mark.parametrize("version", ["2025-06-18", "2025-03-26"])
def test_for_a_client_that_knows_no_priming_events_the_gateway_resumes_itself(both, pair, version):
    polling(pair[1])
    client = both.opened(version=version)
    assert client.text("two__echo") == "at last"
    assert [one["method"] for one in client.seen] == ["notifications/message"]


def test_for_a_client_without_event_streams_the_gateway_resumes_itself(both, pair):
    polling(pair[1])
    client = both.opened()
    assert client.call("two__echo", accept="application/json")["content"][0]["text"] == "at last"


def test_a_stream_that_breaks_is_resumed_behind_its_last_event(both, pair):
    calls = {}

    def behave(connection, request, message):
        if is_call(message):
            calls["message"] = message
            EventStream(connection).event(notification("notifications/message", data=1), id="a1")
            raise ConnectionResetError
        if request.method == "GET" and request.header("last-event-id") == "a1":
            EventStream(connection, mcp_note="x").result(calls["message"], "whole", id="a2").end()
            return True

    pair[0].behaviour = behave
    client = both.opened()
    assert client.text("one__echo") == "whole"


def test_a_stream_without_ids_that_ends_before_the_answer_is_an_error(both, pair):
    def behave(connection, request, message):
        if is_call(message):
            EventStream(connection).event(notification("notifications/message", data=1)).end()
            return True

    pair[0].behaviour = behave
    with pytest.raises(RpcError) as refused:
        both.opened().call("one__echo")
    assert refused.value.error["data"]["reason"] == "backend_broke_off"


def serving_events(server, name, goes, streams):
    """GET gives a stream: an event for each `goes()`; `streams` collects what Last-Event-ID was."""

    def behave(connection, request, message):
        if request.method == "GET":
            streams.append(request.header("last-event-id"))
            stream = EventStream(connection)
            for at in goes(len(streams)):
                stream.event(notification("notifications/message", data=f"{name}{at}"), id=f"{name}-{at}")
            return True

    server.behaviour = behave


def test_the_merged_stream_resumes_each_backend_behind_its_own_last_event(both, pair):
    seen = {"one": [], "two": []}
    hold = threading.Event()

    def goes(count):
        yield from ([1, 2] if count == 1 else [3])
        hold.wait(20)

    for server, name in zip(pair, seen):
        serving_events(server, name, goes, seen[name])
    client = both.opened()
    events = client.listen().events()
    first = [next(events) for _ in range(4)]
    last = first[-1]["id"]
    events = client.listen(**{"last-event-id": last}).events()
    resumed = {next(events)["data"] for _ in range(2)}
    hold.set()
    assert seen == {"one": [None, "one-2"], "two": [None, "two-2"]}
    assert any("one3" in data for data in resumed) and any("two3" in data for data in resumed)


def test_a_backend_s_stream_that_ends_is_opened_again_behind_its_last_event(both, pair):
    streams, hold = [], threading.Event()

    def goes(count):
        yield count
        if count > 2:
            hold.wait(20)
        else:
            raise ConnectionResetError

    serving_events(pair[1], "two", goes, streams)
    client = both.opened()
    events = client.listen().events()
    data = [next(events)["data"] for _ in range(3)]
    hold.set()
    assert ["two1" in data[0], "two2" in data[1], "two3" in data[2]] == [True] * 3
    assert streams[:3] == [None, "two-1", "two-2"]


@pytest.mark.parametrize("id", ["x", "0", "9.a;1;2", "0.a;1;{}", "1.a;;", "a" * 5000])
def test_a_last_event_id_that_is_none_of_ours_does_no_harm(both, pair, id):
    client = both.opened()
    answer = client.listen(**{"last-event-id": id})
    assert answer.status in (200, 405, 431) or answer.json["error"]
    answer.close()
    assert client.text("one__echo", {}) == "{}"


@pytest.mark.parametrize(("method", "outcome"), [("ping", "result"), ("roots/list", "error"), ("sampling/createMessage", "error")])
def test_a_backend_that_asks_during_a_request_of_the_gateway_s_own_is_answered(both, pair, method, outcome):
    """A list over several backends is the gateway's own request: no client can be asked there."""
    answered = threading.Event()

    def behave(connection, request, message):
        if message and message.get("method") == "tools/list":
            stream = EventStream(connection)
            stream.event({"jsonrpc": "2.0", "id": "ask-1", "method": method, "params": {}})
            assert answered.wait(10)
            stream.event({"jsonrpc": "2.0", "id": message["id"], **pair[0].result(message)}).end()
            return True
        if message and message.get("id") == "ask-1":
            assert outcome in message and (outcome == "result" or message["error"]["code"] == -32601)
            assert request.header("mcp-session-id") == "one-session"
            answered.set()

    pair[0].behaviour = behave
    assert [tool["name"] for tool in both.opened().tools()] == ["one__echo", "two__echo"]
    assert answered.is_set()


def test_a_backend_that_asks_during_initialize_is_answered_in_the_session_that_it_opens(both, pair):
    answered = threading.Event()

    def behave(connection, request, message):
        if message and message.get("method") == "initialize":
            stream = EventStream(connection, mcp_session_id="early")
            stream.event({"jsonrpc": "2.0", "id": 0, "method": "ping"})
            assert answered.wait(10)
            stream.event({"jsonrpc": "2.0", "id": message["id"], **pair[0].result(message)}).end()
            return True
        if message and message.get("id") == 0 and request.header("mcp-session-id") == "early":
            answered.set()

    pair[0].behaviour = behave
    assert both.opened() and answered.is_set()


def test_a_client_without_event_streams_cannot_be_asked_and_the_backend_is_told(both, pair):
    answered = threading.Event()

    def behave(connection, request, message):
        if is_call(message):
            stream = EventStream(connection)
            stream.event({"jsonrpc": "2.0", "id": 5, "method": "elicitation/create", "params": {}})
            assert answered.wait(10)
            stream.result(message, "done without").end()
            return True
        if message and message.get("id") == 5 and "error" in message:
            answered.set()

    pair[0].behaviour = behave
    client = both.opened()
    assert client.call("one__echo", accept="application/json")["content"][0]["text"] == "done without"
