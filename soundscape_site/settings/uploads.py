"""Limits of uploads: of a photo, and of a visitor; how visitors are identified."""

from __future__ import annotations

from soundscape_site.settings import env

# The largest photo.
SOUNDSCAPE_MAX_PHOTO_BYTES = env.integer("SOUNDSCAPE_MAX_PHOTO_BYTES", 20_000_000, minimum=1)
SOUNDSCAPE_MAX_PHOTO_PIXELS = env.integer("SOUNDSCAPE_MAX_PHOTO_PIXELS", 50_000_000, minimum=1)
# The largest recording that a program may send; imports on the server take larger ones.
SOUNDSCAPE_MAX_SENT_RECORDING_BYTES = 200_000_000
# Django keeps an upload in memory up to here: the photo and the rest of its form.
FILE_UPLOAD_MAX_MEMORY_SIZE = SOUNDSCAPE_MAX_PHOTO_BYTES + 1_000_000

# Photos per day, megabytes per day, photos per minute; 0 is unlimited.
SOUNDSCAPE_VISITOR_LIMITS = env.integers("SOUNDSCAPE_VISITOR_LIMITS", (200, 1_000, 20))
SOUNDSCAPE_ADDRESS_LIMITS = env.integers("SOUNDSCAPE_ADDRESS_LIMITS", (2_000, 10_000, 200))
SOUNDSCAPE_USER_LIMITS = env.integers("SOUNDSCAPE_USER_LIMITS", (2_000, 10_000, 60))

# Our proxies before the site, by number or networks: see `accounts.client_address`.
SOUNDSCAPE_PROXIES = env.proxies("SOUNDSCAPE_PROXIES")
SOUNDSCAPE_VISITOR_COOKIE = "visitor"
# Names the newest uploads of a browser until an account claims them.
SOUNDSCAPE_UPLOADS_COOKIE = "uploads"
# Names a browser that has said, without an account, whether recordings fit.
SOUNDSCAPE_THUMBS_COOKIE = "thumbs"

# The parts of an export of personal data.
SOUNDSCAPE_EXPORT_SECTIONS = [
    "retrieval.services.export_sections.ACCOUNT",
    "retrieval.services.export_sections.PHOTOS",
    "retrieval.services.export_sections.REPORTS",
    "retrieval.services.export_sections.THUMBS",
    "retrieval.services.export_sections.WEBHOOKS",
    "labelling.services.export_sections.GRADES",
]
# What apps above `retrieval` add to its sweeper and backups: the task of each kind of background
# job, and the fields that name stored files.
SOUNDSCAPE_JOBS = {"labelling.PhotoImport": "labelling.tasks.import_photos"}
SOUNDSCAPE_STORED_FILES = ["labelling.PhotoImport.archive"]
