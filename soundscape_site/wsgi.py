"""The site for WSGI servers."""

from __future__ import annotations

import os

from soundscape_site.web.application import web_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")

application = web_application()
