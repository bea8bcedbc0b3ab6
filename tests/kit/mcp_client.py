"""A plain MCP client of the legacy era, small enough that every byte it sends is in view."""

import itertools
import json

from .http import exchange

LATEST = "2025-11-25"
ACCEPT = "application/json, text/event-stream"


class RpcError(Exception):
    """A JSON-RPC error object, with the HTTP status it came with."""

    def __init__(self, status, error):
        super().__init__(f"HTTP {status}: {error}")
        self.status, self.error = status, error
        self.code = error.get("code")
        self.message = error.get("message", "")


class McpClient:
    """One session with the server at `authority` (host:port) and `path`."""

    def __init__(self, authority, path="/mcp", *, headers=None, capabilities=None, version=LATEST):
        self.authority, self.path = authority, path
        self.more_headers = headers or {}
        self.capabilities = capabilities or {}
        self.version = version
        self.session_id = None
        self.seen = []  # notifications and requests that the server sent within answers
        self.answers = {}  # method -> function(params) -> result, for the server's requests
        self._ids = itertools.count(1)

    def headers(self, **more):
        found = {"accept": ACCEPT, "content-type": "application/json", **self.more_headers}
        if self.session_id:
            found["mcp-session-id"] = self.session_id
            found["mcp-protocol-version"] = self.version
        return found | more

    def post(self, message, **more):
        """One POST, answered or not; `message` may be bytes that are not JSON at all."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return exchange(self.authority, "POST", self.path, self.headers(**more), body)

    def initialize(self):
        """Opens the session; returns the server's result."""
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": {"name": "sealgate-tests", "version": "1"},
        }
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": "initialize", "params": params}
        answer = self.post(message)
        result = self._result_of(answer, message["id"])
        self.session_id = answer.headers.get("mcp-session-id")
        self.version = result["protocolVersion"]
        assert self.notify("notifications/initialized").status == 202
        return result

    def notify(self, method, params=None):
        answer = self.post({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})
        answer.body
        return answer

    def request(self, method, params=None, **more):
        """The result of one request; raises `RpcError`; answers the server's own requests."""
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method}
        if params is not None:
            message["params"] = params
        return self._result_of(self.post(message, **more), message["id"])

    def tools(self):
        """All tools, following the cursor to the end."""
        found, params = [], {}
        while True:
            page = self.request("tools/list", params)
            found += page["tools"]
            if not page.get("nextCursor"):
                return found
            params = {"cursor": page["nextCursor"]}

    def call(self, name, arguments=None, **more):
        return self.request("tools/call", {"name": name, "arguments": arguments or {}}, **more)

    def text(self, name, arguments=None):
        """The text of the first content item of a call that must succeed."""
        result = self.call(name, arguments)
        assert not result.get("isError"), result
        return result["content"][0]["text"]

    def listen(self, **more):
        """Opens the GET stream."""
        headers = self.headers(accept="text/event-stream", **more)
        del headers["content-type"]
        return exchange(self.authority, "GET", self.path, headers)

    def delete(self):
        headers = self.headers()
        del headers["content-type"]
        answer = exchange(self.authority, "DELETE", self.path, headers)
        answer.body
        return answer

    def _result_of(self, answer, wanted):
        for message in answer.messages():
            if message.get("id") == wanted and "method" not in message:
                answer.close()
                if "error" in message:
                    raise RpcError(answer.status, message["error"])
                return message["result"]
            self.take(message)
        raise AssertionError(f"HTTP {answer.status} without an answer to {wanted}: {answer.headers}")

    def take(self, message):
        """Keeps a message of the server; answers it where it is a request."""
        self.seen.append(message)
        if "method" in message and "id" in message:
            answer = self.answers.get(message["method"])
            outcome = (
                {"result": answer(message.get("params", {}))}
                if answer
                else {"error": {"code": -32601, "message": "no such method in this test client"}}
            )
            reply = self.post({"jsonrpc": "2.0", "id": message["id"], **outcome})
            assert reply.status == 202, (reply.status, reply.body)
