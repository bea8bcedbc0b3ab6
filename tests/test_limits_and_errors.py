"""Bad input costs little and is explained; a bad backend costs its own tools only."""

import socket
import time

import pytest

from kit import resources
from kit.http import exchange
from kit.mcp_client import ACCEPT, RpcError
from kit.process import free_port
from kit.scripted import Gate, ScriptedServer

JSON = {"content-type": "application/json", "accept": ACCEPT}
MEBIBYTE = 1024 * 1024


@pytest.fixture
def running(gateway, scripted_server):
    return gateway(f"http://{scripted_server.authority}/mcp")


def is_rpc_error(answer, code=None):
    error = answer.json["error"]
    assert answer.json["jsonrpc"] == "2.0" and isinstance(error["code"], int) and error["message"]
    assert code is None or error["code"] == code
    return True


def test_a_body_over_four_mebibytes_is_refused(running):
    client = running.opened()
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"x":"%s"}}}'
    assert client.post(call % (b"a" * (3 * MEBIBYTE))).status == 200
    answer = client.post(call % (b"a" * (4 * MEBIBYTE)))
    assert answer.status == 413 and is_rpc_error(answer)


def test_a_body_whose_length_is_announced_too_large_is_refused_before_it_is_sent(running):
    host, port = running.authority.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: 10000000000\r\n\r\n"
        )
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        pytest.param([("x-long", "a" * (1024 * 1024))], {400, 431}, id="one-header-of-a-mebibyte"),
        pytest.param([(f"x-{at}", "a") for at in range(1000)], {400, 431}, id="a-thousand-headers"),
    ],
)
def test_too_many_or_too_long_headers_are_refused(running, headers, allowed):
    try:
        status = exchange(running.authority, "POST", "/mcp", [*JSON.items(), *headers], b"{}").status
    except (ConnectionError, TimeoutError):
        status = 400  # the gateway may hang up on a client that does not stop sending
    assert status in allowed
    assert running.opened().tools()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"} trailing', -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
        (b"5", -32600),
        (b"{}", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}', -32600),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else str(value),
)
def test_what_is_no_message_is_a_bad_request(running, body, code):
    client = running.opened()
    answer = client.post(body)
    assert answer.status == 400 and is_rpc_error(answer, code)
    assert client.request("ping") == {}


def test_another_content_type_is_refused(running):
    answer = running.opened().post(b"{}", **{"content-type": "text/plain"})
    assert answer.status == 415 and is_rpc_error(answer)


