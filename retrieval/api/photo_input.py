"""Read the photos of requests, sent as a form or as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler, TemporaryFileUploadHandler
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rest_framework.exceptions import APIException, ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import DataAndFiles
from rest_framework.request import Request

from accounts.api.parsing import StrictMultiPartParser
from accounts.api.problems import ApiProblem, content_of
from accounts.api.views import ApiView
from retrieval.api.base import as_api_problem
from retrieval.api.scene_serializers import (
    MOST_IN_BATCH,
    BatchFormSettingsSerializer,
    BatchJSONListSerializer,
    PhotoFormSerializer,
    PhotoJSONSerializer,
)
from retrieval.decoding.configured_limits import photo_limits
from retrieval.models import Visibility
from retrieval.selectors.clip_filters import ClipFilter
from retrieval.services.uploads import SentPhoto
from retrieval.storage.content_store import sha256_of_bytes
from retrieval.views.problems import photo_too_large, problem

_FIELD: Final = "photo"


class PhotoFormParser(StrictMultiPartParser):
    """Keeps forms up to the size of a photo in memory and larger ones in temporary files."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        """Return the fields and files of a form."""
        request = (parser_context or {})["request"]
        # The pages have the first handler alone, which drops what it does not keep.
        request.upload_handlers = [
            MemoryFileUploadHandler(request),
            TemporaryFileUploadHandler(request),
        ]
        return super().parse(stream, media_type, parser_context)


class BatchFormParser(PhotoFormParser):
    """Names far too many photos as what they are."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        """Return the fields and files of a form."""
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError as error:
            if error.get_codes() == "too_many_files":
                raise _batch_too_large() from error
            raise


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A photo of a batch, or why it is refused; `wanted` is what of it makes requests differ."""

    photo: SentPhoto | None
    refusal: APIException | None
    wanted: Mapping[str, Any]


def is_form(request: Request) -> bool:
    """Return whether a request says that its body is a form."""
    return str(request.content_type or "").lower().startswith("multipart/")


def photo_of(view: ApiView) -> dict[str, Any]:
    """Return the photo of a request, as bytes, and its settings; the request loses the photo.

    Raises
    ------
    ApiProblem, ValidationError
        If there is not exactly one, or it is too large.
    """
    data = view.request.data
    if isinstance(data, QueryDict):
        given = _only_file(view.request, data)
        values = view.sent(PhotoFormSerializer, data=data)
        content: bytes = given.read()
        given.close()
        return values | {_FIELD: content}
    if isinstance(data, dict) and _FIELD not in data:
        raise as_api_problem(problem("file_missing", ""))
    values = _checked(view.sent(PhotoJSONSerializer))
    if isinstance(data, dict):
        data.pop(_FIELD)
    return values


def batch_of(view: ApiView) -> list[BatchItem]:
    """Return the photos of a request.

    Raises
    ------
    ApiProblem, ValidationError
        If there are none or too many.
    """
    data = view.request.data
    if isinstance(data, QueryDict):
        return list(_form_items(view, data))
    photos = view.sent(BatchJSONListSerializer)["photos"]
    _check_number(photos)
    return [_json_item(view, one) for one in photos]


def _form_items(view: ApiView, data: QueryDict) -> Iterator[BatchItem]:
    files = view.request.FILES.getlist(_FIELD)
    _check_number(files)
    _check_fields(data)
    fields = {name: data[name] for name in data if name != _FIELD}
    values = view.sent(BatchFormSettingsSerializer, data=fields)
    for file in files:
        refusal = _too_large(file.size or 0)
        wanted = _wanted(_sha256(file), values | {"title": ""})
        photo = None if refusal else SentPhoto(_reader(file), **_settings(values))
        yield BatchItem(photo, refusal, wanted)


def _json_item(view: ApiView, sent: Any) -> BatchItem:
    try:
        values = _checked(view.sent(PhotoJSONSerializer, data=sent))
    except (ApiProblem, ValidationError) as error:
        return BatchItem(None, error, {"refused": _digest(sent)})
    content: bytes = values.pop(_FIELD)
    wanted = _wanted(sha256_of_bytes(content), values)
    return BatchItem(SentPhoto(lambda: content, **_settings(values)), None, wanted)


def _digest(sent: Any) -> str:
    try:
        return sha256_of_bytes(json.dumps(sent, sort_keys=True).encode())
    except RecursionError as error:  # it may be just short of what could not be read
        words = _("The JSON is nested too deeply.")
        raise ParseError(words, code="malformed_json") from error


def _only_file(request: Request, data: QueryDict) -> UploadedFile[bytes]:
    files = request.FILES.getlist(_FIELD)
    if not files:
        raise as_api_problem(problem("file_missing", ""))
    if len(files) > 1:
        words = ngettext(
            "{number} file arrived; send one.", "{number} files arrived; send one.", len(files)
        )
        raise as_api_problem(problem("too_many_files", words.format(number=len(files))))
    _check_fields(data)
    refusal = _too_large(files[0].size or 0)
    if refusal is not None:
        raise refusal
    found: UploadedFile[bytes] = files[0]
    return found


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    refusal = _too_large(len(values[_FIELD]))
    if refusal is not None:
        raise refusal
    return values


def _too_large(size: int) -> ApiProblem | None:
    return as_api_problem(photo_too_large(size)) if size > photo_limits().max_bytes else None


def _check_fields(data: QueryDict) -> None:
    """Refuse a field that occurs twice: readers differ in which of the two they take."""
    for name in data:
        if name != _FIELD and len(data.getlist(name)) > 1:
            words = _("This field occurs twice.")
            raise ValidationError({name: [ErrorDetail(words, code="malformed_multipart")]})


def _check_number(photos: Sequence[Any]) -> None:
    if not photos:
        raise as_api_problem(problem("file_missing", ""))
    if len(photos) > MOST_IN_BATCH:
        raise _batch_too_large()


def _batch_too_large() -> ApiProblem:
    words = _("Send at most {most} photos at once.").format(most=MOST_IN_BATCH)
    return ApiProblem("batch_too_large", words, status=413)


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(values)
    clip_filter = ClipFilter.of_json(given.pop("filter", {}))
    return given | {"visibility": Visibility(values["visibility"]), "clip_filter": clip_filter}


def _wanted(sha256: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {_FIELD: f"sha256:{sha256}", **values}


def _sha256(file: UploadedFile[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _reader(file: UploadedFile[bytes]) -> Any:
    def read() -> bytes:
        file.seek(0)
        content: bytes = file.read()
        return content

    return read


def problem_item(error: APIException) -> dict[str, Any]:
    """Return the outcome of a photo of a batch that was refused."""
    return {
        "status": error.status_code,
        "scene": None,
        "problem": content_of(error),
        "retry_after_s": getattr(error, "retry_after_s", None),
    }
