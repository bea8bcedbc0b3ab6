"""A front that demands AWS SigV4, as AWS does, before a real MCP server sees a request.

Accepted requests are relayed with their credentials taken off; refused ones get AWS's 403. Every
request is recorded, with its refusal if there was one.
"""

import email.utils
import json
import time

from .serving import Serving
from .sigv4_verify import Expectation, Refusal, verify
from .wire import answer, relay

EXPIRED = Refusal("ExpiredTokenException", "The security token included in the request is expired")


class SigV4Front(Serving):
    """Stands for `service` in `region`, in front of `upstream` (host, port) at `upstream_path`."""

    def __init__(self, upstream, *, identities, region, service, host=None, upstream_path="/mcp"):
        self.upstream = upstream
        self.upstream_path = upstream_path
        self.expected = Expectation(list(identities), region, service, host)
        self.clock_skew = 0.0  # seconds by which this server's clock is ahead
        self.next_refusals = []  # (when, status, Refusal, more headers): given out before verifying
        self.ends = {}  # identity -> Unix seconds from which its token counts as expired
        super().__init__()

    @property
    def accepted(self):
        return [one for one in self.requests if one.refusal is None]

    @property
    def refused(self):
        return [one for one in self.requests if one.refusal is not None]

    def refuse_next(self, status=403, refusal=EXPIRED, *, what=None, **headers):
        """The next request (of this kind: `POST tools/call`) is refused thus, whatever its signature."""
        self.next_refusals.append((what, status, refusal, headers))

    def _scripted(self, request):
        for entry in self.next_refusals:
            if entry[0] in (None, request.what):
                self.next_refusals.remove(entry)
                return entry[1:]
        return None

    def serve(self, client, request):
        now = time.time() + self.clock_skew
        try:
            if scripted := self._scripted(request):
                status, request.refusal, headers = scripted
                self.record(request)
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return self._refuse(client, status, request.refusal, now, named)
            identity = request.notes["identity"] = verify(request, self.expected, now)
            if self.ends.get(identity, now) < now:
                raise EXPIRED
        except Refusal as refusal:
            request.refusal = refusal
            self.record(request)
            return self._refuse(client, 403, refusal, now, {})
        self.record(request)
        self.accept(client, request)

    def accept(self, client, request):
        """Serves a request whose signature is right."""
        relay(client, request, self.upstream, self.upstream_path, drop=("authorization", "x-amz-"))

    def _refuse(self, client, status, refusal, now, headers):
        answer(
            client,
            status,
            {
                "content-type": "application/json",
                "x-amzn-errortype": refusal.kind,
                "x-amzn-requestid": "00000000-test",
                "date": email.utils.formatdate(now, usegmt=True),
                **headers,
            },
            json.dumps({"message": refusal.message}).encode(),
        )
