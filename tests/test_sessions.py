"""A session is an encrypted token: any process with the key serves it, nobody can forge one."""

import secrets

import pytest

from kit import resources
from kit.http import exchange


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "session.keys"
    file.write_text(secrets.token_hex(32) + "\n")
    return file


@pytest.fixture
def route(everything, tmp_path):
    return resources.write(
        tmp_path / "route.yaml",
        resources.backend("one", everything.port),
        resources.route("first", resources.reference("one")),
        resources.route("second", resources.reference("one"), path="/second"),
    )


def with_key(file):
    return {"options": ("--session-key-file", file)}


def ping(client):
    return client.post({"jsonrpc": "2.0", "id": "p", "method": "tools/list"})


def assert_not_found(answer):
    """404 tells a client to initialise again; the body is a JSON-RPC error."""
    assert answer.status == 404
    assert answer.json["jsonrpc"] == "2.0" and answer.json["error"]["code"]
    assert answer.json["error"]["message"]


def test_two_processes_with_one_key_share_a_session(gateway, route, key_file):
    first, second = gateway(route, **with_key(key_file)), gateway(route, **with_key(key_file))
    client = first.opened()
    moved = second.client()
    moved.session_id, moved.version = client.session_id, client.version
    assert moved.text("one__echo", {"message": "elsewhere"}) == "Echo: elsewhere"
    assert client.text("one__echo", {"message": "here"}) == "Echo: here"


def test_the_session_id_is_visible_ascii_and_says_nothing(gateway, route, everything):
    client = gateway(route).opened()
    assert all(0x21 <= ord(character) <= 0x7E for character in client.session_id)
    assert str(everything.port) not in client.session_id


def test_a_key_is_made_and_said_so_when_none_is_given(gateway, route):
    gateway(route).logged(lambda record: "session-key-file" in record.get("message", ""))


def test_an_old_key_still_opens_what_it_sealed(gateway, route, key_file):
    client = gateway(route, **with_key(key_file)).opened()
    key_file.write_text(secrets.token_hex(32) + "\n" + key_file.read_text())
    moved = gateway(route, **with_key(key_file)).client()
    moved.session_id, moved.version = client.session_id, client.version
    assert ping(moved).status == 200


@pytest.mark.parametrize("session_id", ["garbage", "A" * 400, "~", "."])
def test_a_session_id_that_is_no_token_is_not_found(gateway, route, session_id):
    client = gateway(route).client()
    client.session_id = session_id
    assert_not_found(ping(client))


def test_every_flipped_character_of_a_token_is_found_out(gateway, route):
    running = gateway(route)
    token = running.opened().session_id
    client = running.client()
    for at in range(0, len(token), 7):
        client.session_id = token[:at] + ("B" if token[at] != "B" else "C") + token[at + 1 :]
        assert_not_found(ping(client))


def test_another_process_s_key_does_not_open_it(gateway, route):
    client = gateway(route).opened()
    other = gateway(route).client()
    other.session_id = client.session_id
    assert_not_found(ping(other))


def test_another_route_s_token_is_not_found(gateway, route):
    running = gateway(route)
    client = running.opened()
    other = running.client("/second")
    other.session_id = client.session_id
    assert_not_found(ping(other))


def test_a_request_without_a_session_is_told_to_initialise(gateway, route):
    answer = ping(gateway(route).client())
    assert answer.status == 400 and "error" in answer.json


def test_a_session_that_the_backend_has_forgotten_is_not_found(gateway, clock):
    """After DELETE the backend's session is gone, and it says so: the client is to begin anew."""
    client = gateway(clock.url).opened()
    assert client.delete().status in (200, 202, 204)
    call = {"name": "add_minutes", "arguments": {"time": "10:00", "minutes": 1}}
    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    assert_not_found(answer)


def test_delete_without_a_session_is_a_bad_request(gateway, route):
    running = gateway(route)
    assert exchange(running.authority, "DELETE", "/mcp").status in (400, 404)
