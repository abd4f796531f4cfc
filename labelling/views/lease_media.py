"""Serve photos and recordings to reviewers, under addresses that name neither.

A pair's are named by the token of its lease, which also stands in the ETag: a hash of the content
would tell that two pairs share a recording.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from labelling.models import GuidelineExample, Slot
from labelling.selectors.desk import reviewer_id_of, shown_example
from labelling.selectors.queue import slot_by_token
from labelling.views.access import actor_of, reviewer_required
from retrieval.models import Clip, Scene
from retrieval.views.media import stored_file

_PHOTO_TYPE: Final = "image/jpeg"
_CACHING: Final = "private, max-age=600"
_PIECE_BYTES: Final = 1 << 20
"""Most bytes of a response to an open-ended range, as for other players."""


@require_safe
@reviewer_required
def lease_photo(request: HttpRequest, token: UUID) -> HttpResponseBase:
    """Send the photo of a pair that is lent to this reviewer."""
    return photo_of_lease(request, actor_of(request), token)


@require_safe
@reviewer_required
def lease_sound(request: HttpRequest, token: UUID) -> HttpResponseBase:
    """Send the recording of a pair that is lent to this reviewer."""
    return sound_of_lease(request, actor_of(request), token)


@require_safe
@reviewer_required
def example_photo(request: HttpRequest, example_id: int) -> HttpResponseBase:
    """Send the photo of an example of a guideline."""
    return photo_of_example(request, example_id)


@require_safe
@reviewer_required
def example_sound(request: HttpRequest, example_id: int) -> HttpResponseBase:
    """Send the recording of an example of a guideline."""
    return sound_of_example(request, example_id)


def photo_of_lease(request: HttpRequest, user_id: int, token: UUID) -> HttpResponseBase:
    """Answer with the photo of a pair that is lent to somebody; 404 if it is not."""
    scene = _slot_or_404(user_id, token).pair.scene
    if scene is None:
        raise Http404(f"the photo of lease {token} was deleted")
    return _photo(request, scene, etag=str(token))


def sound_of_lease(request: HttpRequest, user_id: int, token: UUID) -> HttpResponseBase:
    """Answer with the recording of a pair that is lent to somebody; 404 if it is not."""
    return _sound(request, _slot_or_404(user_id, token).pair.clip, etag=str(token))


def photo_of_example(request: HttpRequest, example_id: int) -> HttpResponseBase:
    """Answer with the photo of an example; 404 if it may not be shown."""
    return _photo(request, _example_or_404(example_id).scene, etag=f"example-{example_id}")


def sound_of_example(request: HttpRequest, example_id: int) -> HttpResponseBase:
    """Answer with the recording of an example; 404 if it may not be shown."""
    return _sound(request, _example_or_404(example_id).clip, etag=f"example-{example_id}")


def _slot_or_404(user_id: int, token: UUID) -> Slot:
    reviewer_id = reviewer_id_of(user_id)
    slot = None if reviewer_id is None else slot_by_token(reviewer_id, token)
    if slot is None:
        raise Http404(f"no pair is lent to this reviewer by {token}")
    return slot


def _example_or_404(example_id: int) -> GuidelineExample:
    example = shown_example(example_id)
    if example is None:
        raise Http404(f"there is no example {example_id} to show")
    return example


def _photo(request: HttpRequest, scene: Scene, *, etag: str) -> HttpResponseBase:
    return stored_file(
        request,
        str(scene.photo.name),
        media_type=_PHOTO_TYPE,
        etag=etag,
        cache_control=_CACHING,
    )


def _sound(request: HttpRequest, clip: Clip, *, etag: str) -> HttpResponseBase:
    return stored_file(
        request,
        clip.played_name,
        media_type=clip.played_media_type,
        etag=etag,
        cache_control=_CACHING,
        open_end_bytes=_PIECE_BYTES,
    )
