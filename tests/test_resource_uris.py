"""URIs of resources: as their servers wrote them, or with the backend's name where a route says so."""

import json

import pytest

from kit import resources
from kit.events import EventStream, notification
from kit.mcp_client import RpcError
from kit.modern_client import ModernClient
from kit.process import Died
from kit.scripted import ScriptedServer

PREFIX = {"sealgate.dev/resource-uris": "prefix"}
LINK = {"type": "resource_link", "name": "a", "uri": "file:///a"}
EMBEDDED = {"type": "resource", "resource": {"uri": "file:///b", "text": "b"}}


class ResourceServer(ScriptedServer):
    """Both servers have the same URIs, with contents of their own."""

    def __init__(self, name, *, links=("file:///a",)):
        self.links = links
        super().__init__(name=name)

    def result(self, message):
        params = message.get("params", {})
        match message["method"]:
            case "initialize":
                found = super().result(message)
                found["result"]["capabilities"].update(resources={"subscribe": True}, prompts={}, completions={})
                return found
            case "tools/list":
                app = {"_meta": {"ui": {"resourceUri": "ui://app/x.html"}, "ui/resourceUri": "ui://app/x.html"}}
                return {"result": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}, **app}]}}
            case "tools/call":
                return {"result": {"content": [LINK, EMBEDDED, {"type": "text", "text": "see file:///a"}]}}
            case "prompts/get":
                return {"result": {"messages": [{"role": "user", "content": EMBEDDED}]}}
            case "resources/list":
                return {"result": {"resources": [{"name": uri, "uri": uri} for uri in self.links]}}
            case "resources/templates/list":
                return {"result": {"resourceTemplates": [{"name": "t", "uriTemplate": "file:///{path}"}]}}
            case "resources/read" if params["uri"] in ("file:///a", "file:///b", "ui://app/x.html"):
                return {"result": {"contents": [{"uri": params["uri"], "text": f"{params['uri']} of {self.name}"}]}}
            case "resources/read":
                error = {"code": -32002, "message": "Resource not found", "data": {"uri": params["uri"]}}
                return {"error": error}
            case "resources/subscribe" | "resources/unsubscribe":
                return {"result": {}}
            case "completion/complete":
                return {"result": {"completion": {"values": [json.dumps(params["ref"])]}}}
        return super().result(message)


@pytest.fixture
def libraries(ending):
    return ending(ResourceServer("one")), ending(ResourceServer("two"))


@pytest.fixture
def prefixed(gateway, libraries, tmp_path):
    return gateway(resources.write_route(tmp_path, route_annotations=PREFIX, one=libraries[0], two=libraries[1]))


def read(client, uri):
    return client.request("resources/read", {"uri": uri})["contents"][0]


def test_lists_name_the_backend_in_each_uri(prefixed):
    client = prefixed.opened()
    assert [one["uri"] for one in client.request("resources/list")["resources"]] == ["one+file:///a", "two+file:///a"]
    templates = client.request("resources/templates/list")["resourceTemplates"]
    assert [one["uriTemplate"] for one in templates] == ["one+file:///{path}", "two+file:///{path}"]
    metas = [tool["_meta"] for tool in client.tools()]
    assert [meta["ui"]["resourceUri"] for meta in metas] == ["ui://one/app/x.html", "ui://two/app/x.html"]
    assert metas[1]["ui/resourceUri"] == "ui://two/app/x.html"


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_uri_is_read_at_the_backend_that_it_names(prefixed, name):
    client = prefixed.opened()
    assert read(client, f"{name}+file:///a") == {"uri": f"{name}+file:///a", "text": f"file:///a of {name}"}
    found = read(client, f"ui://{name}/app/x.html")
    assert found == {"uri": f"ui://{name}/app/x.html", "text": f"ui://app/x.html of {name}"}


def test_links_and_embedded_resources_can_be_followed(prefixed):
    client = prefixed.opened()
    link, embedded, text = client.call("two__echo")["content"]
    assert text["text"] == "see file:///a"
    assert read(client, link["uri"])["text"] == "file:///a of two"
    assert read(client, embedded["resource"]["uri"])["text"] == "file:///b of two"
    message = client.request("prompts/get", {"name": "two__p"})["messages"][0]
    assert message["content"]["resource"]["uri"] == "two+file:///b"


def test_completion_subscriptions_and_their_notifications_use_the_same_names(prefixed, libraries):
    client = prefixed.opened()
    reference = {"type": "ref/resource", "uri": "two+file:///{path}"}
    argument = {"name": "path", "value": "a"}
    completed = client.request("completion/complete", {"ref": reference, "argument": argument})
    assert json.loads(completed["completion"]["values"][0])["uri"] == "file:///{path}"

    def behave(connection, request, message):
        if request.method == "GET":
            EventStream(connection).event(notification("notifications/resources/updated", uri="file:///a"))
            return True

    libraries[1].behaviour = behave
    assert client.request("resources/subscribe", {"uri": "two+file:///a"}) == {}
    assert libraries[1].seen("POST resources/subscribe")[0].message["params"]["uri"] == "file:///a"
    assert not libraries[0].seen("POST resources/subscribe")
    told = next(client.listen().messages())
    assert told["params"]["uri"] == "two+file:///a"