def test_an_accept_that_allows_no_answer_is_refused(running):
    answer = running.client().post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, accept="text/html")
    assert answer.status == 406 and is_rpc_error(answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE"])
def test_another_http_method_is_not_allowed(running, method):
    answer = exchange(running.authority, method, "/mcp", JSON)
    assert answer.status == 405 and "POST" in answer.headers["allow"]


def test_another_path_is_not_found(running):
    assert exchange(running.authority, "POST", "/other", JSON, b"{}").status == 404


@pytest.mark.parametrize("header", [("origin", "http://evil.example"), ("host", "evil.example")])
def test_a_foreign_origin_or_host_is_refused_on_a_local_listener(running, header):
    """A page in a browser must not reach a local server by rebinding its own name to 127.0.0.1."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    answer = exchange(running.authority, "POST", "/mcp", dict([*JSON.items(), header]), body)
    assert 400 <= answer.status < 500


def test_an_unknown_method_is_said_to_be_unknown(running):
    with pytest.raises(RpcError) as refused:
        running.opened().request("no/such")
    assert refused.value.code == -32601


def test_the_error_of_a_backend_reaches_the_caller(running):
    with pytest.raises(RpcError) as refused:
        running.opened().call("absent")
    assert (refused.value.code, refused.value.message) == (-32602, "unknown tool absent")


def two(gateway, folder, good, bad_port, **more):
    return gateway(
        resources.write(
            folder / "route.yaml",
            resources.backend("bad", bad_port),
            resources.backend("good", good.port),
            resources.route("r", resources.reference("bad"), resources.reference("good")),
        ),
        **more,
    )


def test_a_dead_backend_costs_its_own_tools_only(gateway, scripted_server, tmp_path):
    running = two(gateway, tmp_path, scripted_server, free_port())
    client = running.opened()
    assert [tool["name"] for tool in client.tools()] == ["good__echo"]
    assert client.text("good__echo", {"a": 1}) == '{"a": 1}'
    with pytest.raises(RpcError) as refused:
        client.call("bad__echo")
    assert "bad" in refused.value.message
    running.logged(lambda record: "bad" in str(record) and record.get("level") in ("WARN", "ERROR"))


def test_a_silent_backend_costs_its_own_tools_only_and_not_for_ever(gateway, ending, scripted_server, tmp_path):
    gate = Gate()
    silent = ending(ScriptedServer())
    silent.behaviour = lambda client, request, message: bool(gate({}))
    began = time.monotonic()
    client = two(gateway, tmp_path, scripted_server, silent.port).opened()
    assert [tool["name"] for tool in client.tools()] == ["good__echo"]
    assert time.monotonic() - began < 25
    gate.release()


def test_a_backend_that_dies_during_a_call_is_reported(gateway, ending):
    server = ending(ScriptedServer())
    running = gateway(f"http://{server.authority}/mcp")
    client = running.opened()

    def hang_up(connection, request, message):
        if message and message.get("method") == "tools/call":
            connection.shutdown(socket.SHUT_RDWR)
            return True

    server.behaviour = hang_up
    with pytest.raises(RpcError) as refused:
        client.call("echo")
    assert refused.value.status in (200, 502, 503, 504) and refused.value.message
    server.behaviour = None
    assert client.text("echo", {}) == "{}"


def test_a_call_is_not_sent_twice_when_the_backend_hangs_up(gateway, ending):
    """A tool may have acted before it died: only what was never written may be tried again."""
    server = ending(ScriptedServer())
    client = gateway(f"http://{server.authority}/mcp").opened()

    def hang_up(connection, request, message):
        if message and message.get("method") == "tools/call":
            connection.shutdown(socket.SHUT_RDWR)
            return True

    server.behaviour = hang_up
    with pytest.raises(RpcError):
        client.call("echo")
    assert len(server.seen("POST tools/call")) == 1


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {"content-type": "text/html"}, b"<h1>oops</h1>"),
        (502, {}, b""),
        (200, {"content-type": "text/html"}, b"<h1>login</h1>"),
        (200, {"content-type": "application/json"}, b"{broken"),
        (200, {"content-type": "application/json"}, b"[]"),
        (302, {"location": "http://127.0.0.1:1/"}, b""),
        (403, {"content-type": "application/json", "x-amzn-errortype": "AccessDeniedException"},
         b'{"message":"User is not authorized"}'),
    ],
)
def test_an_answer_that_is_no_mcp_is_reported(gateway, ending, status, headers, body):
    from kit.wire import answer

    server = ending(ScriptedServer())
    client = gateway(f"http://{server.authority}/mcp").opened()

    def odd(connection, request, message):
        if message and message.get("method") == "tools/call":
            answer(connection, status, headers, body)
            return True

    server.behaviour = odd
    with pytest.raises(RpcError) as refused:
        client.call("echo")
    if status == 403:
        assert "User is not authorized" in str(refused.value.error)


def test_big_numbers_and_unknown_fields_survive(running, scripted_server):
    """The gateway splices bytes: what it does not understand, it does not touch."""
    body = (
        b'{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/call","params":{"zz":1e400,'
        b'"name":"echo","arguments":{"n":123456789012345678901234567890,"f":1.0,"e":"\\u00e9\\/"}}}'
    )
    client = running.opened()
    answer = client.post(body)
    assert b"12345678901234567890" in answer.body
    assert scripted_server.seen("POST tools/call")[0].body.count(b"123456789012345678901234567890") == 1
    assert b'"zz":1e400' in scripted_server.seen("POST tools/call")[0].body
    assert b'"\\u00e9\\/"' in scripted_server.seen("POST tools/call")[0].body
