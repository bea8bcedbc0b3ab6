"""A plain MCP client of the modern era: it says everything in each request."""

import json

from .http import exchange

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
ACCEPT = "application/json, text/event-stream"


class ModernClient:
    """A client of the gateway that can do what `capabilities` say."""

    def __init__(self, gateway, capabilities=None, path="/mcp"):
        self.gateway, self.path = gateway, path
        self.capabilities, self.last = capabilities or {}, 0

    def ask(self, method, *, id=None, mirrored=None, **params):
        """One request; the answer as it comes. `mirrored` is what `Mcp-Name` says instead of the truth."""
        self.last += 1
        meta = {
            f"{PREFIX}protocolVersion": VERSION,
            f"{PREFIX}clientInfo": {"name": "test", "version": "1"},
            f"{PREFIX}clientCapabilities": self.capabilities,
        }
        params = {**params, "_meta": {**meta, **params.get("_meta", {})}}
        message = {"jsonrpc": "2.0", "id": id or self.last, "method": method, "params": params}
        headers = {
            "content-type": "application/json",
            "accept": ACCEPT,
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
        }
        name = mirrored or params.get("name") or params.get("uri") or params.get("taskId")
        if name:
            headers["mcp-name"] = name
        return exchange(self.gateway.authority, "POST", self.path, headers, json.dumps(message).encode())

    def request(self, method, **params):
        """Status and last message of one request."""
        answer = self.ask(method, **params)
        return answer.status, last_message(answer.body)

    def result(self, method, **params):
        """The result of one request that must have one."""
        status, message = self.request(method, **params)
        assert status == 200 and message["id"] == self.last, message
        return message["result"]

    def listen(self, **notifications):
        """Opens a listen stream."""
        return self.ask("subscriptions/listen", notifications=notifications)


def last_message(body):
    """The answer in a body of either form."""
    text = body.decode()
    if text.startswith("{"):
        return json.loads(text)
    return json.loads([line for line in text.splitlines() if line.startswith("data: {")][-1][6:])
