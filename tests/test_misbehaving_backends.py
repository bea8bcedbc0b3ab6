"""Whatever a backend does wrong becomes a prompt error that names it; its neighbour notices nothing."""

import gzip
import socket
import time

import pytest

from kit import resources
from kit.events import EventStream
from kit.mcp_client import RpcError
from kit.modern_client import ModernClient, last_message
from kit.scripted import Gate, ModernServer, ScriptedServer
from kit.wire import answer

JSON = {"content-type": "application/json"}
PROMPT = 2  # seconds


def with_status(status, body=b"", **headers):
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda connection, message: answer(connection, status, found, body)


def with_body(text, kind="application/json"):
    def send(connection, message):
        answer(connection, 200, {"content-type": kind}, text.replace("ID", str(message["id"])).encode())

    return send


def truncated_events(connection, message):
    stream = EventStream(connection)
    stream.write(b'data: {"jsonrpc":"2.0","id":')
    stream.end()


def empty_events(connection, message):
    EventStream(connection).end()


def cut_body(connection, message):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
    connection.shutdown(socket.SHUT_RDWR)


def hang_up(connection, message):
    connection.shutdown(socket.SHUT_RDWR)


def no_http(connection, message):
    connection.sendall(b"220 mail.example ESMTP\r\n")
    connection.shutdown(socket.SHUT_RDWR)


def reset_in_events(connection, message):
    EventStream(connection).event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
    connection.shutdown(socket.SHUT_RDWR)


WRONG = {
    "broken-json": (with_body("{broken"), "backend_not_jsonrpc"),
    "truncated-json": (with_body('{"jsonrpc":"2.0","id":ID,"result":{'), "backend_not_jsonrpc"),
    "two-messages": (with_body('{"jsonrpc":"2.0","id":ID,"result":{}}{}'), "backend_not_jsonrpc"),
    "duplicated-keys": (with_body('{"jsonrpc":"2.0","id":ID,"result":{},"result":{"a":1}}'), "backend_not_jsonrpc"),
    "result-and-error": (with_body('{"jsonrpc":"2.0","id":ID,"result":{},"error":{"code":1,"message":""}}'), "backend_not_jsonrpc"),
    "wrong-id": (with_body('{"jsonrpc":"2.0","id":"other","result":{}}'), "backend_not_jsonrpc"),
    "no-version": (with_body('{"id":ID,"result":{}}'), "backend_not_jsonrpc"),
    "empty-body": (with_body(""), "backend_not_jsonrpc"),
    "blank-body": (with_body(" \n "), "backend_not_jsonrpc"),
    "array": (with_body("[]"), "backend_not_jsonrpc"),
    "html": (with_body("<h1>login</h1>", "text/html"), "backend_content_type"),
    "unasked-zstd": (with_status(200, b"(\xb5/\xfd", content_type="application/json", content_encoding="zstd"), "backend_content_coding"),
    "broken-gzip": (with_status(200, b"\x1f\x8b no", content_type="application/json", content_encoding="gzip"), "backend_broke_off"),
    "gzip-that-is-none": (with_status(200, b"{}", content_type="application/json", content_encoding="gzip"), "backend_broke_off"),
    "xml-as-json": (with_body("<a/>"), "backend_not_jsonrpc"),
    "no-content-type": (with_status(200, b"hello"), "backend_content_type"),
    "accepted": (with_status(202), "backend_accepted_request"),
    "no-content": (with_status(204), "backend_accepted_request"),
    "truncated-events": (truncated_events, "backend_broke_off"),
    "empty-events": (empty_events, "backend_broke_off"),
    "reset-in-events": (reset_in_events, "backend_broke_off"),
    "broken-json-in-an-event": (with_body("data: {broken\n\n", "text/event-stream"), "backend_not_jsonrpc"),
    "cut-body": (cut_body, "backend_broke_off"),
    "hang-up": (hang_up, "upstream_closed"),
    "no-http": (no_http, "upstream_response_head"),
    "500-html": (with_status(500, b"<h1>oops</h1>", content_type="text/html"), "backend_status"),
    "502-empty": (with_status(502), "backend_status"),
    "401": (with_status(401, b'{"message":"who are you"}', **{"content_type": "application/json", "www_authenticate": "Bearer"}), "backend_status"),
    "403": (with_status(403, b"forbidden", content_type="text/plain"), "backend_status"),
    "302": (with_status(302, location="http://127.0.0.1:1/"), "backend_status"),
    "307": (with_status(307, location="/elsewhere"), "backend_status"),
}


