"""A scripted server's side of an event stream: head, events piece by piece, a good or a bad end."""

import json


class EventStream:
    """Answers `client` with an event stream, chunked; `end` ends it well, closing it does not."""

    def __init__(self, client, **headers):
        self._client = client
        head = ["HTTP/1.1 200 OK", "content-type: text/event-stream", "transfer-encoding: chunked"]
        head += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        client.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")

    def write(self, data):
        if data:
            self._client.sendall(b"%x\r\n%s\r\n" % (len(data), data))
        return self

    def event(self, message=None, *, id=None, retry=None):
        """One event; without a message, a priming event."""
        lines = [f"id: {id}"] if id is not None else []
        lines += [f"retry: {retry}"] if retry is not None else []
        lines.append("data: " + (json.dumps(message) if message is not None else ""))
        return self.write(("\n".join(lines) + "\n\n").encode())

    def result(self, message, text, **more):
        """The result of the call `message`."""
        return self.event(result(message, text), **more)

    def end(self):
        self._client.sendall(b"0\r\n\r\n")


def result(message, text):
    return {"jsonrpc": "2.0", "id": message["id"], "result": {"content": [{"type": "text", "text": text}]}}


def notification(method, **params):
    return {"jsonrpc": "2.0", "method": method, "params": params}
