"""Changed credentials are used without a restart; a request in flight keeps what it started with."""

import threading

import pytest

from kit import resources
from kit.aws_identity import FIRST, SECOND
from kit.process import eventually
from kit.scripted import Gate, ScriptedServer
from kit.sigv4_front import SigV4Front

SCOPE = {"region": "us-east-1", "service": "aws-mcp"}


@pytest.fixture
def front(everything, ending):
    return ending(SigV4Front(everything.address, identities=[FIRST, SECOND], **SCOPE))


def signer_of_a_call(client, front):
    front.forget()
    client.call("agent__echo", {"message": "who signs?"})
    return front.seen("POST tools/call")[0].notes["identity"]


def write_route(folder, front, security, *more):
    return resources.write(
        folder / "route.yaml",
        resources.backend("agent", front.port),
        resources.route("one", resources.reference("agent", security=security)),
        *more,
    )


def test_a_changed_secret_file_is_picked_up(front, gateway, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    keys = sources / "keys.yaml"
    resources.write(keys, resources.secret("keys", credentials=FIRST.credentials_text()))
    write_route(sources, front, resources.aws(*SCOPE.values(), secret="keys"))
    client = gateway(sources).opened()
    assert signer_of_a_call(client, front) == FIRST
    resources.write(keys, resources.secret("keys", credentials=SECOND.credentials_text()))
    eventually(lambda: signer_of_a_call(client, front) == SECOND, what="signed with the new secret")
    assert front.refused == []


def test_a_changed_profile_is_picked_up(front, gateway, tmp_path):
    profile = tmp_path / "credentials"
    profile.write_text(FIRST.credentials_text())
    route = write_route(tmp_path, front, resources.aws(*SCOPE.values()))
    client = gateway(route, env={"AWS_SHARED_CREDENTIALS_FILE": str(profile)}).opened()
    assert signer_of_a_call(client, front) == FIRST
    fresh = tmp_path / "credentials.new"
    fresh.write_text(SECOND.credentials_text())
    fresh.rename(profile)
    eventually(lambda: signer_of_a_call(client, front) == SECOND, what="signed with the new profile")


def test_a_broken_secret_leaves_the_running_plan_in_place(front, gateway, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    keys = sources / "keys.yaml"
    resources.write(keys, resources.secret("keys", credentials=FIRST.credentials_text()))
    write_route(sources, front, resources.aws(*SCOPE.values(), secret="keys"))
    running = gateway(sources)
    client = running.opened()
    before = len(running.process.lines)
    keys.write_text("kind: [broken\n")
    running.logged(lambda record: "keys.yaml" in str(record), start=before)
    assert signer_of_a_call(client, front) == FIRST


def test_a_call_in_flight_keeps_the_plan_it_started_with(gateway, ending, tmp_path):
    gate = Gate()
    server = ending(ScriptedServer({"hold": gate}))
    other = ending(ScriptedServer({"fresh": lambda arguments: "new"}))
    file = tmp_path / "route.yaml"

    def serve(port, tool_server):
        resources.write(
            file,
            resources.backend("agent", port),
            resources.route("one", resources.reference("agent")),
        )

    serve(server.port, server)
    running = gateway(file)
    client = running.opened()
    answers = []
    call = threading.Thread(target=lambda: answers.append(client.text("agent__hold")))
    call.start()
    assert gate.entered.wait(10)
    serve(other.port, other)

    def new_plan_serves():
        fresh = running.opened()
        return [tool["name"] for tool in fresh.tools()] == ["agent__fresh"]

    eventually(new_plan_serves, what="the new plan")
    gate.release()
    call.join(10)
    assert answers == ["let go"]
