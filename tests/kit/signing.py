"""A request signed by botocore: what the verifying front must accept, and tests then spoil."""

import hashlib

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from .received import Received


def signed_request(identity, method, host, target, body=b"", *, region, service, headers=None):
    """A `Received` as an AWS client would put it on the wire: target as is, headers signed."""
    request = AWSRequest(method=method, url=f"https://{host}{target}", data=body)
    request.headers["Host"] = host
    request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
    if body:
        request.headers["Content-Type"] = "application/json"
    for name, value in (headers or {}).items():
        request.headers[name] = value
    SigV4Auth(identity.botocore(), service, region).add_auth(request)
    return Received(method, target, list(request.headers.items()), body)
