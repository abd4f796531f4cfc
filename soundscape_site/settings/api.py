"""Settings of the API: every route needs a key unless it declares otherwise."""

from __future__ import annotations

from typing import Any

from soundscape_site.settings import env

# Threads of the web server; a quarter of them may wait for results (`Prefer: wait`).
SOUNDSCAPE_WEB_THREADS = env.integer("SOUNDSCAPE_WEB_THREADS", 16, minimum=1)

KNOX_TOKEN_MODEL = "accounts.ApiKey"  # noqa: S105 # the name of a model
# Only its hashes and its authentication are used: without its migrations it makes no table.
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "snd_"}

# Requests a minute and a day; 0 is unlimited.
SOUNDSCAPE_API_KEY_LIMITS = env.integers("SOUNDSCAPE_API_KEY_LIMITS", (600, 50_000))
SOUNDSCAPE_API_ADDRESS_LIMITS = env.integers("SOUNDSCAPE_API_ADDRESS_LIMITS", (1_200, 100_000))

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "soundscape_site.api.description.ScopedSchema",
    "EXCEPTION_HANDLER": "accounts.api.problems.exception_handler",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Scenery Soundscaping",
    "DESCRIPTION": "Send photos of places, and get the recordings that fit them best.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "DISABLE_ERRORS_AND_WARNINGS": False,
    # Without the hook that names enumerations: choices stand where they are used.
    "POSTPROCESSING_HOOKS": ["soundscape_site.api.description.complete"],
    "WEBHOOKS": [
        f"retrieval.api.webhook_messages.{name}"
        for name in ("SCENE_DONE", "SCENE_FAILED", "IMPORT_DONE", "IMPORT_FAILED", "TEST")
    ],
    "TAGS": [
        {"name": "Photos", "description": "Send photos, and get the recordings that fit them."},
        {"name": "Recordings", "description": "Search, play and import recordings."},
        {"name": "Models", "description": "What made a match, enough to make it again."},
        {"name": "Webhooks", "description": "Be told when something has happened."},
        {"name": "Grading", "description": "Campaigns, pairs of photo and recording, and grades."},
        {"name": "Reports", "description": "How good the matches are, with intervals."},
    ],
}
