"""Fixtures: every process and server that a test asks for is gone when the test ends."""

import contextlib

import pytest

from kit import servers
from kit.gateway import BINARY, Gateway
from kit.scripted import ScriptedServer


def pytest_collection_modifyitems(items):
    """Without a binary the tests of the gateway cannot run: an error, never a silent skip."""
    needing = [item for item in items if "gateway" in getattr(item, "fixturenames", ())]
    if needing and not BINARY.exists():
        pytest.exit(f"{BINARY} does not exist: run `cargo build --release` first", returncode=3)


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
    """`gateway(SOURCE...)` starts one; its log is shown where a test fails."""
    return lambda *sources, **more: ending(Gateway(*sources, **more))


@pytest.fixture
def scripted_server(ending):
    return ending(ScriptedServer())


def _module_wide(start):
    @pytest.fixture(scope="session")
    def server():
        running = start()
        yield running
        running.stop()

    return server


everything = _module_wide(servers.everything)
notes = _module_wide(servers.notes)
clock = _module_wide(servers.clock)
