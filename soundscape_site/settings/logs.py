"""One line a record on standard error."""

from __future__ import annotations

from soundscape_site.settings import env

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("SOUNDSCAPE_LOG_LEVEL", "INFO")},
    # Django's own handlers for these would print every line twice.
    "loggers": {"django": {"level": "INFO"}, "django.server": {"propagate": True, "handlers": []}},
}
