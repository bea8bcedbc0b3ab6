"""moto's IAM signature check, given the identities of the tests as its users and roles.

moto trusts `x-amz-content-sha256` and looks at neither skew nor scope; `sigv4_verify` does.
"""

from types import SimpleNamespace

from moto.core.exceptions import InvalidClientTokenIdError, SignatureDoesNotMatchError
from moto.iam.access_control import IAMRequest
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import PARTITION_NAMES

ACCOUNT = "123456789012"
_known = set()


def moto_refuses(request, identity):
    """True where moto rejects the signature of `request`, which names `identity`."""
    _teach(identity)
    try:
        IAMRequest(
            account_id=ACCOUNT,
            method=request.method,
            path=f"https://{request.header('host')}{request.target}",
            data={},
            body=request.body,
            headers={name.title(): value for name, value in request.headers},
            action="Invoke",
        ).check_signature()
    except (InvalidClientTokenIdError, SignatureDoesNotMatchError):
        return True
    return False


def _teach(identity):
    if identity in _known:
        return
    _known.add(identity)
    key = SimpleNamespace(
        access_key_id=identity.access_key_id, secret_access_key=identity.secret_access_key
    )
    key.session_token = identity.session_token
    key.role_arn = f"arn:aws:iam::{ACCOUNT}:role/{identity.access_key_id}"
    key.session_name = "tests"
    for partition in PARTITION_NAMES:
        if identity.session_token is None:
            user = iam_backends[ACCOUNT][partition].create_user("aws", identity.access_key_id)
            user.access_keys.append(key)
        else:
            sts_backends[ACCOUNT][partition].assumed_roles.append(key)
