"""A relay that records: in front of a server without credentials, or as a hop that tampers."""

from .serving import Serving
from .wire import relay


class Recorder(Serving):
    """Relays everything to `upstream` (host, port), target and Host as they came.

    `tamper`, where set, is a function that changes a request on its way; what is recorded is the
    request before that.
    """

    def __init__(self, upstream, *, keep_host=True):
        self.upstream = upstream
        self.keep_host = keep_host
        self.tamper = None
        super().__init__()

    def serve(self, client, request):
        self.record(request)
        passed = self.tamper(request) if self.tamper else request
        relay(client, passed, self.upstream, passed.target, keep_host=self.keep_host)
