"""Photos and recordings, byte by byte."""

from __future__ import annotations

from pathlib import PurePosixPath
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from retrieval.models import Clip, Scene
from retrieval.photo_pool import photo_pool
from retrieval.ranges import stored_file_response
from retrieval.samples import sample_named

_PHOTO_TYPE = "image/jpeg"
_YEAR_S = 365 * 24 * 3600
_HOUR_S = 3600


@require_safe
def clip_audio(request: HttpRequest, clip_id: int) -> HttpResponseBase:
    """Send what browsers play of a recording; with ?download=1 as a file with a name."""
    clip = get_object_or_404(Clip, pk=clip_id, added_in__isnull=False, removed_in__isnull=True)
    name = clip.played_name
    response = stored_file_response(
        request,
        name,
        media_type=clip.played_media_type,
        etag=PurePosixPath(name).name,
        max_age_s=_YEAR_S,
    )
    if "download" in request.GET:
        file_name = f"{clip.title}{PurePosixPath(name).suffix}"
        response["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=file_name
        )
    return response


@require_safe
def scene_photo(request: HttpRequest, scene_id: UUID) -> HttpResponseBase:
    """Send the photo of a scene, re-encoded, to whoever knows the scene."""
    scene = get_object_or_404(Scene, pk=scene_id)
    response = stored_file_response(
        request,
        str(scene.photo.name),
        media_type=_PHOTO_TYPE,
        etag=scene.photo_sha256,
        max_age_s=_HOUR_S,
    )
    response["Cache-Control"] = f"private, max-age={_HOUR_S}"
    return response


@require_safe
def sample_photo(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a sample photo, re-encoded like any other."""
    sample = sample_named(settings.SOUNDSCAPE_SAMPLE_PHOTOS, slug)
    if sample is None:
        raise Http404(f"there is no sample {slug!r}")
    decoded = photo_pool().decode_photo(sample.path)
    response = HttpResponse(decoded.web_image, content_type=_PHOTO_TYPE)
    response["Cache-Control"] = f"public, max-age={_HOUR_S}"
    return response
