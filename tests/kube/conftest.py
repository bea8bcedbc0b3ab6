"""One API server for all; a namespace, a Gateway and replicas for each test."""

import itertools
from http.client import HTTPException

import pytest

from kit.gateway import BINARY
from kit.mcp_client import RpcError
from kit.process import free_port

import replica
from api_server import BIN, ApiServer
from between import Between
from replica import Replica

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    assert (BIN / "crdserver").exists(), f"{BIN} has no crdserver: run tests/kube/prepare first"
    server = ApiServer(tmp_path_factory.mktemp("api"))
    server.install()
    server.apply(replica.gateway_class())
    yield server
    server.stop()


@pytest.fixture
def own_api(tmp_path, ending):
    """An API server that a test may break; nothing is installed."""
    return ending(ApiServer(tmp_path))


@pytest.fixture
def namespace():
    return f"test-{next(_numbers)}"


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def edge(api, namespace, port):
    """The Gateway of the test's namespace."""
    found = replica.within(namespace, replica.gateway(port))
    api.apply(found)
    return found


@pytest.fixture
def start(ending):
    assert BINARY.exists(), f"{BINARY} does not exist: run `cargo build --release` first"
    return lambda api, namespace, **more: ending(Replica(api, namespace, **more))


@pytest.fixture
def running(api, namespace, edge, port, start):
    """One replica that serves the test's namespace, without a route yet."""
    return start(api, namespace).at(port)


def served(client):
    """Whether a session can be opened."""
    try:
        client.initialize()
        return True
    except (OSError, AssertionError, HTTPException, RpcError, KeyError):
        return False


@pytest.fixture
def between(api, tmp_path, ending):
    """What stands between a replica and the API server, when a test wants to disturb."""
    return ending(Between(api, tmp_path))
