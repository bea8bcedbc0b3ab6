"""The raw client understands the real servers directly: what fails later is the gateway's doing."""

from kit.aws_identity import FIRST
from kit.mcp_client import McpClient
from kit.recorder import Recorder
from kit.signing import signed_request
from kit.http import exchange
from kit.sigv4_front import SigV4Front


def test_it_lists_and_calls_on_the_reference_server(everything):
    client = McpClient(everything.authority)
    client.initialize()
    assert "echo" in [tool["name"] for tool in client.tools()]
    assert client.text("get-sum", {"a": 2, "b": 3}) == "The sum of 2 and 3 is 5."
    assert client.delete().status == 200


def test_it_answers_a_request_of_the_server(everything):
    client = McpClient(everything.authority, capabilities={"sampling": {}})
    client.initialize()
    client.answers["sampling/createMessage"] = lambda params: {
        "role": "assistant",
        "model": "none",
        "content": {"type": "text", "text": "an answer"},
    }
    assert "an answer" in client.text("trigger-sampling-request", {"prompt": "hello"})


def test_it_lists_and_calls_on_the_python_server(notes):
    client = McpClient(notes.authority)
    client.initialize()
    assert client.text("count_aloud", {"to": 3}) == "counted to 3"


def test_it_lists_and_calls_on_the_typescript_server(clock):
    client = McpClient(clock.authority)
    client.initialize()
    assert client.text("add_minutes", {"time": "23:50", "minutes": 15}) == "00:05"


def test_a_stream_passes_through_a_recorder_and_ends_with_its_client(everything, ending):
    recorder = ending(Recorder(everything.address))
    client = McpClient(recorder.authority)
    client.initialize()
    stream = client.listen()
    assert stream.status == 200 and stream.is_stream
    stream.close()
    assert client.text("echo", {"message": "still here"}) == "Echo: still here"
    assert [one.what for one in recorder.requests][:3] == [
        "POST initialize", "POST notifications/initialized", "GET",
    ]


def test_the_front_streams_what_a_signed_call_answers(everything, ending):
    front = ending(SigV4Front(everything.address, identities=[FIRST], region="us-east-1", service="s"))
    body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",' \
           b'"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
    request = signed_request(
        FIRST, "POST", front.authority, "/any", body, region="us-east-1", service="s",
        headers={"Accept": "application/json, text/event-stream"},
    )
    answer = exchange(front.authority, "POST", "/any", request.headers, body)
    assert answer.is_stream and next(answer.messages())["result"]["serverInfo"]
