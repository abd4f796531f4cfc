"""The base of the API's views of recordings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ValidationError as ModelValidationError
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from accounts.api.permissions import may
from accounts.api.problems import ApiProblem
from accounts.scopes import Scope
from retrieval.api.base import RetrievalView
from retrieval.api.clip_serializers import ClipSerializer
from retrieval.models import Clip
from retrieval.selectors.clip_details import ClipDetails, clip_details
from retrieval.services.clip_care import (
    AlreadyWithdrawnError,
    ClipCareError,
    NotWithdrawnError,
    VersionConflictError,
)
from retrieval.services.importing.sent import MetadataError
from retrieval.storage.content_store import StorageError, storage_error
from retrieval.views.problems import problem

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

logger = logging.getLogger(__name__)

_REFUSALS: Final[Mapping[type[ClipCareError], tuple[int, StrPromise]]] = {
    VersionConflictError: (
        412,
        gettext_lazy("The recording was changed meanwhile. Read it again, then change it."),
    ),
    AlreadyWithdrawnError: (409, gettext_lazy("The recording is withdrawn already.")),
    NotWithdrawnError: (409, gettext_lazy("The recording is not withdrawn.")),
}


class ClipView(RetrievalView):
    """A view of recordings; withdrawn ones exist for librarians only."""

    def clip_or_404(self, clip_id: int) -> ClipDetails:
        """Return a recording that this key may see."""
        found = clip_details(clip_id, with_withdrawn=self.sees_withdrawn)
        if found is None:
            raise NotFound
        return found

    def present_clip(self, details: ClipDetails) -> Response:
        """Answer a recording with all that is known of it; its ETag is its version."""
        content = ClipSerializer(
            details.clip,
            only=self._only(ClipSerializer),
            context=self._context() | {"details": details},
        ).data
        return Response(content, headers={"ETag": quote_etag(details.version)})

    @property
    def sees_withdrawn(self) -> bool:
        """Whether the key is a librarian's."""
        return may(self.key, Scope.CLIPS_WRITE)

    def problem_of(self, error: Exception) -> ApiProblem | None:
        """Return the problem that stands for a refusal of a service."""
        if isinstance(error, StorageError | OSError):
            return _storage_problem(error)
        if isinstance(error, ModelValidationError):
            return ApiProblem("metadata_invalid", " ".join(error.messages), status=400)
        if isinstance(error, MetadataError):
            return ApiProblem(error.code, str(error), status=400)
        if isinstance(error, ClipCareError):
            status, words = _REFUSALS[type(error)]
            return ApiProblem(error.code, str(words), status=status)
        if isinstance(error, Clip.DoesNotExist):
            return ApiProblem("not_found", _("There is no such recording."), status=404)
        return super().problem_of(error)


def _storage_problem(error: StorageError | OSError) -> ApiProblem:
    code = (error if isinstance(error, StorageError) else storage_error(error)).code
    logger.error("%s: %s", code, error)
    status = problem(code, "").status
    words = _("Files cannot be read or stored at the moment; nothing was kept.")
    if code == "storage_full":
        words = _("The site has run out of disk space; nothing was kept.")
    return ApiProblem(code, words, status=status, retry_after_s=problem(code, "").retry_after_s)
