"""A plain client of HTTP+SSE (2024-11-05): one event stream, and an endpoint to POST to."""

import itertools
import json
import queue
import threading

from .http import exchange
from .mcp_client import RpcError


class SseClient:
    """One event stream of the server at `authority` (host:port) and `path`."""

    def __init__(self, authority, path="/mcp", *, headers=None, version="2024-11-05"):
        self.authority, self.version = authority, version
        self.more_headers = headers or {}
        self.answers = {}  # method -> function(params) -> result, for the server's requests
        self.seen = []  # everything else that the server said
        self._ids = itertools.count(1)
        self._waiting = {}
        self.ended = threading.Event()
        self.stream = exchange(authority, "GET", path, {"accept": "text/event-stream", **self.more_headers})
        assert self.stream.status == 200 and self.stream.is_stream, (self.stream.status, self.stream.body)
        self.events = self.stream.events()
        first = next(self.events)
        assert first["event"] == "endpoint", first
        self.endpoint = first["data"]

    def read(self):
        """Reads the stream in the background from now on."""
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self):
        try:
            for event in self.events:
                message = json.loads(event["data"])
                if "method" not in message:
                    self._waiting[message.get("id")].put(message)
                elif "id" in message and message["method"] in self.answers:
                    result = self.answers[message["method"]](message.get("params", {}))
                    self.post({"jsonrpc": "2.0", "id": message["id"], "result": result})
                else:
                    self.seen.append(message)
        except (OSError, ValueError, AttributeError):
            pass  # closed on this side
        self.ended.set()

    def post(self, message, *, endpoint=None, **more):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        headers = {"content-type": "application/json", **self.more_headers, **more}
        return exchange(self.authority, "POST", endpoint or self.endpoint, headers, body)

    def ask(self, method, params=None):
        """Sends a request; a queue that its answer will be put into."""
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params or {}}
        answer = self._waiting[message["id"]] = queue.Queue()
        accepted = self.post(message)
        assert (accepted.status, accepted.body) == (202, b""), (accepted.status, accepted.body)
        return answer

    def request(self, method, params=None):
        message = self.ask(method, params).get(timeout=20)
        if "error" in message:
            raise RpcError(202, message["error"])
        return message["result"]

    def next(self):
        """The next message, for a test that reads by itself."""
        return json.loads(next(self.events)["data"])

    def initializing(self, capabilities=None, id=0):
        info = {"name": "sealgate-tests", "version": "1"}
        params = {"protocolVersion": self.version, "capabilities": capabilities or {}, "clientInfo": info}
        return {"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params}

    def initialize(self, capabilities=None):
        result = self.request("initialize", self.initializing(capabilities)["params"])
        assert self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202
        return result

    def text(self, name, arguments=None):
        result = self.request("tools/call", {"name": name, "arguments": arguments or {}})
        return result["content"][0]["text"]

    def stop(self):
        self.stream.close()
