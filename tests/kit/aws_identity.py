"""Throwaway AWS identities: what a client signs with and a verifier knows."""

from dataclasses import dataclass

from botocore.credentials import Credentials


@dataclass(frozen=True)
class AwsIdentity:
    """One access key; a `session_token` makes it a temporary one, as an assumed role has."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def botocore(self):
        return Credentials(self.access_key_id, self.secret_access_key, self.session_token)

    def credentials_text(self, profile="default"):
        """The AWS shared-credentials form, as a Secret or a file holds it."""
        lines = [
            f"[{profile}]",
            f"aws_access_key_id = {self.access_key_id}",
            f"aws_secret_access_key = {self.secret_access_key}",
        ]
        if self.session_token:
            lines.append(f"aws_session_token = {self.session_token}")
        return "\n".join(lines) + "\n"

    def environment(self):
        found = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }
        if self.session_token:
            found["AWS_SESSION_TOKEN"] = self.session_token
        return found


FIRST = AwsIdentity("AKIAFIRSTIDENTITY001", "first-secret/with+signs0123456789abcdefgh")
SECOND = AwsIdentity("ASIASECONDIDENTITY02", "second-secret-0123456789abcdefghijklmnop", "token/+two==")
THIRD = AwsIdentity("AKIATHIRDIDENTITY003", "third-secret-0123456789abcdefghijklmnopq")
