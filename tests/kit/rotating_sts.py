"""moto's STS, asked through a relay that shortens how long the roles' credentials live.

`issued` are the identities it has given out, for a verifying front to know; `ends` is when each of
them ends, in Unix seconds, as the client was told.
"""

import http.client
import json
import re
import time
from datetime import datetime, timezone

import boto3
from moto.server import ThreadedMotoServer

from .aws_identity import AwsIdentity
from .serving import Serving
from .wire import answer

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


class RotatingSts(Serving):
    """Stands at `url`; `role` is the ARN of a role that anyone may assume there."""

    def __init__(self, lifetime=3600):
        self.lifetime = lifetime
        self.issued = []
        self.ends = {}
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self._behind = self._moto.get_host_and_port()
        iam = boto3.client(
            "iam", endpoint_url="http://{}:{}".format(*self._behind), region_name="us-east-1",
            aws_access_key_id="x", aws_secret_access_key="y",
        )
        # moto's roles are those of the whole process.
        name = f"rotating-{self._behind[1]}"
        self.role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        super().__init__()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def environment(self, lasting):
        """What makes the gateway take this STS, and `lasting` keys to assume roles with."""
        return {**lasting.environment(), "AWS_ENDPOINT_URL_STS": self.url, "AWS_REGION": "us-east-1"}

    def serve(self, client, request):
        self.record(request)
        connection = http.client.HTTPConnection(*self._behind)
        kept = {name: value for name, value in request.headers if name.lower() != "host"}
        connection.request(request.method, request.target, request.body, kept)
        answered = connection.getresponse()
        text = answered.read().decode()
        connection.close()
        if "<Expiration>" in text:
            text = self._issue(text)
        answer(client, answered.status, {"content-type": "text/xml"}, text.encode())

    def _issue(self, text):
        def part(name):
            return re.search(f"<{name}>([^<]*)</{name}>", text)[1]

        identity = AwsIdentity(part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"))
        ends = time.time() + self.lifetime
        self.ends[identity] = ends
        self.issued.append(identity)
        shown = datetime.fromtimestamp(ends, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return re.sub("<Expiration>[^<]*", f"<Expiration>{shown}", text)

    def stop(self):
        super().stop()
        self._moto.stop()
