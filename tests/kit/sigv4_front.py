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
        self.next_refusals = []  # (status, Refusal, more headers): given out before verifying
        super().__init__()

    @property
    def accepted(self):
        return [one for one in self.requests if one.refusal is None]

    @property
    def refused(self):
        return [one for one in self.requests if one.refusal is not None]

    def refuse_next(self, status=403, refusal=EXPIRED, **headers):
        """The next request is refused thus, whatever its signature."""
        self.next_refusals.append((status, refusal, headers))

    def serve(self, client, request):
        now = time.time() + self.clock_skew
        try:
            if self.next_refusals:
                status, request.refusal, headers = self.next_refusals.pop(0)
                self.record(request)
                return self._refuse(client, status, request.refusal, now, headers)
            request.notes["identity"] = verify(request, self.expected, now)
        except Refusal as refusal:
            request.refusal = refusal
            self.record(request)
            return self._refuse(client, 403, refusal, now, {})
        self.record(request)
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
