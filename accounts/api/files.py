"""Answers that are files."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.problems import ApiProblem
from accounts.api.views import ApiView

IF_NONE_MATCH: Final = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="An ETag from before: the answer is 304 if nothing has changed.",
)
RANGE: Final = (
    OpenApiParameter(
        "Range",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description="One range of bytes, such as `bytes=0-65535`; anything else is ignored.",
    ),
    OpenApiParameter(
        "If-Range",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description="The ETag of the part that you have: if it differs, all is sent.",
    ),
)
NOT_MODIFIED: Final = OpenApiResponse(description="Nothing has changed; without a body.")

_UNSATISFIABLE: Final = 416


class FileView(ApiView):
    """A view that answers with a file, whatever media type the program says it accepts."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 # as in REST framework
        """Choose how problems are written; the file has one type only."""
        return super().perform_content_negotiation(request, force=True)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Replace refusals that are meant for players by problems."""
        shown = response
        if response.status_code >= 400 and not isinstance(response, Response):
            shown = self.handle_exception(_problem_of(response))
            if "Content-Range" in response:
                shown["Content-Range"] = response["Content-Range"]
        return super().finalize_response(request, shown, *args, **kwargs)


def _problem_of(response: Any) -> ApiProblem:
    if response.status_code == _UNSATISFIABLE:
        words = _("The range begins behind the end of the file.")
        return ApiProblem("range_not_satisfiable", words, status=_UNSATISFIABLE)
    words = _("The file cannot be read at the moment.")
    wait_s = int(response.get("Retry-After", 0)) or None
    return ApiProblem(
        "storage_unavailable", words, status=response.status_code, retry_after_s=wait_s
    )
