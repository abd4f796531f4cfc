"""Settings for production: a missing or unsafe variable stops the start."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from soundscape_site.settings import env
from soundscape_site.settings.base import *  # noqa: F403 # an environment is base plus overrides
from soundscape_site.settings.base import DATABASES, SOUNDSCAPE_MINIMUM_LISTEN_S
from soundscape_site.settings.secret_key import check_strength

SECRET_KEY = env.text("DJANGO_SECRET_KEY")
SECRET_KEY_FALLBACKS = env.names("DJANGO_SECRET_KEY_FALLBACKS")
check_strength("DJANGO_SECRET_KEY", SECRET_KEY)
for _key in SECRET_KEY_FALLBACKS:
    check_strength("DJANGO_SECRET_KEY_FALLBACKS", _key)

ALLOWED_HOSTS = env.hosts("DJANGO_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

env.text("DATABASE_URL")
env.text("REDIS_URL")
DATABASES = {name: given | {"CONN_MAX_AGE": 60} for name, given in DATABASES.items()}

env.text("SOUNDSCAPE_EMAIL_FROM")
if env.text("SOUNDSCAPE_EMAIL_URL") == "console:":
    raise ImproperlyConfigured(
        "SOUNDSCAPE_EMAIL_URL=console: would write links that log in to the log; name a server."
    )

# The web server speaks plain HTTP, so only a proxy can tell which requests came by TLS.
if not env.flag("DJANGO_BEHIND_TLS_PROXY", default=False):
    raise ImproperlyConfigured(
        "DJANGO_BEHIND_TLS_PROXY is not on: the site would redirect every request to itself. It "
        "needs a TLS proxy that sets X-Forwarded-Proto and removes what clients send under it."
    )
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if not env.proxies("SOUNDSCAPE_PROXIES"):
    raise ImproperlyConfigured(
        "SOUNDSCAPE_PROXIES must name the TLS proxy (its network, or 1 for one proxy): else all "
        "visitors count as one, and share one limit."
    )

SOUNDSCAPE_SECOND_FACTOR_REQUIRED = env.flag("SOUNDSCAPE_SECOND_FACTOR_REQUIRED", default=True)

if not SOUNDSCAPE_MINIMUM_LISTEN_S:
    raise ImproperlyConfigured(
        "SOUNDSCAPE_MINIMUM_LISTEN_S=0 would let reviewers grade sounds that they did not hear; "
        "give the seconds."
    )

SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"

SESSION_COOKIE_NAME = "__Host-sessionid"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_COOKIE_SECURE = True
SOUNDSCAPE_VISITOR_COOKIE = "__Host-visitor"
SOUNDSCAPE_UPLOADS_COOKIE = "__Host-uploads"
SOUNDSCAPE_THUMBS_COOKIE = "__Host-thumbs"
