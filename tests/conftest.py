"""Fixtures: every process and server that a test asks for is gone when the test ends."""

import pytest

from kit.scripted import ScriptedServer


@pytest.fixture
def scripted_server():
    server = ScriptedServer()
    yield server
    server.stop()