@pytest.fixture
def good(ending):
    return ending(ScriptedServer(name="good"))


@pytest.fixture
def bad(ending):
    return ending(ScriptedServer(name="bad"))


@pytest.fixture
def start(gateway, good, bad, tmp_path):
    def start(**annotations):
        found = {f"sealgate.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
        return gateway(
            resources.write(
                tmp_path / "route.yaml",
                resources.backend("bad", bad.port, annotations=found),
                resources.backend("good", good.port),
                resources.route("r", resources.reference("bad"), resources.reference("good")),
            )
        )

    return start


def on(method, respond, times=1_000_000):
    """A behaviour: `respond(connection, message)` answers `method`, the first `times` times."""
    left = [times]

    def behave(connection, request, message):
        if message and message.get("method") == method and left[0] > 0:
            left[0] -= 1
            respond(connection, message)
            return True

    return behave


def refusal(client, tool="bad__echo", within=PROMPT):
    began = time.monotonic()
    with pytest.raises(RpcError) as refused:
        client.call(tool)
    assert time.monotonic() - began < within
    assert refused.value.error["data"]["backend"] == "bad" and "bad" in refused.value.message
    return refused.value


def unaffected(client):
    began = time.monotonic()
    assert client.text("good__echo", {"a": 1}) == '{"a": 1}'
    assert time.monotonic() - began < PROMPT


@pytest.mark.parametrize(("respond", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_a_prompt_and_named_error(start, bad, respond, reason):
    client = start().opened()
    bad.behaviour = on("tools/call", respond)
    refused = refusal(client)
    assert refused.error["data"]["reason"] == reason
    assert refused.status == 200
    unaffected(client)
    bad.behaviour = None
    assert client.text("bad__echo", {}) == "{}"
    assert all(request.target == "/mcp" for request in bad.requests)


# The eras of the client and of the backend, other than both legacy.
OTHER_CELLS = [("modern", "modern"), ("modern", "legacy"), ("legacy", "modern")]


@pytest.fixture(params=OTHER_CELLS, ids="-".join)
def cell(request):
    return request.param


@pytest.fixture
def across(gateway, ending, good, cell, tmp_path):
    """A bad backend of the cell's era beside the good one, and how the cell's client calls."""
    client_era, era = cell
    bad = ending((ModernServer if era == "modern" else ScriptedServer)(name="bad"))
    running = gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("bad", bad.port, annotations={"sealgate.dev/era": era, "sealgate.dev/call-timeout": "1500ms"}),
            resources.backend("good", good.port),
            resources.route("r", resources.reference("bad"), resources.reference("good")),
        )
    )
    client = ModernClient(running) if client_era == "modern" else running.opened()

    def call(tool):
        if client_era == "modern":
            return client.request("tools/call", name=tool, arguments={})
        answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}})
        return answer.status, last_message(answer.body)

    return bad, call


@pytest.mark.parametrize(("respond", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_a_prompt_and_named_error_across_and_in_the_modern_era(across, respond, reason):
    bad, call = across
    bad.behaviour = on("tools/call", respond)
    began = time.monotonic()
    status, message = call("bad__echo")
    assert time.monotonic() - began < PROMPT
    error = message["error"]
    assert (status, error["data"]["reason"], error["data"]["backend"]) == (200, reason, "bad")
    assert "bad" in error["message"]
    assert call("good__echo")[1]["result"]["content"][0]["text"] == "{}"
    bad.behaviour = None
    assert call("bad__echo")[1]["result"]["content"][0]["text"] == "{}"
    assert all(request.target == "/mcp" for request in bad.requests)


def test_a_silent_backend_ends_at_its_deadline_across_and_in_the_modern_era(across, cell):
    bad, call = across
    gate = Gate()
    bad.behaviour = on("tools/call", lambda connection, message: gate({}))
    began = time.monotonic()
    status, message = call("bad__echo")
    assert 1 < time.monotonic() - began < 1.5 + PROMPT
    assert (status, message["error"]["data"]["reason"]) == (200, "upstream_first_byte_timeout")
    if cell[1] == "legacy":
        cancelled = bad.wait_for(lambda one: one.what == "POST notifications/cancelled").message
        assert cancelled["params"]["requestId"] == bad.seen("POST tools/call")[0].message["id"]
    gate.release()


def test_statuses_words_and_waits_reach_the_caller_across_and_in_the_modern_era(across):
    bad, call = across
    bad.behaviour = on("tools/call", with_status(429, b"slow down", content_type="text/plain", retry_after="7"))
    status, message = call("bad__echo")
    error = message["error"]
    assert "429" in error["message"] and "slow down" in error["message"]
    assert error["data"]["retryAfter"] == 7 and "7 seconds" in error["data"]["remedy"]
    own = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32099,"message":"own words","data":{"n":1}}}'
    bad.behaviour = on("tools/call", with_status(422, own, content_type="application/json"))
    assert call("bad__echo")[1]["error"] == {"code": -32099, "message": "own words", "data": {"n": 1}}


