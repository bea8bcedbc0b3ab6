"""The signer against two others, of other makers' hands and in other languages."""

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws import differential
from aws.generated import requests

ROOT = Path(__file__).parents[2]


def example(name):
    """An example binary of sealgate-aws. Without one: an error, never a silent skip."""
    given = os.environ.get("SEALGATE_EXAMPLES")
    built = [ROOT / f"target/{kind}/examples" for kind in ("release", "debug")]
    folders = [Path(given)] if given else built
    found = [folder / name for folder in folders if (folder / name).exists()]
    assert found, f"no {name}: run `cargo build -p sealgate-aws --examples` first"
    return str(max(found, key=lambda file: file.stat().st_mtime))


@pytest.fixture(scope="module")
def signed():
    asked = list(requests(int(os.environ.get("SEALGATE_DIFFERENTIAL", "4000"))))
    return asked, differential.signed(example("sign_lines"), asked)


def test_botocore_signs_what_is_sent_alike(signed):
    asked, answers = signed
    assert differential.compare_with_botocore(asked, answers) == []


def test_smithy_signs_what_is_sent_alike(signed):
    asked, answers = signed
    report = differential.compare_with_smithy(asked, answers)
    assert report["compared"] == len(asked)
    assert report["differ"] == []


def test_a_tampered_request_would_be_seen(signed):
    asked = [{**request, "method": "PATCH"} for request in signed[0][:20]]
    answers = signed[1][:20]
    assert len(differential.compare_with_botocore(asked, answers)) == 20
    assert len(differential.compare_with_smithy(asked, answers)["differ"]) == 20


def test_a_presigned_url_is_the_one_botocore_makes():
    asked = [
        {**request, "expires": 900, "body": "", "headers": [], "method": "GET"}
        for request in requests(300, seed=7)
    ]
    for request, answer in zip(asked, differential.signed(example("sign_lines"), asked)):
        ours = parse_qs(urlsplit(answer["url"]).query)
        credentials = Credentials(
            request["access_key_id"], request["secret_access_key"], request.get("session_token")
        )
        auth = SigV4QueryAuth(credentials, request["service"], request["region"], expires=900)
        made = AWSRequest("GET", f"https://{request['host']}{answer['url']}")
        made.context["timestamp"] = ours["X-Amz-Date"][0]
        # Everything but the signature stands in the URL; sign exactly that.
        base, signature = answer["url"].rsplit("&X-Amz-Signature=", 1)
        made.url = f"https://{request['host']}{base}"
        canonical = auth.canonical_request(made)
        assert auth.signature(auth.string_to_sign(made, canonical), made) == signature, canonical
