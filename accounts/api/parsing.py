"""Read bodies strictly."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any, Final

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from accounts.api.problems import ApiProblem

_MAY_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""An escaped NUL or surrogate, or two backslashes before what looks like one."""
_FORBIDDEN: Final = re.compile("[\0\ud800-\udfff]")
_MOST_DIGITS: Final = 308
"""Integers beyond the range of a float are useless here, and fail where they become one."""
_MOST_VALUES: Final = 20_000
"""More than the fields of any request, and the commas in its texts; base64 has none of these."""


class StrictJSONParser(BaseParser):
    """Refuses what other readers of the same JSON could understand differently.

    That is: a name twice in one object, NaN, numbers beyond the range of a float, and bytes that
    are not UTF-8. Also what cannot be stored: NUL and half of a surrogate pair.

    A body of very many small values is refused by its commas and brackets: in memory it would be
    twenty times as large.

    It is no JSONParser, because REST framework reads the body for those, up to a limit of Django's
    that is smaller than a photo; the views have limits of their own.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the content of a JSON body."""
        try:
            body = stream.read()
        except UnreadablePostError as error:
            raise ParseError(_("The body is incomplete."), code="malformed_json") from error
        return json_of(body)


class StrictMultiPartParser(MultiPartParser):
    """Answers a form that is damaged or too large with a code."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        """Return the fields and files of a form."""
        try:
            return super().parse(stream, media_type, parser_context)
        except (ParseError, UnreadablePostError, UnicodeError) as error:
            raise ParseError(str(error), code="malformed_multipart") from error
        except TooManyFilesSent as error:
            raise ParseError(_("Too many files were sent."), code="too_many_files") from error
        except TooManyFieldsSent as error:
            raise ParseError(_("Too many fields were sent."), code="too_many_fields") from error
        except RequestDataTooBig as error:
            raise ApiProblem(
                "fields_too_large", _("The fields of the form are too large."), status=413
            ) from error


def json_of(body: bytes) -> Any:
    """Return the content of JSON, read as `StrictJSONParser` says.

    Raises
    ------
    ParseError, ApiProblem
        If it is refused.
    """
    try:
        _check_number_of_values(body)
        text = body.decode("utf-8")
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refused_number,
            parse_float=_number,
            parse_int=_integer,
        )
    except RecursionError as error:
        raise ParseError(_("The JSON is nested too deeply."), code="malformed_json") from error
    except ValueError as error:
        raise ParseError(
            _("The body is not valid JSON: {reason}").format(reason=error),
            code="malformed_json",
        ) from error
    if _MAY_ESCAPE.search(text) and _holds_forbidden(found):
        raise ParseError(
            _("Texts must not hold the character NUL or half of a surrogate pair."),
            code="invalid_characters",
        )
    return found


def _check_number_of_values(body: bytes) -> None:
    if sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        words = _("The body has more than {most} commas and opening brackets.")
        raise ApiProblem("body_too_large", words.format(most=_MOST_VALUES), status=413)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _times), *_others = Counter(name for name, _value in pairs).most_common(1)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return found


def _refused_number(text: str) -> float:
    raise ValueError(f"{text} is not a number in JSON")


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("an integer is too large")
    return int(text)


def _holds_forbidden(found: Any) -> bool:
    """Search names and texts; without recursion, because the nesting may be deep."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if _FORBIDDEN.search(one):
                return True
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
    return False


def _number(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError(f"the number {text} is too large")
    return number