def test_sampling_messages_and_answers_to_them_are_translated_both_ways(prefixed, libraries):
    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            stream = EventStream(connection)
            asked = {"messages": [{"role": "user", "content": EMBEDDED}], "maxTokens": 1}
            stream.event({"jsonrpc": "2.0", "id": 5, "method": "sampling/createMessage", "params": asked})
            answer = libraries[0].wait_for(lambda one: one.message and one.message.get("id") == 5)
            stream.result(message, json.dumps(answer.message["result"]["content"])).end()
            return True

    libraries[0].behaviour = behave
    client = prefixed.opened(capabilities={"sampling": {}})
    client.answers["sampling/createMessage"] = lambda params: {
        "role": "assistant", "model": "m", "content": params["messages"][0]["content"]
    }
    assert json.loads(client.text("one__echo")) == EMBEDDED
    asked = next(message for message in client.seen if message.get("method") == "sampling/createMessage")
    assert asked["params"]["messages"][0]["content"]["resource"]["uri"] == "one+file:///b"


def test_a_modern_client_uses_the_same_names(prefixed, libraries):
    client = ModernClient(prefixed)
    link, embedded, _ = client.result("tools/call", name="two__echo", arguments={})["content"]
    assert (link["uri"], embedded["resource"]["uri"]) == ("two+file:///a", "two+file:///b")
    read = client.result("resources/read", uri="two+file:///a")["contents"][0]
    assert read == {"uri": "two+file:///a", "text": "file:///a of two"}
    status, refused = client.request("resources/read", uri="file:///a")
    assert refused["error"]["code"] == -32602


@pytest.mark.parametrize("uri", ["three+file:///a", "file:///a", "ui://app/x.html", "+", ""])
def test_a_uri_that_names_no_backend_is_unknown(prefixed, libraries, uri):
    client = prefixed.opened()
    with pytest.raises(RpcError) as refused:
        read(client, uri)
    assert refused.value.code in (-32602, -32002)
    assert not [one for server in libraries for one in server.seen("POST resources/read")]


def test_an_error_about_a_resource_names_it_as_the_client_did(prefixed):
    with pytest.raises(RpcError) as refused:
        read(prefixed.opened(), "two+file:///z")
    assert refused.value.error["data"]["uri"] == "two+file:///z"


def test_a_large_result_is_translated_too(prefixed, libraries):
    items = [{"type": "resource_link", "name": "n", "uri": f"file:///{at}"} for at in range(20_000)]

    def behave(connection, request, message):
        if message and message.get("method") == "tools/call":
            result = {"jsonrpc": "2.0", "id": message["id"], "result": {"content": items}}
            EventStream(connection).event(result).end()
            return True

    libraries[0].behaviour = behave
    found = prefixed.opened().call("one__echo")["content"]
    assert [one["uri"] for one in found] == [f"one+file:///{at}" for at in range(20_000)]


def test_one_backend_is_named_too(gateway, libraries, tmp_path):
    running = gateway(resources.write_route(tmp_path, route_annotations=PREFIX, one=libraries[0]))
    client = running.opened()
    assert [one["uri"] for one in client.request("resources/list")["resources"]] == ["one+file:///a"]
    assert read(client, "one+file:///a")["text"] == "file:///a of one"


@pytest.mark.parametrize("wrong", ["always", ""])
def test_another_word_for_it_is_an_error(gateway, libraries, tmp_path, wrong):
    source = resources.write_route(
        tmp_path, route_annotations={"sealgate.dev/resource-uris": wrong}, one=libraries[0])
    with pytest.raises(Died, match='supported values: ."keep."'):
        gateway(source)


def test_by_default_a_link_that_no_list_names_is_read_at_its_owner(gateway, ending, tmp_path):
    """URIs stay as they are; whose one is that only a tool's result named, is found out by asking."""

    class Other(ResourceServer):
        def result(self, message):
            if message["method"] == "resources/read":
                return {"error": {"code": -32002, "message": "Resource not found"}}
            return super().result(message)

    one, two = ending(Other("one", links=())), ending(ResourceServer("two", links=()))
    client = gateway(resources.write_route(tmp_path, one=one, two=two)).opened()
    link, *_ = client.call("two__echo")["content"]
    assert link["uri"] == "file:///a"
    assert read(client, link["uri"])["text"] == "file:///a of two"
    assert read(client, link["uri"])["text"] == "file:///a of two"
    assert len(one.seen("POST resources/read")) == 1  # the second time the owner is known
