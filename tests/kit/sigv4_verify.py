"""A received request goes in; a `Refusal` comes out unless its SigV4 signature is right.

Two verifiers that this project did not write compute the signature: botocore's own signer over
the request as received, and moto's IAM check. What neither looks at (clock skew, scope, which
headers must be signed, the body hash, the session token) is asserted here.
"""

import hashlib
import hmac
import re
import time
from calendar import timegm
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from .moto_verify import moto_refuses

MAXIMUM_SKEW = 300
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[^/,]+)/"
    r"(?P<service>[^/,]+)/aws4_request, ?SignedHeaders=(?P<signed>[^, ]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass
class Refusal(Exception):
    """As AWS words it: the error type of `x-amzn-errortype`, and its message."""

    kind: str
    message: str


@dataclass
class Expectation:
    """Whom and what the verifier accepts."""

    identities: list
    region: str
    service: str
    host: str | None = None


def verify(request, expected, now=None):
    """Raises `Refusal`; returns the identity that signed."""
    now = time.time() if now is None else now
    claims = _read_authorization(request)
    signed = claims["signed"].split(";")
    _check_scope(claims, request, expected, now)
    _check_what_is_signed(request, signed)
    identity = _find_identity(claims["key"], request, expected)
    _check_body_hash(request, expected)
    if expected.host is not None and request.header("host") != expected.host:
        raise Refusal("InvalidSignatureException", f"signed for another host, not {expected.host}")
    if not hmac.compare_digest(_botocore_signature(request, signed, identity, claims), claims["signature"]):
        raise Refusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
    if moto_refuses(request, identity):
        raise Refusal("InvalidSignatureException", "moto's IAM check refuses what botocore accepts")
    return identity


def _read_authorization(request):
    lines = request.all("authorization")
    if not lines:
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = AUTHORIZATION.fullmatch(lines[0]) if len(lines) == 1 else None
    if found is None:
        raise Refusal("IncompleteSignatureException", "Authorization header is malformed.")
    return found


def _check_scope(claims, request, expected, now):
    stamp = request.header("x-amz-date") or ""
    if not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
        raise Refusal("IncompleteSignatureException", "X-Amz-Date is missing or malformed.")
    if claims["date"] != stamp[:8]:
        raise Refusal("InvalidSignatureException", "Date in Credential scope does not match X-Amz-Date.")
    for part in ("region", "service"):
        wanted = getattr(expected, part)
        if claims[part] != wanted:
            message = f"Credential should be scoped to {part} '{wanted}', not '{claims[part]}'."
            raise Refusal("InvalidSignatureException", message)
    signed_at = timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    if abs(now - signed_at) > MAXIMUM_SKEW:
        raise Refusal("InvalidSignatureException", f"Signature expired: {stamp} is too far from now.")


def _check_what_is_signed(request, signed):
    if signed != sorted(set(signed)) or any(name != name.lower() for name in signed):
        raise Refusal("IncompleteSignatureException", "SignedHeaders must be lower case, sorted, unique.")
    absent = set(signed) - request.names()
    if absent:
        raise Refusal("InvalidSignatureException", f"signed but not sent: {sorted(absent)}")
    mandatory = {"host", "x-amz-date", "x-amz-content-sha256"}
    mandatory |= {name for name in request.names() if name.startswith("x-amz-")}
    unsigned = mandatory - set(signed)
    if unsigned:
        raise Refusal("InvalidSignatureException", f"must be signed: {sorted(unsigned)}")
    for name in mandatory:
        if len(request.all(name)) != 1:
            raise Refusal("InvalidSignatureException", f"sent more than once: {name}")


def _find_identity(key, request, expected):
    identity = next((one for one in expected.identities if one.access_key_id == key), None)
    if identity is None or request.header("x-amz-security-token") != identity.session_token:
        raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    return identity


def _check_body_hash(request, expected):
    # VPC Lattice verifies no payload, and has to be told so.
    unsigned = expected.service == "vpc-lattice-svcs"
    wanted = "UNSIGNED-PAYLOAD" if unsigned else hashlib.sha256(request.body).hexdigest()
    if request.header("x-amz-content-sha256") != wanted:
        raise Refusal("InvalidSignatureException", "x-amz-content-sha256 is not the hash of the body.")


def _botocore_signature(request, signed, identity, claims):
    rebuilt = AWSRequest(
        method=request.method,
        url=f"https://{request.header('host')}{request.target}",
        data=request.body,
    )
    for name, value in request.headers:
        if name.lower() in signed:
            rebuilt.headers[name] = value
    rebuilt.context["timestamp"] = request.header("x-amz-date")
    signer = SigV4Auth(identity.botocore(), claims["service"], claims["region"])
    canonical = signer.canonical_request(rebuilt)
    request.notes["canonical_request"] = canonical
    return signer.signature(signer.string_to_sign(rebuilt, canonical), rebuilt)
