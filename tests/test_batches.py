"""Batches, which only sessions of 2025-03-26 have: answered at once, in one array."""

import json

import pytest

from kit.scripted import Gate


def request(id, method, **params):
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def call(id, name, **arguments):
    return request(id, "tools/call", name=name, arguments=arguments)


def test_a_batch_is_split_over_backends_and_joined_in_order(both, pair):
    client = both.opened(version="2025-03-26")
    batch = [
        call("b", "two__echo", n=2),
        {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        request(1, "ping"),
        call(7, "one__echo", n=1),
        request("l", "tools/list"),
    ]
    answer = client.post(batch)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert [one["id"] for one in answer.json] == ["b", 1, 7, "l"]
    assert answer.json[0]["result"]["content"][0]["text"] == '{"n": 2}'
    assert len(answer.json[3]["result"]["tools"]) == 2
    assert pair[0].seen("POST notifications/roots/list_changed")
    assert all(one.body[:1] == b"{" for server in pair for one in server.requests if one.body)


def test_the_messages_of_a_batch_run_at_once(both, pair):
    gate = Gate()
    pair[0].tools["wait"] = gate

    def release(arguments):
        assert gate.entered.wait(10)
        gate.release()
        return "released"

    pair[1].tools["release"] = release
    client = both.opened(version="2025-03-26")
    answers = client.post([call(1, "one__wait"), call(2, "two__release")]).json
    assert [one["result"]["content"][0]["text"] for one in answers] == ["let go", "released"]


def test_a_batch_of_notifications_is_accepted(both):
    client = both.opened(version="2025-03-26")
    answer = client.post([{"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}] * 2)
    assert answer.status == 202 and answer.body == b""


def test_what_is_wrong_in_a_batch_costs_only_itself(both):
    client = both.opened(version="2025-03-26")
    batch = [call(1, "one__echo"), 7, call(2, "no__such"), request(3, "initialize"), {"jsonrpc": "2.0"}, request(4, "ping")]
    answers = client.post(batch).json
    assert [one.get("id") for one in answers] == [1, None, 2, 3, None, 4]
    assert ["result" in one for one in answers] == [True, False, False, False, False, True]
    assert [one["error"]["code"] for one in answers if "error" in one] == [-32600, -32602, -32600, -32600]


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
def test_a_session_of_another_version_has_no_batches(both, version):
    answer = both.opened(version=version).post([request(1, "ping")])
    assert answer.status == 400 and answer.json["error"]["code"] == -32600


@pytest.mark.parametrize("body", [b"[]", b"[1,", b"[" * 1000, json.dumps([request(1, "ping")] * 101).encode()])
def test_a_batch_that_is_none_is_refused(both, body):
    client = both.opened(version="2025-03-26")
    answer = client.post(body)
    assert answer.status == 400 and answer.json["error"]["code"] in (-32600, -32700)
    assert client.request("ping") == {}


def test_a_batch_without_a_session_is_refused(both):
    answer = both.client().post([request(1, "initialize")])
    assert answer.status == 400 and answer.json["error"]["code"] == -32600
