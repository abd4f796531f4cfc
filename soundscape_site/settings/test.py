"""Settings for tests: real PostgreSQL and Redis, fast password hashes, separate data."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any, cast

from soundscape_site.settings.base import *  # noqa: F403 # an environment is base plus overrides
from soundscape_site.settings.base import CACHES, CELERY_BROKER_URL, DATABASES, REDIS_URL, STORAGES
from soundscape_site.settings.paths import VAR_DIR

SECRET_KEY = "only-for-tests-" + "x" * 40  # protects nothing

# The owner creates the test database; the application's role is tested by SET ROLE. Commits need
# not wait for the disk: tests of durability start servers of their own.
_database = cast("dict[str, Any]", DATABASES.get("owner", DATABASES["default"]))
_options = f"{_database['OPTIONS'].get('options', '')} -c synchronous_commit=off"
DATABASES = {"default": _database | {"OPTIONS": _database["OPTIONS"] | {"options": _options}}}
MIGRATION_DATABASE = "default"

MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = Path("/nonexistent/tests-must-use-the-media-root-fixture")
SOUNDSCAPE_INDEX_DIRECTORY = Path("/nonexistent/tests-must-use-the-index-fixture")
SOUNDSCAPE_SCRATCH_DIRECTORY = VAR_DIR / "scratch-tests"

# No limits: tests send many photos. Tests of the limits set their own.
SOUNDSCAPE_VISITOR_LIMITS = SOUNDSCAPE_ADDRESS_LIMITS = SOUNDSCAPE_USER_LIMITS = (0, 0, 0)
SOUNDSCAPE_API_KEY_LIMITS = SOUNDSCAPE_API_ADDRESS_LIMITS = (0, 0)

# Pages are tested without collecting static files first; the browser tests do collect them.
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}

# Separate Redis databases for a site of the same checkout (0) and for each pytest process (15 for
# gw0, 14 for gw1, ...): some tests count messages.
_REDIS_DATABASE = 15 - int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15
REDIS_URL = f"{REDIS_URL}?db={_REDIS_DATABASE}"
CELERY_BROKER_URL = f"{CELERY_BROKER_URL}?virtual_host={_REDIS_DATABASE}"

_RUN = secrets.token_hex(4)


def _cache_key(key: str, prefix: str, version: int) -> str:
    """Return a key of the running test's own: no test sees what another one cached."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]  # without its phase
    name = hashlib.sha256(test.encode()).hexdigest()[:16]  # no space in it, which Django warns of
    return f"{prefix}:{_RUN}:{name}:{version}:{key}"


CACHES["default"] = CACHES["default"] | {"LOCATION": REDIS_URL, "KEY_FUNCTION": _cache_key}
