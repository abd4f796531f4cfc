"""Upload limits of visitors, and how visitors are identified."""

from __future__ import annotations

from soundscape_site.settings import env

# Photos per day, megabytes per day, photos per minute; 0 is unlimited.
SOUNDSCAPE_VISITOR_LIMITS = env.integers("SOUNDSCAPE_VISITOR_LIMITS", (200, 1_000, 20))
SOUNDSCAPE_ADDRESS_LIMITS = env.integers("SOUNDSCAPE_ADDRESS_LIMITS", (2_000, 10_000, 200))
SOUNDSCAPE_USER_LIMITS = env.integers("SOUNDSCAPE_USER_LIMITS", (2_000, 10_000, 60))

# Number of our proxies before the site; each adds an entry to X-Forwarded-For.
SOUNDSCAPE_PROXIES = env.integer("SOUNDSCAPE_PROXIES", 0)
SOUNDSCAPE_VISITOR_COOKIE = "visitor"
