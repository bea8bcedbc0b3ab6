"""Tasks over a route with several backends: an id tells whose task it is, and opens for its own caller only."""

import json
import threading

import pytest

from kit import resources
from kit.events import EventStream, notification
from kit.mcp_client import RpcError
from kit.modern_client import ModernClient
from kit.scripted import ScriptedServer

RELATED = "io.modelcontextprotocol/related-task"
EXTENSION = "io.modelcontextprotocol/tasks"


class TaskServer(ScriptedServer):
    """Runs every call that asks for it as a task, of 2025-11-25 or of the modern extension; its ids are 1, 2, …"""

    def __init__(self, name):
        self.tasks = {}
        super().__init__(name=name)

    def created(self, message, key):
        task = {key: str(len(self.tasks) + 1), "status": "working", "createdAt": "2026-01-01T00:00:00Z", "ttl": None}
        self.tasks[task[key]] = (task, message["params"])
        return task

    def found(self, message):
        return self.tasks.get(message["params"]["taskId"])

    def text(self, params):
        return {"content": [{"type": "text", "text": f"{self.name}: {json.dumps(params['arguments'])}"}]}

    def result(self, message):
        params = message.get("params", {})
        match message["method"]:
            case "initialize":
                found = super().result(message)
                calls = {"tools": {"call": {}}}
                found["result"]["capabilities"]["tasks"] = {"list": {}, "cancel": {}, "requests": calls}
                return found
            case "server/discover":
                return {"result": {
                    "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                    "supportedVersions": ["2026-07-28"], "serverInfo": {"name": self.name, "version": "1"},
                    "capabilities": {"tools": {}, "extensions": {EXTENSION: {}}},
                }}
            case "tools/call" if "task" in params:
                return {"result": {"task": self.created(message, "taskId")}}
            case "tools/call" if EXTENSION in json.dumps(params.get("_meta", {})):
                return {"result": {"resultType": "task", **self.created(message, "taskId")}}
            case "tasks/list":
                listed = [task for task, _ in self.tasks.values()]
                if len(listed) > 1 and not params.get("cursor"):
                    return {"result": {"tasks": listed[:1], "nextCursor": "more"}}
                return {"result": {"tasks": listed[1:] if params.get("cursor") else listed}}
            case "tasks/get" | "tasks/cancel" | "tasks/result" | "tasks/update" if not self.found(message):
                return {"error": {"code": -32602, "message": f"unknown task {params['taskId']}"}}
            case "tasks/get" if EXTENSION in json.dumps(params.get("_meta", {})):
                task, asked = self.found(message)
                return {"result": {"resultType": "complete", **task, "status": "completed", "result": self.text(asked)}}
            case "tasks/get" | "tasks/cancel":
                return {"result": self.found(message)[0]}
            case "tasks/update":
                return {"result": {"resultType": "complete"}}
            case "tasks/result":
                related = {RELATED: {"taskId": params["taskId"]}}
                return {"result": {**self.text(self.found(message)[1]), "_meta": related}}
        return super().result(message)


@pytest.fixture
def workers(ending):
    return ending(TaskServer("one")), ending(TaskServer("two"))


@pytest.fixture
def running(gateway, workers, tmp_path):
    return gateway(resources.write_route(tmp_path, one=workers[0], two=workers[1]))


def start(client, name, **arguments):
    result = client.request("tools/call", {"name": name, "arguments": arguments, "task": {"ttl": 60000}})
    return result["task"]["taskId"]


def test_the_capability_is_that_of_the_backends(running):
    capabilities = running.client().initialize()["capabilities"]
    assert capabilities["tasks"] == {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}


def test_each_task_stays_with_its_backend_though_their_own_ids_are_alike(running, workers):
    client = running.opened()
    ids = {name: start(client, f"{name}__echo", of=name) for name in ("one", "two")}
    assert len(set(ids.values())) == 2 and all(set(server.tasks) == {"1"} for server in workers)
    for name, id in ids.items():
        assert client.request("tasks/get", {"taskId": id})["taskId"] == id
        result = client.request("tasks/result", {"taskId": id})
        assert result["content"][0]["text"] == f'{name}: {{"of": "{name}"}}'
        assert result["_meta"][RELATED]["taskId"] == id
        assert client.request("tasks/cancel", {"taskId": id})["taskId"] == id
    for server in workers:
        asked = [one.message["params"]["taskId"] for one in server.requests if "tasks/" in one.what]
        assert asked == ["1", "1", "1"]


def test_the_lists_of_all_pages_of_all_backends_are_one(running):
    client = running.opened()
    ids = [start(client, f"{name}__echo") for name in ("one", "one", "one", "two")]
    assert [task["taskId"] for task in client.request("tasks/list")["tasks"]] == ids
    with pytest.raises(RpcError) as refused:
        client.request("tasks/list", {"cursor": "x"})
    assert refused.value.code == -32602