@pytest.mark.parametrize("method", ["initialize", "tools/list"])
@pytest.mark.parametrize("respond", [with_body("{broken"), with_status(202), truncated_events, with_status(500), hang_up],
                         ids=["broken", "202", "truncated", "500", "hang-up"])
def test_a_wrong_answer_costs_a_list_only_the_backend_s_own_items(start, bad, method, respond):
    bad.behaviour = on(method, respond)
    client = start().opened()
    began = time.monotonic()
    page = client.request("tools/list")
    assert time.monotonic() - began < PROMPT + 1
    assert [tool["name"] for tool in page["tools"]] == ["good__echo"]
    assert page["_meta"]["sealgate.dev/unavailable"][0]["backend"] == "bad"
    unaffected(client)


def test_an_error_without_an_id_or_with_null_gets_the_caller_s(start, bad):
    client = start().opened()
    for id in ('"id":null,', ""):
        bad.behaviour = on("tools/call", with_body('{"jsonrpc":"2.0",%s"error":{"code":-32000,"message":"no"}}' % id))
        with pytest.raises(RpcError) as refused:
            client.call("bad__echo")
        assert (refused.value.code, refused.value.message) == (-32000, "no")


def test_an_error_that_comes_with_an_http_error_reaches_the_caller(start, bad):
    client = start().opened()
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32099,"message":"own words","data":{"n":1}}}'
    bad.behaviour = on("tools/call", with_status(422, body, content_type="application/json"))
    with pytest.raises(RpcError) as refused:
        client.call("bad__echo")
    assert refused.value.error == {"code": -32099, "message": "own words", "data": {"n": 1}}


def test_retry_after_reaches_the_caller(start, bad):
    client = start().opened()
    bad.behaviour = on("tools/call", with_status(429, b"slow down", content_type="text/plain", retry_after="7"))
    refused = refusal(client)
    assert "429" in refused.message and "slow down" in refused.message
    assert "7 seconds" in refused.error["data"]["remedy"]


def test_an_oversize_list_is_refused(start, bad):
    client = start().opened()
    huge = b'{"jsonrpc":"2.0","id":1,"result":{"tools":[' + b" " * 80_000_000 + b"]}}"

    def send(connection, message):
        answer(connection, 200, JSON, huge)

    bad.behaviour = on("tools/list", send)
    page = client.request("tools/list")
    assert "larger than" in page["_meta"]["sealgate.dev/unavailable"][0]["error"]
    unaffected(client)


def test_a_silent_call_ends_at_its_deadline_and_the_backend_is_told(start, bad):
    client = start(call_timeout="700ms").opened()
    gate = Gate()
    bad.behaviour = on("tools/call", lambda connection, message: gate({}))
    refused = refusal(client)
    assert refused.error["data"]["reason"] == "upstream_first_byte_timeout"
    cancelled = bad.wait_for(lambda one: one.what == "POST notifications/cancelled")
    called = bad.seen("POST tools/call")[0]
    assert cancelled.message["params"]["requestId"] == called.message["id"]
    unaffected(client)
    gate.release()


def silence_after(stream_starts):
    gate = Gate()

    def respond(connection, message):
        stream_starts(EventStream(connection), message)
        gate({})

    return gate, respond


def test_a_stream_that_falls_silent_ends_at_its_idle_deadline(start, bad):
    client = start(idle_timeout="500ms").opened()
    gate, respond = silence_after(
        lambda stream, _: stream.event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
    )
    bad.behaviour = on("tools/call", respond)
    refused = refusal(client)
    assert refused.error["data"]["reason"] == "backend_timeout" and "Idle" in refused.message
    gate.release()


def test_progress_extends_the_idle_deadline_and_not_the_total(start, bad):
    def progress(connection, message, beats):
        stream = EventStream(connection)
        for at in range(beats):
            stream.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": at}})
            time.sleep(0.2)
        stream.result(message, "done").end()

    client = start(idle_timeout="500ms", call_timeout="1500ms").opened()
    bad.behaviour = on("tools/call", lambda connection, message: progress(connection, message, 5))
    assert client.text("bad__echo") == "done"
    bad.behaviour = on("tools/call", lambda connection, message: progress(connection, message, 50))
    refused = refusal(client, within=2.5)
    assert refused.error["data"]["reason"] == "backend_timeout" and "Call" in refused.message


