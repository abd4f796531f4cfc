"""The API's errors as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import islice
from math import ceil
from typing import Any, Final

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from accounts.origin import current_origin

MEDIA_TYPE: Final = "application/problem+json"
_DOCS: Final = "/api/v1/docs#"
_MOST_ERRORS: Final = 100
"""Of one validation: an answer must not be much larger than what was sent."""

_CODES: Final[dict[str, str]] = {
    "authentication_failed": "token_invalid",
    "not_authenticated": "key_missing",
    "parse_error": "malformed_request",
    "permission_denied": "forbidden",
    "throttled": "rate_limited",
    "null_characters_not_allowed": "invalid_characters",
    "surrogate_characters_not_allowed": "invalid_characters",
}
"""Our codes for those of REST framework."""


class ApiProblem(exceptions.APIException):
    """A refusal with a status, a stable code and a sentence; nothing was changed."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int,
        title: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.title = title
        self.retry_after_s = retry_after_s


def problem_content(
    *, status: int, code: str, detail: str, title: str = "", errors: list[Any] | None = None
) -> dict[str, Any]:
    """Return the members of a problem."""
    content: dict[str, Any] = {
        "type": f"{_DOCS}{code}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": current_origin().request_id,
    }
    if errors:
        content["errors"] = errors
    return content


def problem_json(
    status: int, code: str, detail: str, *, retry_after_s: int | None = None
) -> JsonResponse:
    """Return a problem as a response of Django, for errors outside of the API's views."""
    content = problem_content(status=status, code=code, detail=detail)
    response = JsonResponse(content, status=status, content_type=MEDIA_TYPE)
    response["Cache-Control"] = "no-store"
    if retry_after_s is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an exception of a view; None, for our own faults, leaves it to Django."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    response = Response(content_of(error), status=error.status_code, content_type=MEDIA_TYPE)
    challenge = getattr(error, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    wait_s = getattr(error, "retry_after_s", None) or getattr(error, "wait", None)
    if wait_s:
        response["Retry-After"] = str(ceil(wait_s))
    return response


def content_of(error: exceptions.APIException) -> dict[str, Any]:
    """Return an exception as the members of a problem."""
    if isinstance(error, exceptions.ValidationError):
        errors = list(islice(_field_errors(error.get_full_details(), ""), _MOST_ERRORS))
        codes = {one["code"] for one in errors}
        code = codes.pop() if len(codes) == 1 else "invalid"
        detail = " ".join(
            f"{one['field']}: {one['detail']}" if one["field"] else one["detail"] for one in errors
        )
        return problem_content(status=error.status_code, code=code, detail=detail, errors=errors)
    raw = str(error.get_codes())
    return problem_content(
        status=error.status_code,
        code=_CODES.get(raw, raw),
        detail=str(error.detail),
        title=getattr(error, "title", ""),
    )


def _field_errors(found: Any, field: str) -> Iterator[dict[str, str]]:
    """Yield each error of a validation with the path of its field, such as ``photos.3.photo``."""
    if isinstance(found, list):
        for position, one in enumerate(found):
            yield from _field_errors(one, field if _is_error(one) else _path(field, str(position)))
    elif _is_error(found):
        code = str(found["code"])
        yield {
            "field": _encodable(field),
            "code": _CODES.get(code, code),
            "detail": _encodable(str(found["message"])),
        }
    else:
        for name, one in found.items():
            yield from _field_errors(
                one, field if name == "non_field_errors" else _path(field, str(name))
            )


def _encodable(text: str) -> str:
    """Return a text that may repeat what was sent, with a mark for each lone surrogate."""
    return text.encode("utf-8", "replace").decode()


def _is_error(found: Any) -> bool:
    """Tell an error from the errors of fields that are called `message` and `code`."""
    return isinstance(found, Mapping) and isinstance(found.get("message"), str)


def _path(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
