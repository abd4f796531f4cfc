"""The header Idempotency-Key of requests that create something."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from django.db import DatabaseError, InterfaceError, transaction
from django.utils.translation import gettext as _
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from accounts.api.problems import MEDIA_TYPE, ApiProblem
from accounts.api.views import ApiView
from accounts.models import IdempotentRequest
from accounts.services.idempotency import (
    FORGOTTEN,
    IdempotencyError,
    KeyReusedError,
    begin,
    finish,
    give_up,
)

logger = logging.getLogger(__name__)

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
_MOST_CHARACTERS: Final = 255
_KEPT_HEADERS: Final = ("Location", "Retry-After")
_REFUSED_FOR_NOW: Final = frozenset({401, 403, 404, 409, 429})
"""Answers that may differ next time; they and faults of the server are not stored."""


def once(
    view: ApiView,
    wanted: Mapping[str, Any],
    act: Callable[[], Response],
    *,
    subjects: Callable[[Any], Iterable[str]] | None = None,
) -> Response:
    """Act and answer; a repetition of the request gets the first answer again.

    Parameters
    ----------
    wanted
        What the request asks for, validated: files as bytes. Its hash tells whether a second
        request with the same key is the same. The bytes of a multipart body would not do: each
        program separates its parts differently.
    act
        Runs within a transaction that also stores the answer. What it did is undone if it raises.
    subjects
        Returns what the body of a good answer tells of, such as "scene 3". When that is deleted,
        `forget_answers` empties the stored answer.

    Raises
    ------
    ApiProblem
        409 while the first request is in flight, 422 if it asked for something else, 410 if the
        answer told of what was deleted since.
    """
    given = view.request.headers.get(HEADER)
    if given is None:
        return act()
    key = _valid(given)
    try:
        known = begin(
            api_key_id=view.key.pk,
            idempotency_key=key,
            fingerprint=fingerprint(view.request.method or "", view.request.path, wanted),
        )
        if known.status is not None:
            return _replay(known)
        return _first(view, known, act, subjects)
    except IdempotencyError as error:
        raise _problem(error) from error


def fingerprint(method: str, path: str, wanted: Mapping[str, Any]) -> str:
    """Return a hash of what a request asks for; bytes count by their own SHA-256."""
    text = json.dumps([method, path, wanted], cls=_Encoder, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _first(
    view: ApiView,
    known: IdempotentRequest,
    act: Callable[[], Response],
    subjects: Callable[[Any], Iterable[str]] | None,
) -> Response:
    try:
        with transaction.atomic():
            try:
                with transaction.atomic():
                    response = act()
            except Exception as error:  # noqa: BLE001 # the view answers refusals, raises the rest
                response = view.handle_exception(error)
            if response.status_code in _REFUSED_FOR_NOW or response.status_code >= 500:
                give_up(request=known)
            else:
                headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
                body = json.loads(json.dumps(response.data, cls=JSONEncoder))
                finish(
                    request=known,
                    status=response.status_code,
                    headers=headers,
                    body=body,
                    subjects=subjects(body) if subjects and response.status_code < 400 else (),
                )
            return response
    except BaseException:
        _try_to_give_up(known)
        raise


def _try_to_give_up(known: IdempotentRequest) -> None:
    """Give up; if the database has gone, leave the request to the end of its lease."""
    try:
        give_up(request=known)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("request %s of key %s remains: %s", known.pk, known.api_key_id, error)


def _replay(known: IdempotentRequest) -> Response:
    if known.status == FORGOTTEN and known.body is None:
        words = _("What the first request with this key made was deleted since.")
        raise ApiProblem("gone", words, status=410)
    response = Response(known.body, status=known.status, headers=known.headers)
    if response.status_code >= 400:
        response.content_type = MEDIA_TYPE
    response[REPLAYED] = "true"
    return response


def _valid(given: str) -> str:
    key = given.strip().removeprefix('"').removesuffix('"')
    if not key or len(key) > _MOST_CHARACTERS or not key.isprintable() or not key.isascii():
        words = _("{header} must have 1 to {most} printable ASCII characters.")
        words = words.format(header=HEADER, most=_MOST_CHARACTERS)
        raise ApiProblem("invalid_idempotency_key", words, status=400)
    return key


def _problem(error: IdempotencyError) -> ApiProblem:
    if isinstance(error, KeyReusedError):
        words = _("This key was sent with another request. Take a new key for a new request.")
        return ApiProblem(error.code, words, status=422)
    words = _("The first request with this key is still being answered.")
    return ApiProblem(error.code, words, status=409, retry_after_s=1)


class _Encoder(JSONEncoder):
    """Writes bytes as their hash."""

    def default(self, obj: Any) -> Any:
        if isinstance(obj, bytes):
            return f"sha256:{hashlib.sha256(obj).hexdigest()}"
        return super().default(obj)
