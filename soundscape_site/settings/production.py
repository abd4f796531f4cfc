"""Settings for production: a missing variable stops the start."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from soundscape_site.settings import env
from soundscape_site.settings.base import *  # noqa: F403 # an environment is base plus overrides
from soundscape_site.settings.base import DATABASES

SECRET_KEY = env.text("DJANGO_SECRET_KEY")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(
        f"DJANGO_SECRET_KEY has {len(SECRET_KEY)} characters; at least 50 are needed."
    )
SECRET_KEY_FALLBACKS = env.names("DJANGO_SECRET_KEY_FALLBACKS")

ALLOWED_HOSTS = env.names("DJANGO_ALLOWED_HOSTS")
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("DJANGO_ALLOWED_HOSTS must list the site's host names, without *.")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

env.text("DATABASE_URL")
REDIS_URL = env.text("REDIS_URL")
for _settings in DATABASES.values():
    _settings["CONN_MAX_AGE"] = 60

SOUNDSCAPE_SECOND_FACTOR_REQUIRED = env.flag("SOUNDSCAPE_SECOND_FACTOR_REQUIRED", default=True)

SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
if env.flag("DJANGO_BEHIND_TLS_PROXY", default=False):
    # Only where the proxy strips this header from what clients send.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

SESSION_COOKIE_NAME = "__Host-sessionid"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_COOKIE_SECURE = True
SOUNDSCAPE_VISITOR_COOKIE = "__Host-visitor"
