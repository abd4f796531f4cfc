"""Sign programs in by their key."""

from __future__ import annotations

from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey, User
from accounts.selectors.api_keys import key_of_secret
from accounts.services.api_keys import note_use


class KeyAuthentication(TokenAuthentication):
    """Authenticates by `Authorization: Bearer <key>`, and by nothing else.

    knox's own look-up deletes expired keys while it authenticates; ours keeps their rows and
    answers alike for every secret that opens no key.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the key's user and the key; None for other kinds of authentication."""
        kind, _space, secret = get_authorization_header(request).partition(b" ")
        if kind.lower() != self.authenticate_header(request).lower().encode():
            return None
        return self.authenticate_credentials(secret.strip())

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiKey]:
        """Return the key's user and the key."""
        key = key_of_secret(token.decode("latin-1"))
        if key is None:
            raise AuthenticationFailed(
                _("The key is unknown, has expired or was revoked."), code="token_invalid"
            )
        note_use(key=key)
        return key.user, key
