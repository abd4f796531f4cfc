"""Serve photos and recordings."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from retrieval.catalogue.sample_photos import sample_named
from retrieval.engine.errors import DecodeError
from retrieval.models import Clip
from retrieval.selectors.library import served_clip
from retrieval.services.samples import sample_image
from retrieval.storage.content_store import StorageError, storage_error
from retrieval.views.access import scene_or_404
from retrieval.views.deletion import gone_if_deleted
from retrieval.views.problems import problem
from retrieval.views.ranges import stored_file_response

logger = logging.getLogger(__name__)

PHOTO_TYPE = "image/jpeg"

# The address contains the file's version, so a copy stays valid. Shared caches may not keep it:
# a recording that is withdrawn later could not be removed from them.
_AUDIO_CACHING = f"private, max-age={365 * 24 * 3600}, immutable"
# A copy is used only after the site has said again, by 304, that this visitor may see the photo: it
# may have become private, hidden or deleted meanwhile.
SCENE_CACHING = "private, no-cache"
_SAMPLE_CACHING = "public, max-age=3600"

_AUDIO_PIECE_BYTES = 1 << 20
"""Most bytes of a response to an open-ended range.

Players ask for all the rest and stop reading while they are paused; the web server closes such a
connection. A piece is smaller than a player's read-ahead buffer, so it is read at once.
"""


@require_safe
def clip_audio(request: HttpRequest, clip_id: int, version: str) -> HttpResponseBase:
    """Send a recording to a player; with ?download=1 as a file with a name."""
    clip = served_clip(clip_id)
    if clip is None:
        raise Http404(f"there is no recording {clip_id}")
    if version != clip.played_version:
        raise Http404(f"recording {clip_id} has no version {version!r}")
    try:
        downloads = "download" in request.GET
        return recording_response(
            request,
            clip,
            cache_control=_AUDIO_CACHING,
            downloads=downloads,
            open_end_bytes=None if downloads else _AUDIO_PIECE_BYTES,
        )
    except OSError as error:
        return _unreadable(clip.played_name, error)


def recording_response(
    request: HttpRequest,
    clip: Clip,
    *,
    cache_control: str,
    downloads: bool,
    open_end_bytes: int | None = None,
) -> HttpResponseBase:
    """Return the file that browsers play or a range of it; `downloads` gives it a name.

    Raises
    ------
    Http404
        If the file is not in the storage.
    OSError
        If it cannot be read.
    """
    name = clip.played_name
    response = stored_file_response(
        request,
        name,
        media_type=clip.played_media_type,
        etag=PurePosixPath(name).name,
        cache_control=cache_control,
        open_end_bytes=open_end_bytes,
    )
    if downloads:
        file_name = f"{clip.title}{PurePosixPath(name).suffix}"
        response["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=file_name
        )
    return response


@require_safe
@gone_if_deleted
def scene_photo(request: HttpRequest, scene_id: UUID) -> HttpResponseBase:
    """Send the re-encoded photo of a scene."""
    scene = scene_or_404(request, scene_id)
    return stored_file(
        request,
        str(scene.photo.name),
        media_type=PHOTO_TYPE,
        etag=scene.photo_sha256,
        cache_control=SCENE_CACHING,
    )


@require_safe
def sample_photo(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Send a re-encoded sample photo."""
    sample = sample_named(settings.SOUNDSCAPE_SAMPLE_PHOTOS, slug)
    if sample is None:
        raise Http404(f"there is no sample {slug!r}")
    try:
        name = sample_image(sample=sample)
    except (DecodeError, StorageError) as error:
        logger.warning("sample %s is unavailable for now: %s [%s]", slug, error, error.code)
        return _unavailable(error.code)
    if name is None:
        raise Http404(f"sample {slug!r} is no photo")
    return stored_file(
        request,
        name,
        media_type=PHOTO_TYPE,
        etag=PurePosixPath(name).stem,
        cache_control=_SAMPLE_CACHING,
    )


def stored_file(request: HttpRequest, name: str, **options: Any) -> HttpResponseBase:
    """Send a stored file as `stored_file_response` does; 503 if it cannot be read."""
    try:
        return stored_file_response(request, name, **options)
    except OSError as error:
        return _unreadable(name, error)


def _unreadable(name: str, error: OSError) -> HttpResponse:
    logger.error("%s cannot be read: %s", name, error)
    return _unavailable(storage_error(error).code)


def _unavailable(code: str) -> HttpResponse:
    reason = problem(code, "")
    return HttpResponse(
        f"{reason.title} [{code}]\n",
        status=reason.status,
        content_type="text/plain",
        headers={"Retry-After": str(reason.retry_after_s)},
    )
