"""The site's web server with a clock that the rig can set."""

from benchmarks.chaos import clock
from soundscape_site.web.server import main

clock.follow()
main()
