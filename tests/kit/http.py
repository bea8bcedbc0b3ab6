"""One HTTP exchange as a test writes it: raw target, exact headers, a streamed answer."""

import contextlib
import http.client
import json
import socket


class Answer:
    """Status and headers at once; the body when asked, or event by event."""

    def __init__(self, connection, response):
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self._body = None

    @property
    def body(self):
        if self._body is None:
            self._body = self._response.read()
            self._connection.close()
        return self._body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def is_stream(self):
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def events(self):
        """Each server-sent event as a dict of its fields, as they arrive."""
        fields = {}
        for raw in self._response:
            line = raw.decode("utf-8").rstrip("\r\n")
            if line == "":
                if fields:
                    yield {name: "\n".join(values) for name, values in fields.items()}
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                fields.setdefault(name, []).append(value)
        self.close()

    def messages(self):
        """The JSON-RPC messages of the answer, be it one JSON body or a stream of events."""
        if not self.is_stream:
            if self.body:
                yield self.json
            return
        for event in self.events():
            if event.get("data"):
                yield json.loads(event["data"])

    def close(self):
        if self._connection.sock:
            # First of all: another thread may sit in a read of this connection.
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._connection.close()


def exchange(authority, method, target, headers=None, body=b"", *, timeout=30):
    """Sends one request to `authority` (host:port); `headers` is a dict or a list of pairs."""
    host, _, port = authority.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    connection.putrequest(method, target, skip_accept_encoding=True, skip_host=_names(headers, "host"))
    pairs = headers.items() if hasattr(headers, "items") else headers or []
    for name, value in pairs:
        connection.putheader(name, value)
    if (body or method == "POST") and not _names(headers, "content-length"):
        connection.putheader("content-length", str(len(body)))
    try:
        connection.endheaders(body or None)
    except BrokenPipeError:
        pass  # the server may answer before it has read everything, and hang up
    return Answer(connection, connection.getresponse())


def _names(headers, wanted):
    return any(name.lower() == wanted for name in dict(headers or {}))
