"""Routes with small views that use each part of the API's base."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import OperationalError, transaction
from django.http import FileResponse, Http404
from django.urls import path
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.response import Response

from accounts.api.idempotency import once
from accounts.api.parsing import StrictJSONParser, StrictMultiPartParser
from accounts.api.problems import ApiProblem
from accounts.api.serializers import (
    InputSerializer,
    OutputSerializer,
    PageQuerySerializer,
    QuerySerializer,
)
from accounts.api.views import ApiView
from accounts.models import IdempotentRequest
from accounts.scopes import Scope

handler400 = "soundscape_site.web.error_pages.bad_request"
handler404 = "soundscape_site.web.error_pages.not_found"
handler500 = "soundscape_site.web.error_pages.server_error"


class PartInput(InputSerializer):
    weight = serializers.FloatField(max_value=10)
    word = serializers.ChoiceField(choices=["good", "bad"], required=False)


class ThingInput(InputSerializer):
    name = serializers.CharField(max_length=20, required=False)
    size = serializers.FloatField(required=False)
    parts = PartInput(many=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False)
    message = serializers.IntegerField(required=False)
    code = serializers.IntegerField(required=False)


class ThingQuery(QuerySerializer):
    size = serializers.FloatField(required=False)


class ThingOutput(OutputSerializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class RowOutput(OutputSerializer):
    id = serializers.IntegerField()
    idempotency_key = serializers.CharField()


class ThingView(ApiView):
    """Echoes what it was sent, and shows one thing."""

    query = {"GET": ThingQuery}
    most_body_bytes = 100_000

    def get(self, request):
        return Response(self.present(ThingOutput, {"id": 7, "name": "seven"}))

    def post(self, request):
        return Response(self.sent(ThingInput), status=201)


class FormView(ApiView):
    """Tells of a form."""

    parser_classes = [StrictMultiPartParser, StrictJSONParser]

    def post(self, request):
        return Response({name: str(value) for name, value in request.data.items()})


class UrlencodedView(ApiView):
    """Validates a form without files."""

    parser_classes = [FormParser]

    def post(self, request):
        return Response(self.sent(ThingInput))


class RowsView(ApiView):
    """Lists the requests of all keys."""

    query = {"GET": PageQuerySerializer}

    def get(self, request):
        rows = IdempotentRequest.objects.all()
        return self.present_page(RowOutput, rows, order=("-created_at", "-id"))


class ScopedView(ApiView):
    """Needs a scope for each method but DELETE."""

    scopes = {"GET": Scope.SCENES_WRITE, "POST": Scope.CLIPS_WRITE}

    def get(self, request):
        return Response({"owner": request.user.pk, "key": self.key.pk})

    def post(self, request):
        return Response({})

    def delete(self, request):
        return Response(status=204)


class FailingView(ApiView):
    """Fails in the way that the address names."""

    def get(self, request, how):
        errors: dict[str, Exception] = {
            "fault": RuntimeError("a fault of ours"),
            "outage": OperationalError("the connection is lost"),
            "missing": Http404("nothing"),
            "wait": ApiProblem("too_busy", "Later.", status=429, retry_after_s=7),
        }
        raise errors[how]


class SoundView(ApiView):
    """Sends a file, or a part of one with the ETag of the whole."""

    read = 0

    def get(self, request, part):
        if part == "whole":
            return FileResponse(_Counted(b"abcdef"))
        status = 206 if part == "part" else 416
        response = Response("cde" if status == 206 else None, status=status)
        if request.headers.get("X-With-Etag"):
            response["ETag"] = '"whole"'
        return response


class _Counted(io.BytesIO):
    def read(self, size=-1):
        SoundView.read += 1
        return super().read(size)


class RefusalError(Exception):
    """A service's refusal."""


class OnceView(ApiView):
    """Makes a group once, then does what `after` says."""

    after: Callable[[], Response | None] | None = None
    committed: ClassVar[list[int]] = []

    def post(self, request):
        wanted = self.sent(ThingInput)
        return once(self, wanted, lambda: self._make(wanted))

    def problem_of(self, error):
        if isinstance(error, RefusalError):
            return ApiProblem("refused", "Not so.", status=422)
        return None

    def _make(self, wanted):
        made = Group.objects.create(name=f"made {uuid.uuid4()}")
        transaction.on_commit(lambda: OnceView.committed.append(made.pk))
        after = self.after
        if after is not None:
            answer = after()
            if answer is not None:
                return answer
        response = Response({"id": made.pk, **wanted}, status=201)
        response["Location"] = f"/api/v1/made/{made.pk}"
        response["Retry-After"] = "2"
        response["X-Other"] = "not kept"
        return response


urlpatterns = [
    path("api/v1/things", ThingView.as_view()),
    path("api/v1/forms", FormView.as_view()),
    path("api/v1/urlencoded", UrlencodedView.as_view()),
    path("api/v1/rows", RowsView.as_view()),
    path("api/v1/scoped", ScopedView.as_view()),
    path("api/v1/failing/<str:how>", FailingView.as_view()),
    path("api/v1/sound/<str:part>", SoundView.as_view()),
    path("api/v1/once", OnceView.as_view()),
]
