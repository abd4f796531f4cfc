"""Photos: send them, one or many, and list one's own."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import once
from accounts.api.parsing import StrictJSONParser
from accounts.api.schema import operation, page_serializer
from accounts.api.serializers import PageQuerySerializer
from accounts.scopes import Scope
from retrieval.api.base import RetrievalView
from retrieval.api.body_limits import BATCH_FORM_BYTES, photo_form_bytes, photo_json_bytes
from retrieval.api.photo_input import (
    BatchFormParser,
    BatchItem,
    PhotoFormParser,
    batch_of,
    is_form,
    photo_of,
    problem_item,
)
from retrieval.api.scene_base import UNFINISHED, SceneView
from retrieval.api.scene_content import scene_summary, scene_url, subjects_of
from retrieval.api.scene_serializers import (
    BatchFormSerializer,
    BatchJSONSerializer,
    BatchSerializer,
    PhotoFormSerializer,
    PhotoJSONSerializer,
    SceneSerializer,
    SceneSummarySerializer,
)
from retrieval.api.waiting import preferred_wait_s, wait_for
from retrieval.engine.errors import DecodeError
from retrieval.models import Scene, Visibility
from retrieval.quotas.allowances import user_allowances
from retrieval.selectors.clip_filters import ClipFilter
from retrieval.selectors.scenes import scene_with_run, scenes_of
from retrieval.services.uploads import Refusal
from retrieval.submission import submit_photo, submit_photos

logger = logging.getLogger(__name__)

_PREFER = OpenApiParameter(
    "Prefer",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=(
        "`wait=10`: wait up to 10 seconds for the result. More than 30 counts as 30; what cannot "
        "be read is ignored."
    ),
)


class ScenesView(SceneView):
    """The photos of the key's owner."""

    scopes = {"GET": Scope.SCENES_WRITE, "POST": Scope.SCENES_WRITE}
    query = {"GET": PageQuerySerializer}
    parser_classes = [StrictJSONParser, PhotoFormParser]

    def body_limit(self, request: Request) -> int:
        """Allow for base64 in JSON."""
        return photo_form_bytes() if is_form(request) else photo_json_bytes()

    @operation(
        operation_id="scenes_list",
        summary="Your photos, newest first",
        answers={200: page_serializer(SceneSummarySerializer)},
        query=PageQuerySerializer,
        tag="Photos",
    )
    def get(self, request: Request) -> Response:
        """List the photos of the key's owner."""
        return self.present_page(
            SceneSummarySerializer,
            scenes_of(self.key.user_id),
            order=("-created_at", "-id"),
            prepare=lambda rows: [scene_summary(scene, request) for scene in rows],
        )

    @operation(
        operation_id="scenes_create",
        summary="Send a photo",
        description=(
            "Answers 202 while the photo is matched; ask at `Location` for the result. With "
            "`Prefer: wait`, or if the same photo was matched before, the answer is 201 with the "
            "result. With `filter`, the result has only recordings that pass it; there may be none."
            " A form and JSON with the same photo and fields are the same request to "
            "`Idempotency-Key`."
        ),
        answers={201: SceneSerializer, 202: SceneSerializer},
        body={"multipart/form-data": PhotoFormSerializer, "application/json": PhotoJSONSerializer},
        headers=[_PREFER],
        problems=(410, 422, 507),
        idempotent=True,
        tag="Photos",
    )
    def post(self, request: Request) -> Response:
        """Receive a photo."""
        return self._waited(self._received())

    def _received(self) -> Response:
        sent = photo_of(self)  # not kept during the wait
        return once(
            self, sent, lambda: self._receive(sent), subjects=lambda body: subjects_of([body])
        )

    def _receive(self, sent: dict[str, Any]) -> Response:
        try:
            scene = submit_photo(
                content=sent["photo"],
                allowances=user_allowances(self.key.user_id),
                owner_id=self.key.user_id,
                judging_allowed=sent["judging_allowed"],
                title=sent["title"],
                visibility=Visibility(sent["visibility"]),
                clip_filter=ClipFilter.of_json(sent.get("filter", {})),
            )
        except DecodeError as error:  # if it were raised, `once` would undo that it was counted
            return self.handle_exception(error)
        response = self.answer(scene, status=_status(scene))
        response["Location"] = scene_url(scene, self.request)
        return response

    def _waited(self, response: Response) -> Response:
        """Wait for the result if the request prefers that, after the transaction."""
        wait_s = preferred_wait_s(self.request.headers.get("Prefer", ""))
        if response.status_code != 202 or not wait_s:
            return response
        scene_id = UUID(response["Location"].rpartition("/")[2])
        try:
            scene = scene_with_run(scene_id) if wait_for(scene_id, most_s=wait_s) else None
            if scene is None:  # not in time, or deleted
                return response
            finished = self.answer(scene, status=201)
        except (OperationalError, InterfaceError) as error:  # the photo is accepted nevertheless
            logger.warning("a request stops waiting for scene %s: %s", scene_id, error)
            return response
        for name in ("Location", "Idempotent-Replayed"):
            if name in response:
                finished[name] = response[name]
        finished["Preference-Applied"] = f"wait={wait_s}"
        return finished


class SceneBatchView(RetrievalView):
    """Several photos at once."""

    scopes = {"POST": Scope.SCENES_WRITE}
    parser_classes = [StrictJSONParser, BatchFormParser]

    def body_limit(self, request: Request) -> int:
        """Allow more in a form than in JSON, which is read into memory."""
        return BATCH_FORM_BYTES if is_form(request) else photo_json_bytes()

    @operation(
        operation_id="scenes_create_batch",
        summary="Send up to 50 photos",
        description=(
            "Each photo has an outcome of its own: those that are accepted stay although others "
            "are refused. A form may have 100 MB, and its other fields apply to all photos; JSON "
            "may have 28 MiB. After a repetition with the same `Idempotency-Key` the outcomes are "
            "those of the first time: send refused photos again with a new one. After one of the "
            "photos was deleted, a repetition gets 410. `Prefer` is ignored."
        ),
        answers={207: BatchSerializer},
        body={"multipart/form-data": BatchFormSerializer, "application/json": BatchJSONSerializer},
        problems=(410,),
        idempotent=True,
        tag="Photos",
    )
    def post(self, request: Request) -> Response:
        """Receive photos."""
        items = batch_of(self)
        wanted = {"photos": [item.wanted for item in items]}
        return once(
            self,
            wanted,
            lambda: self._receive(items),
            subjects=lambda body: subjects_of(one["scene"] for one in body["results"]),
        )

    def _receive(self, items: list[BatchItem]) -> Response:
        outcomes = iter(
            submit_photos(
                photos=[item.photo for item in items if item.photo is not None],
                allowances=user_allowances(self.key.user_id),
                owner_id=self.key.user_id,
            )
        )
        results = [
            self._result_of(next(outcomes)) if item.refusal is None else problem_item(item.refusal)
            for item in items
        ]
        return Response(self.present(BatchSerializer, {"results": results}), status=207)

    def _result_of(self, outcome: Scene | Refusal) -> dict[str, Any]:
        if isinstance(outcome, Scene):
            scene = scene_summary(outcome, self.request)
            nothing = {"problem": None, "retry_after_s": None}
            return {"status": _status(outcome), "scene": scene} | nothing
        refusal = self.problem_of(outcome)
        if refusal is None:
            raise outcome
        return problem_item(refusal)


def _status(scene: Scene) -> int:
    return 202 if scene.state in UNFINISHED else 201
