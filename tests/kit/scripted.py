"""An MCP server whose behaviour a test scripts: slow, dead, loud, or holding a call open."""

import json
import threading

from .serving import Serving
from .wire import answer


class ScriptedServer(Serving):
    """Offers `tools` (name -> function(arguments) -> text); `behaviour` may take over a request.

    `behaviour(client, request, message)` returns True where it has answered (or not) itself.
    """

    def __init__(self, tools=None, name="scripted"):
        self.tools = tools or {"echo": lambda arguments: json.dumps(arguments)}
        self.name = name
        self.behaviour = None
        super().__init__()

    def serve(self, client, request):
        self.record(request)
        message = request.message
        if self.behaviour and self.behaviour(client, request, message):
            return
        if request.method == "GET":
            return answer(client, 405, {"allow": "POST, DELETE"}, b"")
        if request.method == "DELETE" or message is None or "id" not in message or "method" not in message:
            return answer(client, 200 if request.method == "DELETE" else 202, {}, b"")
        self.reply(client, message, self.result(message))

    def reply(self, client, message, outcome, **headers):
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], **outcome}).encode()
        found = {"content-type": "application/json", **headers}
        if message["method"] == "initialize":
            found["mcp-session-id"] = f"{self.name}-session"
        answer(client, 200, found, body)

    def result(self, message):
        params = message.get("params", {})
        match message["method"]:
            case "initialize":
                return {
                    "result": {
                        "protocolVersion": params["protocolVersion"],
                        "capabilities": {"tools": {}},
                        "serverInfo": {"name": self.name, "version": "1"},
                    }
                }
            case "ping":
                return {"result": {}}
            case "tools/list":
                schema = {"type": "object"}
                listed = [{"name": name, "description": name, "inputSchema": schema} for name in self.tools]
                return {"result": {"tools": listed}}
            case "tools/call" if params.get("name") in self.tools:
                text = self.tools[params["name"]](params.get("arguments", {}))
                return {"result": {"content": [{"type": "text", "text": text}]}}
            case "tools/call":
                return {"error": {"code": -32602, "message": f"unknown tool {params.get('name')}"}}
            case method:
                return {"error": {"code": -32601, "message": f"no {method} here"}}


class Gate:
    """A tool that stops until it is let go, so that a test can act while a call is in flight."""

    def __init__(self):
        self.entered = threading.Event()
        self._released = threading.Event()

    def __call__(self, arguments):
        self.entered.set()
        assert self._released.wait(30), "the test never let the call go"
        return "let go"

    def release(self):
        self._released.set()


class ModernServer(ScriptedServer):
    """The same in the modern era: no sessions, and every result says that it is complete."""

    def result(self, message):
        if message["method"] == "server/discover":
            outcome = {"result": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}}
        else:
            outcome = super().result(message)
        if "result" in outcome:
            outcome["result"] |= {"resultType": "complete"}
            if message["method"] in ("server/discover", "tools/list"):
                outcome["result"] |= {"ttlMs": 0, "cacheScope": "private"}
        return outcome