@pytest.mark.parametrize("method", ["tasks/get", "tasks/result", "tasks/cancel"])
def test_an_id_that_is_none_is_invalid_and_reaches_nobody(running, workers, method):
    client = running.opened()
    real = start(client, "one__echo")
    for id in ("1", "", real[:-1], real[1:], real + "A", "786af5b2-1e5f-4c2f-9a75-5d1d5e1c9b7e"):
        with pytest.raises(RpcError) as refused:
            client.request(method, {"taskId": id})
        assert refused.value.code == -32602 and "Unknown task" in refused.value.message
    with pytest.raises(RpcError) as refused:
        client.request(method, {})
    assert refused.value.code == -32602
    assert not [one for server in workers for one in server.requests if method in one.what]


def test_another_session_and_another_replica_find_the_task(gateway, workers, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("ab" * 32 + "\n")
    source = resources.write_route(tmp_path, one=workers[0], two=workers[1])
    here, there = (gateway(source, options=("--session-key-file", keys)) for _ in "12")
    id = start(here.opened(), "two__echo", n=1)
    assert there.opened().request("tasks/result", {"taskId": id})["content"][0]["text"] == 'two: {"n": 1}'


def test_what_backends_say_of_tasks_names_them_as_the_client_does(running, workers):
    """Notifications of the session's stream, and questions on the stream that waits for the result."""
    hold, answered = threading.Event(), threading.Event()

    def behave(connection, request, message):
        if request.method == "GET":
            stream = EventStream(connection)
            stream.event(notification("notifications/tasks/status", taskId="1", status="working"))
            hold.wait(20)
            return True
        if message and message.get("method") == "tasks/result":
            meta = {"_meta": {RELATED: {"taskId": "1"}}}
            stream = EventStream(connection)
            stream.event({"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": {"message": "?", **meta}})
            assert answered.wait(10)
            stream.event({"jsonrpc": "2.0", "id": message["id"], "result": {"content": [], **meta}}).end()
            return True
        if message and message.get("id") == 7:
            assert message["result"]["_meta"][RELATED] == {"taskId": "1"}
            answered.set()

    client = running.opened(capabilities={"elicitation": {}})
    id = start(client, "two__echo")
    workers[1].behaviour = behave
    told = next(client.listen().messages())
    assert told["method"] == "notifications/tasks/status" and told["params"]["taskId"] == id
    client.answers["elicitation/create"] = lambda params: {"action": "accept", "_meta": params["_meta"]}
    assert client.request("tasks/result", {"taskId": id})["_meta"][RELATED]["taskId"] == id
    assert answered.is_set()
    hold.set()


def test_with_one_backend_ids_stay_as_they_are(gateway, workers):
    client = gateway(f"http://{workers[0].authority}/mcp").opened()
    assert start(client, "echo") == "1"
    assert client.request("tasks/list")["tasks"][0]["taskId"] == "1"


def test_real_tasks_of_the_reference_server_beside_another(gateway, everything, scripted_server, tmp_path):
    """server-everything: a task that asks its user on the way, with the status that it tells."""
    running = gateway(resources.write_route(tmp_path, all=everything, other=scripted_server))
    wants = {"tasks": {"requests": {"elicitation": {"create": {}}}}, "elicitation": {"form": {}}}
    client = running.opened(capabilities=wants)
    client.answers["elicitation/create"] = lambda params: {"action": "accept", "content": {"interpretation": "technical"}}
    id = start(client, "all__simulate-research-query", topic="gateways", ambiguous=True)
    assert client.request("tasks/get", {"taskId": id})["status"] in ("working", "input_required")
    result = client.request("tasks/result", {"taskId": id})
    assert "gateways" in result["content"][0]["text"]
    assert result["_meta"][RELATED]["taskId"] == id
    assert any(message.get("method") == "elicitation/create" for message in client.seen)
    assert client.request("tasks/get", {"taskId": id})["status"] == "completed"
    assert id in [task["taskId"] for task in client.request("tasks/list")["tasks"]]


def test_the_modern_extension_over_several_backends(gateway, workers, tmp_path):
    annotations = {"sealgate.dev/era": "modern"}
    source = resources.write(
        tmp_path / "route.yaml",
        *(resources.backend(server.name, server.port, annotations=annotations) for server in workers),
        resources.route("r", resources.reference("one"), resources.reference("two")),
    )
    client = ModernClient(gateway(source), {"extensions": {EXTENSION: {}}})
    assert EXTENSION in client.result("server/discover")["capabilities"]["extensions"]
    created = client.result("tools/call", name="two__echo", arguments={"n": 1})
    id = created["taskId"]
    assert created["resultType"] == "task" and id != "1"
    got = client.result("tasks/get", taskId=id)
    assert got["taskId"] == id and got["result"]["content"][0]["text"] == 'two: {"n": 1}'
    assert client.result("tasks/update", taskId=id, inputResponses={})["resultType"] == "complete"
    asked = workers[1].seen("POST tasks/get")[0]
    assert asked.message["params"]["taskId"] == "1" and asked.header("mcp-name") == "1"
    assert not workers[0].seen("POST tasks/get")
    assert client.request("tasks/get", taskId="1")[1]["error"]["code"] == -32602
    status, refused = client.request("tasks/get", mirrored="other", taskId=id)
    assert status == 400 and refused["error"]["code"] == -32020
