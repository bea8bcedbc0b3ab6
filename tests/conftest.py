"""Fixtures: every process and server that a test asks for is gone when the test ends."""

import contextlib

import pytest

from kit import resources, servers
from kit.gateway import BINARY, Gateway
from kit.scripted import ScriptedServer


@pytest.fixture
def ending():
    """`ending(thing)` returns `thing` and stops it at teardown, last one first."""
    with contextlib.ExitStack() as stack:

        def keep(thing):
            stack.callback(thing.stop)
            return thing

        yield keep


@pytest.fixture
def gateway(ending):
    """`gateway(SOURCE...)` starts one. Without a binary: an error, never a silent skip."""
    assert BINARY.exists(), f"{BINARY} does not exist: run `cargo build --release` first"
    return lambda *sources, **more: ending(Gateway(*sources, **more))


@pytest.fixture
def scripted_server(ending):
    return ending(ScriptedServer())


@pytest.fixture
def pair(ending):
    """Two scripted backends, `one` and `two`."""
    return ending(ScriptedServer(name="one")), ending(ScriptedServer(name="two"))


@pytest.fixture
def both(gateway, pair, tmp_path):
    """A gateway with one route over `pair`."""
    return gateway(resources.write_route(tmp_path, one=pair[0], two=pair[1]))


def _module_wide(start):
    @pytest.fixture(scope="session")
    def server():
        running = start()
        yield running
        running.stop()

    return server


everything = _module_wide(servers.everything)
everything_sse = _module_wide(servers.everything_sse)
notes = _module_wide(servers.notes)
slate = _module_wide(servers.slate)
clock = _module_wide(servers.clock)
