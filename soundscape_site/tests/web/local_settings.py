"""The tests' settings for a web process that clients reach as localhost."""

from __future__ import annotations

from soundscape_site.settings.test import *  # noqa: F403 # an environment is base plus overrides

ALLOWED_HOSTS = ["localhost"]
