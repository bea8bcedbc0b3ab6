"""A real OpenID Connect provider, and an STS that takes its tokens as AWS's does."""

import ssl
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import jwt

from .process import free_port
from .rotating_sts import RotatingSts
from .servers import FIXTURES, Server, node
from .wire import answer

AUDIENCE = "https://sts.amazonaws.com"


class OidcProvider(Server):
    """Issues tokens to the client `gateway`, by its secret."""

    def __init__(self, secret, authentication="client_secret_basic", tls=()):
        """`tls`: the files of a key and of its certificate."""
        port = free_port()
        self.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        super().__init__([node(), FIXTURES / "provider.mjs", port, secret, authentication, *tls], port)


class WebIdentitySts(RotatingSts):
    """moto's STS does not look at the tokens of AssumeRoleWithWebIdentity; this one does, by the
    keys that the provider publishes. `claims` are those of the tokens that it took."""

    def __init__(self, provider, lifetime=3600):
        self.provider, self.claims = provider, []
        self.trust = None  # an authority's certificate, for a provider that speaks TLS
        super().__init__(lifetime)

    def serve(self, client, request):
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("Action") == "AssumeRoleWithWebIdentity":
            try:
                self.claims.append(self._verified(form["WebIdentityToken"]))
            except jwt.PyJWTError as error:
                self.record(request)
                return self._refuse(client, str(error))
        super().serve(client, request)

    def _verified(self, token):
        context = ssl.create_default_context(cadata=self.trust) if self.trust else None
        keys = jwt.PyJWKClient(f"{self.provider.issuer}/jwks", ssl_context=context)
        return jwt.decode(
            token, keys.get_signing_key_from_jwt(token), algorithms=["RS256"],
            issuer=self.provider.issuer, audience=AUDIENCE, options={"require": ["exp", "sub"]},
        )

    def _refuse(self, client, message):
        text = (
            '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
            f"<Code>InvalidIdentityToken</Code><Message>{escape(message)}</Message></Error>"
            "<RequestId>0</RequestId></ErrorResponse>"
        )
        answer(client, 400, {"content-type": "text/xml"}, text.encode())
