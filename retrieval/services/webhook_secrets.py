"""The secrets by which messages to webhooks are signed.

They are derived from the site's secret key, so that a copy of the database holds none. After that
key is replaced, the secrets of earlier webhooks need the former key in `SECRET_KEY_FALLBACKS`.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from django.conf import settings
from django.utils.crypto import salted_hmac

from retrieval.models import Webhook

_PURPOSE: Final = "retrieval.services.webhook_secrets"


def give_secret(*, webhook: Webhook) -> bytes:
    """Set what a webhook's secret is derived from; return the secret."""
    webhook.salt = secrets.token_hex(16)
    secret = _derived(webhook.salt, settings.SECRET_KEY)
    webhook.secret_digest = hashlib.sha256(secret).hexdigest()
    return secret


def secret_of(*, webhook: Webhook) -> bytes | None:
    """Return a webhook's secret; None if the site no longer has the key that it came from."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        secret = _derived(webhook.salt, key)
        if hashlib.sha256(secret).hexdigest() == webhook.secret_digest:
            return secret
    return None


def _derived(salt: str, key: str | bytes) -> bytes:
    return salted_hmac(_PURPOSE, salt, secret=key, algorithm="sha256").digest()
