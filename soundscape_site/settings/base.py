"""Settings of every environment, with safe defaults that the others override by name."""

from __future__ import annotations

from typing import Any

from csp.constants import NONE, SELF

from soundscape_site.embedded.locations import POSTGRES_PORT, locate
from soundscape_site.settings import env
from soundscape_site.settings.paths import BASE_DIR, VAR_DIR

DEBUG = False
ALLOWED_HOSTS: list[str] = []

INSTALLED_APPS = [
    "soundscape_site.apps.SiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "soundscape_site.apps.SiteStaticFilesConfig",
    "django.contrib.postgres",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "accounts",
    "retrieval",
    "labelling",
    "soundscape_site.apps.SiteConfig",
]

MIDDLEWARE = [
    "soundscape_site.web.request_ids.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    # Before the check of the host name; its path is exempt from the redirect to TLS.
    "soundscape_site.web.health.HealthMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "soundscape_site.web.languages.VisitorLanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "retrieval.views.form_guard.FormGuardMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "retrieval.views.ownership.ClaimMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.logging_in.second_factor_middleware.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "soundscape_site.web.error_pages.OutageMiddleware",
]

ROOT_URLCONF = "soundscape_site.urls"
WSGI_APPLICATION = "soundscape_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "soundscape_site.web.request_ids.request_id",
            ],
        },
    }
]

# Two roles: the application's has no DDL; `manage.py migrate` uses the owner's.
DATABASE_APP_ROLE = env.text("DATABASE_APP_ROLE", "soundscape_app")
_EMBEDDED = locate(VAR_DIR)


def _embedded_database(role: str) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "soundscape",
        "USER": role,
        "HOST": str(_EMBEDDED.postgres_socket_directory),
        "PORT": str(POSTGRES_PORT),
    }


def _databases() -> dict[str, dict[str, object]]:
    if not env.text("DATABASE_URL", ""):
        return {
            "default": _embedded_database(DATABASE_APP_ROLE),
            "owner": _embedded_database("soundscape_owner"),
        }
    owner = env.text("DATABASE_OWNER_URL", "")
    return {"default": env.database("DATABASE_URL")} | (
        {"owner": env.database("DATABASE_OWNER_URL")} if owner else {}
    )


DATABASES = _databases()
MIGRATION_DATABASE = "owner"  # missing in processes that do not get its URL
_OPTIONS: dict[str, object] = {"connect_timeout": 2}  # seconds; a URL may override it
if env.text("SOUNDSCAPE_PROGRAM", "") == "web":
    # A page that waits for a lock answers 503 and frees its thread. Background jobs and migrations
    # have no such limit.
    _OPTIONS["options"] = "-c statement_timeout=5s -c lock_timeout=2s"
    for _database_settings in DATABASES.values():
        _database_settings["ENGINE"] = "soundscape_site.web.postgres"
for _database_settings in DATABASES.values():
    _database_settings["CONN_HEALTH_CHECKS"] = True
    _given: Any = _database_settings.get("OPTIONS", {})
    _database_settings["OPTIONS"] = _OPTIONS | _given

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "en-gb"
# A language is added once its translation exists; dates and numbers then follow it too. An English
# variant that is not listed, and plain English, get the first.
LANGUAGES = [
    ("en-gb", "English (United Kingdom)"),
    ("en-us", "English (United States)"),
    ("en-au", "English (Australia)"),
    ("en-ca", "English (Canada)"),
    ("en-ie", "English (Ireland)"),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "soundscape_site.web.static_storage.HashedStaticFiles"},
}
# The web server has the whole body already: another temporary file would only cost disk space.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
MEDIA_ROOT = env.path("SOUNDSCAPE_MEDIA_ROOT", VAR_DIR / "media")

from soundscape_site.settings.accounts import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.api import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.cache import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.celery import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.engine import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.labelling import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.logs import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.mail import *  # noqa: E402, F403 # parts of one settings module
from soundscape_site.settings.uploads import *  # noqa: E402, F403 # parts of one settings module
