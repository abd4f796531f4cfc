"""Web's settings as they are, loaded with a clock that the rig can set."""

from benchmarks.chaos import clock
from soundscape_site.web.gunicorn import *  # noqa: F403

clock.follow()
