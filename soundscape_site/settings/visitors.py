"""What visitors may send, and how they are told apart."""

from __future__ import annotations

from soundscape_site.settings import env

# Photos a day, megabytes a day, photos a minute; 0 stands for any number.
SOUNDSCAPE_VISITOR_LIMITS = env.integers("SOUNDSCAPE_VISITOR_LIMITS", (200, 1_000, 20))
SOUNDSCAPE_ADDRESS_LIMITS = env.integers("SOUNDSCAPE_ADDRESS_LIMITS", (2_000, 10_000, 200))
SOUNDSCAPE_USER_LIMITS = env.integers("SOUNDSCAPE_USER_LIMITS", (2_000, 10_000, 60))

# How many proxies of ours a request comes through; each adds an entry to X-Forwarded-For.
SOUNDSCAPE_PROXIES = env.integer("SOUNDSCAPE_PROXIES", 0)
SOUNDSCAPE_VISITOR_COOKIE = "visitor"
