"""Compares Sealgate's signatures with those of botocore (here) and @smithy/signature-v4 (in
differential.mjs), each computed anew from what Sealgate says it would send.

    differential.py SIGN_LINES_BINARY [COUNT]
"""

import json
import subprocess
import sys
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).parent))
from generated import requests  # noqa: E402


def signed(binary, asked):
    """What the Rust signer makes of each request."""
    lines = "".join(json.dumps(request) + "\n" for request in asked)
    answer = subprocess.run([binary], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(answers) == len(asked)
    for request, answer in zip(asked, answers):
        assert "error" not in answer, (answer, request)
    return answers


def botocores_authorization(request, sent):
    """What botocore would put into the authorization header for exactly what is sent."""
    headers = dict(sent["headers"])
    credentials = Credentials(
        request["access_key_id"], request["secret_access_key"], request.get("session_token")
    )
    url = f"https://{request['host']}{sent['target']}"
    made = AWSRequest(request["method"], url, data=request["body"].encode())
    made.context["timestamp"] = headers["x-amz-date"]
    for name, value in sent["headers"]:
        if name != "authorization":
            made.headers[name] = value
    # What is not yet there: it makes its own digest, rather than trusting ours.
    digest = made.headers.get("x-amz-content-sha256")
    auth = SigV4Auth(credentials, request["service"], request["region"])
    assert auth.payload(AWSRequest("POST", url, data=request["body"].encode())) == digest
    canonical = auth.canonical_request(made)
    signature = auth.signature(auth.string_to_sign(made, canonical), made)
    names = auth.signed_headers(auth.headers_to_sign(made))
    scope = auth.scope(made)
    text = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
    return text, canonical


def compare_with_botocore(asked, answers):
    differences = []
    for request, sent in zip(asked, answers):
        theirs, canonical = botocores_authorization(request, sent)
        ours = dict(sent["headers"])["authorization"]
        if ours != theirs:
            differences.append((request["target"], sent["canonical_request"], canonical))
    return differences


def compare_with_smithy(asked, answers):
    """The report of differential.mjs: how many were compared, and what differs."""
    script = Path(__file__).with_name("differential.mjs")
    lines = "".join(
        json.dumps({"request": request, "sent": sent}) + "\n"
        for request, sent in zip(asked, answers)
    )
    answer = subprocess.run(
        ["node", str(script)], input=lines.encode(), stdout=subprocess.PIPE, check=True
    )
    return json.loads(answer.stdout)


def main():
    binary = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    asked = list(requests(count))
    answers = signed(binary, asked)
    differences = compare_with_botocore(asked, answers)
    smithy = compare_with_smithy(asked, answers)
    print(f"botocore: {len(asked)} compared, {len(differences)} differ")
    print(f"@smithy/signature-v4: {smithy['compared']} compared, {len(smithy['differ'])} differ")
    for difference in differences[:3]:
        print("botocore", *difference, sep="\n")
    for difference in smithy["differ"][:3]:
        print("smithy", json.dumps(difference, indent=1))
    return 1 if differences or smithy["differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
