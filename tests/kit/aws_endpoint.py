"""Fakes of AWS's MCP endpoints: each verifies signatures and has the shape of the real one."""

import json
import uuid

from .serving import Serving
from .sigv4_front import SigV4Front
from .sigv4_verify import Refusal
from .wire import answer, relay


class AwsEndpoint(SigV4Front):
    """Serves `tools` (name -> function(arguments) -> text) at one request target of one host.

    As AgentCore Runtime does, it gives every caller without an `Mcp-Session-Id` one of its own:
    `machines` are the ids by which it would choose a machine. Whoever comes without one again gets
    another, cold machine.
    """

    def __init__(self, host, target, *, tools=None, **scope):
        self.host, self.target = host, target
        self.tools = tools or {"echo": lambda arguments: json.dumps(arguments)}
        self.machines = []
        super().__init__(None, host=host, **scope)

    def accept(self, client, request):
        if request.target != self.target:
            message = f"no operation at {request.target}"
            return self._refuse(client, 404, Refusal("UnknownOperationException", message), 0, {})
        session = request.header("mcp-session-id")
        if session is None:
            session = str(uuid.uuid4())
            self.machines.append(session)
        headers = {"content-type": "application/json", "mcp-session-id": session}
        message = request.message
        if request.method != "POST":
            return answer(client, 405 if request.method == "GET" else 200, headers, b"")
        if "id" not in message or "method" not in message:
            return answer(client, 202, headers, b"")
        reply = {"jsonrpc": "2.0", "id": message["id"], **self.result(message)}
        answer(client, 200, headers, json.dumps(reply).encode())

    def result(self, message):
        params = message.get("params", {})
        match message["method"]:
            case "initialize":
                found = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}}
                return {"result": {**found, "serverInfo": {"name": self.host, "version": "1"}}}
            case "tools/list":
                schema = {"type": "object"}
                return {"result": {"tools": [{"name": name, "inputSchema": schema} for name in self.tools]}}
            case "tools/call" if params["name"] in self.tools:
                text = self.tools[params["name"]](params.get("arguments", {}))
                return {"result": {"content": [{"type": "text", "text": text}]}}
            case method:
                return {"error": {"code": -32601, "message": f"no {method} {params.get('name')} here"}}


class Switchboard(Serving):
    """A hop that knows where each host is: `hosts` maps the Host header to a port."""

    def __init__(self, hosts):
        self.hosts = hosts
        super().__init__()

    def serve(self, client, request):
        self.record(request)
        upstream = ("127.0.0.1", self.hosts[request.header("host")])
        relay(client, request, upstream, request.target, keep_host=True)
