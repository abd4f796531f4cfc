"""Settings of labelling."""

from __future__ import annotations

from soundscape_site.settings import env

# Seconds of sound that a reviewer hears before a grade; 0, for measurements, switches that off.
SOUNDSCAPE_MINIMUM_LISTEN_S = env.integer("SOUNDSCAPE_MINIMUM_LISTEN_S", 3)
