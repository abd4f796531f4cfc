"""Settings for a laptop: embedded services, plain HTTP, a secret key created on first start."""

from __future__ import annotations

from soundscape_site.settings import env
from soundscape_site.settings.base import *  # noqa: F403 # an environment is base plus overrides
from soundscape_site.settings.paths import VAR_DIR
from soundscape_site.settings.secret_key import load_or_create

DEBUG = False
SECRET_KEY = load_or_create(VAR_DIR / "secret-key")
# `serve` adds its addresses. Never *: DNS rebinding would let other sites read this one.
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.names("DJANGO_ALLOWED_HOSTS")]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # passkeys without HTTPS
