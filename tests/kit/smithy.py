"""The AWS SDK for JavaScript as a second opinion on signatures that botocore has accepted."""

import json
import re
import subprocess
from urllib.parse import parse_qsl

from . import servers


def smithy_signatures(requests):
    """For each accepted `Received` the signature that @smithy/signature-v4 computes."""
    lines = "\n".join(json.dumps(_as_smithy_wants(one)) for one in requests)
    done = subprocess.run(
        [servers.node(20), servers.FIXTURES / "smithy_signature.mjs"],
        input=lines, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def claimed_signature(request):
    return re.search(r"Signature=([0-9a-f]+)", request.header("authorization"))[1]


def _as_smithy_wants(request):
    path, _, query = request.target.partition("?")
    signed = re.search(r"SignedHeaders=([^,]+)", request.header("authorization"))[1].split(";")
    stamp = request.header("x-amz-date")
    region, service = request.header("authorization").split("/")[2:4]
    identity = request.notes["identity"]
    return {
        "method": request.method,
        "path": path,
        "query": dict(parse_qsl(query, keep_blank_values=True)),
        "headers": {name: request.header(name) for name in signed},
        "body": request.body.decode(),
        "credentials": {
            "accessKeyId": identity.access_key_id,
            "secretAccessKey": identity.secret_access_key,
            **({"sessionToken": identity.session_token} if identity.session_token else {}),
        },
        "region": region,
        "service": service,
        "date": f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:15]}Z",
    }