def test_a_silent_initialize_and_a_silent_list_end_at_their_deadlines(start, bad):
    gate = Gate()
    bad.behaviour = on("initialize", lambda connection, message: gate({}))
    running = start(initialize_timeout="500ms", list_timeout="500ms")
    began = time.monotonic()
    client = running.opened()
    assert time.monotonic() - began < PROMPT
    bad.behaviour = on("tools/list", lambda connection, message: gate({}))
    began = time.monotonic()
    assert [tool["name"] for tool in client.tools()] == ["good__echo"]
    assert time.monotonic() - began < PROMPT
    gate.release()


@pytest.mark.parametrize(
    "lost",
    [
        with_status(404),
        with_status(404, b'{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"}}', content_type="application/json"),
        with_status(400, b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}', content_type="application/json"),
    ],
    ids=["404", "404-json", "400-style"],
)
def test_a_lost_session_is_opened_again_once_without_the_caller_s_notice(start, bad, lost):
    client = start().opened()
    opened = len(bad.seen("POST initialize"))
    bad.behaviour = on("tools/call", lost, times=1)
    assert client.text("bad__echo", {}) == "{}"
    assert len(bad.seen("POST initialize")) == opened + 1
    bad.behaviour = on("tools/call", lost)
    refusal(client)
    assert len(bad.seen("POST initialize")) == opened + 2
    unaffected(client)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("method", ["initialize", "tools/list", "tools/call"])
def test_a_refusal_of_the_backend_is_never_relayed_as_the_gateway_s_own(start, bad, status, method):
    bad.behaviour = on(method, with_status(status, b"", www_authenticate='Bearer realm="backend"'))
    client = start().opened()
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "bad__echo", "arguments": {}}}
    listed = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    for message in (call, listed):
        given = client.post(message)
        assert given.status == 200 and "www-authenticate" not in given.headers
    unaffected(client)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("application/json", 'event: message\ndata: {"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"x"}]}}\n\n'),
        ("text/event-stream", '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"x"}]}}'),
        ("application/json", '\ufeff{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"x"}]}}'),
        ("Application/JSON ; charset=UTF-8", ' \r\n{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"x"}]}}\n'),
        ("text/event-stream;charset=utf-8", '\ufeff: hello\r\rdata: {"jsonrpc":"2.0","id":ID,\rdata: "result":{"content":[{"type":"text","text":"x"}]}}\r\r'),
        (None, '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"x"}]}}'),
    ],
    ids=["events-as-json", "json-as-events", "byte-order-mark", "charset", "events-with-returns", "undeclared"],
)
def test_what_can_be_understood_is_understood(start, bad, kind, text):
    client = start().opened()

    def send(connection, message):
        headers = {"content-type": kind} if kind else {}
        answer(connection, 200, headers, text.replace("ID", str(message["id"])).encode())

    bad.behaviour = on("tools/call", send)
    assert client.text("bad__echo") == "x"


def stored_brotli(data):
    """`data`, at most 64 KiB, in one uncompressed meta-block (RFC 7932 section 9.2)."""
    header = 0b00 << 1 | (len(data) - 1) << 4 | 1 << 20  # no window bit, not last, 16-bit length, uncompressed
    return header.to_bytes(3, "little") + data + b"\x03"


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("br", stored_brotli)])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_a_compressed_answer_is_understood_although_nobody_asked_for_it(start, bad, kind, coding, encode):
    client = start().opened()

    def send(connection, message):
        text = '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"x"}]}}' % message["id"]
        text = f"data: {text}\n\n" if kind == "text/event-stream" else text
        answer(connection, 200, {"content-type": kind, "content-encoding": coding}, encode(text.encode()))

    bad.behaviour = on("tools/call", send)
    assert client.text("bad__echo") == "x"
    assert bad.seen("POST tools/call")[0].header("accept-encoding") is None


def test_a_compressed_bomb_is_not_held(start, bad):
    client = start().opened()
    huge = gzip.compress(b'{"jsonrpc":"2.0","id":1,"result":{"tools":[' + b" " * 200_000_000 + b"]}}", 1)
    bad.behaviour = on("tools/list", with_status(200, huge, content_type="application/json", content_encoding="gzip"))
    page = client.request("tools/list")
    assert page["_meta"]["sealgate.dev/unavailable"][0]["backend"] == "bad"
    assert [tool["name"] for tool in page["tools"]] == ["good__echo"]
