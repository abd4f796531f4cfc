"""Logging: one line per record on standard error."""

from __future__ import annotations

import logging

from soundscape_site.settings import env


def _drop_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "soundscape_site.web.request_ids.RequestIdFilter"},
        "no_traceback": {"()": "django.utils.log.CallbackFilter", "callback": _drop_traceback},
        "no_tokens": {"()": "soundscape_site.web.secret_paths.SecretPathFilter"},
    },
    "formatters": {
        "line": {"format": "{asctime} {levelname} {request_id} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id", "no_tokens"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.text("SOUNDSCAPE_LOG_LEVEL", "INFO")},
    # Django's own handlers for these would print every line twice.
    "loggers": {
        "django": {"level": "INFO"},
        "django.server": {"propagate": True, "handlers": []},
        # Scanners cause these all day.
        "django.security.DisallowedHost": {"filters": ["no_traceback"]},
    },
}
