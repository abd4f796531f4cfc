"""Photos and recordings of pairs and of examples, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from accounts.api.files import RANGE, FileView
from accounts.api.schema import operation
from accounts.scopes import Scope
from labelling.api.views import LabellingView
from labelling.views.lease_media import (
    photo_of_example,
    photo_of_lease,
    sound_of_example,
    sound_of_lease,
)

_PHOTO: Final[Mapping[Any, Any]] = {
    (200, "image/jpeg"): OpenApiTypes.BINARY,
    (206, "image/jpeg"): OpenApiTypes.BINARY,
}
_SOUND: Final[Mapping[Any, Any]] = {
    (200, "audio/*"): OpenApiTypes.BINARY,
    (206, "audio/*"): OpenApiTypes.BINARY,
}
_OF_LEASE: Final = (
    "Works while the pair is lent to you and after you graded it, until you skip it, somebody else "
    "gets it, or its photo or recording is withdrawn."
)


class LeasePhotoView(FileView, LabellingView):
    """The photo of a pair."""

    scopes: ClassVar = {"GET": Scope.LABELS_WRITE}

    @operation(
        operation_id="lease_photo",
        summary="Get the photo of a pair",
        description=_OF_LEASE,
        answers=_PHOTO,
        headers=RANGE,
        problems=(404, 416),
        tag="Grading",
    )
    def get(self, request: Request, token: UUID) -> HttpResponseBase:
        """Send the photo."""
        return photo_of_lease(request._request, self.owner.pk, token)


class LeaseSoundView(FileView, LabellingView):
    """The recording of a pair."""

    scopes: ClassVar = {"GET": Scope.LABELS_WRITE}

    @operation(
        operation_id="lease_sound",
        summary="Get the recording of a pair",
        description=_OF_LEASE,
        answers=_SOUND,
        headers=RANGE,
        problems=(404, 416),
        tag="Grading",
    )
    def get(self, request: Request, token: UUID) -> HttpResponseBase:
        """Send the recording."""
        return sound_of_lease(request._request, self.owner.pk, token)


class ExamplePhotoView(FileView, LabellingView):
    """The photo of an example of a guideline."""

    scopes: ClassVar = {"GET": Scope.LABELS_READ}

    @operation(
        operation_id="example_photo",
        summary="Get the photo of an example of a guideline",
        answers=_PHOTO,
        headers=RANGE,
        problems=(404, 416),
        tag="Grading",
    )
    def get(self, request: Request, example_id: int) -> HttpResponseBase:
        """Send the photo."""
        return photo_of_example(request._request, example_id)


class ExampleSoundView(FileView, LabellingView):
    """The recording of an example of a guideline."""

    scopes: ClassVar = {"GET": Scope.LABELS_READ}

    @operation(
        operation_id="example_sound",
        summary="Get the recording of an example of a guideline",
        answers=_SOUND,
        headers=RANGE,
        problems=(404, 416),
        tag="Grading",
    )
    def get(self, request: Request, example_id: int) -> HttpResponseBase:
        """Send the recording."""
        return sound_of_example(request._request, example_id)
