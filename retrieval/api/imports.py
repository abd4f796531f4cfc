"""Imports for programs: how they go."""

from __future__ import annotations

from typing import Final

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import page_of
from accounts.api.schema import operation
from accounts.api.serializers import PageQuerySerializer
from accounts.api.views import ApiView
from accounts.scopes import Scope
from retrieval.api.import_serializers import ImportSerializer, import_content
from retrieval.models import JobState
from retrieval.selectors.imports import import_with_id, items_of

_RETRY_AFTER_S: Final = 5


class ImportView(ApiView):
    """One import."""

    scopes = {"GET": Scope.CLIPS_WRITE}
    query = {"GET": PageQuerySerializer}

    @operation(
        operation_id="import_get",
        summary="Read how an import goes",
        description=(
            "For librarians, who see each other's imports. Items appear as files get their "
            "outcome. A later import of the same manifest shares its items."
        ),
        answers={200: ImportSerializer},
        query=PageQuerySerializer,
        problems=(404,),
        tag="Recordings",
    )
    def get(self, request: Request, import_id: int) -> Response:
        """Describe an import."""
        job = import_with_id(import_id)
        if job is None:
            raise NotFound
        page = page_of(
            items_of(job.source),
            order=("id",),
            cursor=self.parameters.get("cursor"),
            size=self.parameters["page_size"],
        )
        content = import_content(job, items=page.rows, next_page=self._next(page.next_cursor))
        response = Response(self.present(ImportSerializer, content))
        if job.state in {JobState.QUEUED, JobState.PROCESSING}:
            response["Retry-After"] = str(_RETRY_AFTER_S)
        return response
