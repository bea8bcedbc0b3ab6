"""Session keys are followed: rotated under load without a failed call, and never lost to a bad edit."""

import secrets
import threading

import pytest

from kit import resources
from kit.mcp_client import RpcError
from kit.process import eventually
from kit.scripted import ScriptedServer


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "session-keys"


def put(file, *keys):
    """Replaces the file in one step, as a mounted Secret does."""
    fresh = file.with_name("fresh")
    fresh.write_text("".join(f"{key}\n" for key in keys))
    fresh.rename(file)


@pytest.fixture
def running(gateway, ending, keys, tmp_path):
    server = ending(ScriptedServer())

    def start(*held):
        put(keys, *held)
        file = resources.write(tmp_path / "route.yaml", resources.backend("one", server.port),
                               resources.route("r", resources.reference("one")))
        return gateway(file, options=["--session-key-file", keys])

    return start


def rotated(running, keys, *held):
    """Puts other keys into the file and waits until they are in force."""
    line = len(running.process.lines)
    put(keys, *held)
    running.logged(lambda it: "session keys reloaded" in it.get("message", ""), start=line)


def test_keys_rotate_under_load_without_a_failed_call(running, keys):
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    gateway = running(old)
    client, failures, calls, over = gateway.opened(), [], [], threading.Event()

    def load():
        long = gateway.opened()
        while not over.is_set():
            try:
                assert long.call("one__echo")
                assert gateway.opened().call("one__echo")
                calls.append(1)
            except Exception as error:  # noqa: BLE001 - every kind of failure counts
                failures.append(repr(error))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for held in ([old, new], [new, old]):
            rotated(gateway, keys, *held)
            reached = len(calls) + 20
            eventually(lambda reached=reached: len(calls) > reached, deadline=30, what="calls under the new keys")
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    print(f"{len(calls)} rounds of calls through two changes of the keys, {len(failures)} failed")
    assert failures == [] and len(calls) > 40
    assert client.call("one__echo")
    # The old key goes: its sessions end, those of the new one go on.
    young = gateway.opened()
    rotated(gateway, keys, new)
    assert young.call("one__echo")
    with pytest.raises(RpcError) as refused:
        client.call("one__echo")
    assert refused.value.status == 404
    client.session_id = None
    client.initialize()
    assert client.call("one__echo")


@pytest.mark.parametrize("held", [["nonsense"], [""], ["ab" * 31]], ids=["nonsense", "nothing", "too short"])
def test_a_bad_edit_keeps_the_last_good_keys_and_is_named(running, keys, held):
    key = secrets.token_hex(32)
    gateway = running(key)
    client = gateway.opened()
    put(keys, *held)
    record = gateway.logged(lambda it: "last good session keys" in it.get("message", ""))
    assert str(keys) in record["message"] and "nonsense" not in record["message"]
    assert client.call("one__echo") and gateway.opened().call("one__echo")
    assert "the last good session keys stay in force" in gateway.admin("/readyz?verbose").body.decode()
    put(keys, key)
    eventually(lambda: "session keys" not in gateway.admin("/readyz?verbose").body.decode(), what="the fix")
    assert client.call("one__echo")
