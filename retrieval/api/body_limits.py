"""The largest bodies that the site takes, by address.

Forms wait in temporary files. A JSON body is in memory several times while it is read, so a batch
in JSON gets no more than one photo does.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings

BATCH_FORM_BYTES: Final = 100_000_000
"""Photos sent together in a form; those of cameras have 2 to 8 MB."""

_API: Final = "/api/"
_BATCHES: Final = "/api/v1/scenes/batch"
_RECORDINGS: Final = "/api/v1/clips"
_FORM_OVERHEAD_BYTES: Final = 1_000_000


def photo_form_bytes() -> int:
    """Return the limit of a form with one photo: room to say that a photo is too large."""
    return 2 * int(settings.SOUNDSCAPE_MAX_PHOTO_BYTES)


def photo_json_bytes() -> int:
    """Return the limit of JSON with photos: 28 MiB for a photo of 20 MB, base64 and the rest."""
    in_base64 = -(-4 * int(settings.SOUNDSCAPE_MAX_PHOTO_BYTES) // 3)
    return in_base64 + int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)


def recording_form_bytes() -> int:
    """Return the limit of a form with one recording."""
    return int(settings.SOUNDSCAPE_MAX_SENT_RECORDING_BYTES) + _FORM_OVERHEAD_BYTES


def largest_body(path: str) -> int:
    """Return the largest body that the web server reads for an address.

    Up to so many bytes, the site explains that a request is too large; beyond them, the web server
    refuses the request by its headers.
    """
    if path == _RECORDINGS:
        return recording_form_bytes()
    if path == _BATCHES:
        return max(BATCH_FORM_BYTES, photo_json_bytes())
    if path.startswith(_API):
        return max(photo_form_bytes(), photo_json_bytes())
    return photo_form_bytes()


def largest_body_of_all() -> int:
    """Return the largest of these limits."""
    return max(largest_body(path) for path in (_RECORDINGS, _BATCHES, _API))
