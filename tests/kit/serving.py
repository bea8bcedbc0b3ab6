"""A threaded server on 127.0.0.1 that hands each connection's requests to one function."""

import contextlib
import socket
import threading

from .wire import read_request


class Serving:
    """Accepts on `port`; calls `serve(client, request)` for each request of each connection."""

    def __init__(self):
        self.requests = []
        self.connections = 0  # accepted so far
        self._changed = threading.Condition()
        self._clients = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def authority(self):
        return f"127.0.0.1:{self.port}"

    def serve(self, client, request):
        """Answers one request; raising OSError ends the connection."""
        raise NotImplementedError

    def record(self, request):
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def wait_for(self, wanted, deadline=20):
        """The first recorded request for which `wanted(request)` is true."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: next((one for one in self.requests if wanted(one)), None), deadline
            )
        assert found, f"not seen in {deadline} s; seen: {[one.what for one in self.requests]}"
        return found

    def seen(self, what):
        """The recorded requests whose `what` is this, e.g. `POST tools/call`."""
        return [one for one in self.requests if one.what == what]

    def forget(self):
        with self._changed:
            self.requests.clear()

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._clients.add(client)
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client):
        with contextlib.suppress(OSError, ValueError), client, client.makefile("rb") as stream:
            while (request := read_request(stream)) is not None:
                self.serve(client, request)
        self._clients.discard(client)
