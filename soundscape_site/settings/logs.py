"""One line a record on standard error."""

from __future__ import annotations

from soundscape_site.settings import env

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "soundscape_site.web.request_ids.RequestIdFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {request_id} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.text("SOUNDSCAPE_LOG_LEVEL", "INFO")},
    # Django's own handlers for these would print every line twice.
    "loggers": {
        "django": {"level": "INFO"},
        "django.server": {"propagate": True, "handlers": []},
        # Strangers try host names all day: the answer 400 is enough, a traceback is not needed.
        "django.security.DisallowedHost": {"handlers": [], "propagate": False},
    },
}
