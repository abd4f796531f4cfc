"""Photos and recordings, byte by byte."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from retrieval.catalogue.sample_photos import sample_named
from retrieval.engine.errors import DecodeError
from retrieval.models import Clip
from retrieval.selectors.results import audio_version
from retrieval.services.samples import kept_photo
from retrieval.storage.content_store import StorageError, storage_error
from retrieval.views.gone import gone_if_deleted, scene_at
from retrieval.views.problems import problem
from retrieval.views.ranges import stored_file_response

logger = logging.getLogger(__name__)

_PHOTO_TYPE = "image/jpeg"

# The address holds the version of the file, so a copy need never be asked about again. Only the
# listener's own browser may keep it: nobody could call a withdrawn recording back from the caches
# of others, and the browser that has it has heard it.
_AUDIO_CACHING = f"private, max-age={365 * 24 * 3600}, immutable"
_SCENE_CACHING = "private, max-age=3600"
_SAMPLE_CACHING = "public, max-age=3600"

_AUDIO_PIECE_BYTES = 1 << 20
"""A player asks for all the rest of a recording and reads it as slowly as it plays, or pauses.

It would hold a thread all that time. A piece is less than players read ahead: they take it whole
and come back for the next one when they need it.
"""


@require_safe
def clip_audio(request: HttpRequest, clip_id: int, version: str) -> HttpResponseBase:
    """Send what browsers play of a recording; with ?download=1 as a file with a name."""
    clip = get_object_or_404(Clip, pk=clip_id, added_in__isnull=False, removed_in__isnull=True)
    if version != audio_version(clip):
        raise Http404(f"recording {clip_id} has no version {version!r}")
    name = clip.played_name
    downloads = "download" in request.GET
    response = _stored_file(
        request,
        name,
        media_type=clip.played_media_type,
        etag=PurePosixPath(name).name,
        cache_control=_AUDIO_CACHING,
        open_end_bytes=None if downloads else _AUDIO_PIECE_BYTES,
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
    """Send the photo of a scene, re-encoded, to whoever knows the scene."""
    scene = scene_at(scene_id)
    return _stored_file(
        request,
        str(scene.photo.name),
        media_type=_PHOTO_TYPE,
        etag=scene.photo_sha256,
        cache_control=_SCENE_CACHING,
    )


@require_safe
def sample_photo(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Send a sample photo, re-encoded like any other."""
    sample = sample_named(settings.SOUNDSCAPE_SAMPLE_PHOTOS, slug)
    if sample is None:
        raise Http404(f"there is no sample {slug!r}")
    try:
        name = kept_photo(sample)
    except (DecodeError, StorageError) as error:
        logger.warning("sample %s has to wait: %s [%s]", slug, error, error.code)
        return _not_now(error.code)
    if name is None:
        raise Http404(f"sample {slug!r} is no photo")
    return _stored_file(
        request,
        name,
        media_type=_PHOTO_TYPE,
        etag=PurePosixPath(name).stem,
        cache_control=_SAMPLE_CACHING,
    )


def _stored_file(request: HttpRequest, name: str, **options: Any) -> HttpResponseBase:
    try:
        return stored_file_response(request, name, **options)
    except OSError as error:
        logger.error("%s cannot be read: %s", name, error)
        return _not_now(storage_error(error).code)


def _not_now(code: str) -> HttpResponse:
    passing = problem(code, "")
    return HttpResponse(
        f"{passing.title} [{code}]\n",
        status=passing.status,
        content_type="text/plain",
        headers={"Retry-After": str(passing.retry_after_s)},
    )
