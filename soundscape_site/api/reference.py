"""The API's description, as the readable page shows it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from soundscape_site.api.description import JSON, METHODS, description
from soundscape_site.api.example_calls import FORM, Call, curl, in_python, with_client
from soundscape_site.api.example_scenes import SITE
from soundscape_site.api.example_values import component_of, example_of, resolved

PROBLEM: Final = "application/problem+json"
_DEEPEST: Final = 6
_MANY_FIELDS: Final = 6
"""So many fields are not shown twice."""
_FIRST: Final = (
    "scenes_create", "scenes_create_batch", "scene_get", "scenes_list",
)  # fmt: skip
"""Operations that come first in their group; the others follow by address."""


@dataclass(frozen=True, slots=True)
class Like:
    """Where the same fields are shown, and which of those there are missing here."""

    anchor: str
    title: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body: its path, such as `photos[].title`."""

    name: str
    place: str
    kind: str
    required: bool
    meaning: SafeString
    like: Like | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A body of one type; its fields, and then its example too, may be shown elsewhere."""

    media_type: str
    anchor: str
    fields: tuple[Field, ...]
    like: Like | None
    example: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer."""

    status: int
    phrase: str
    body: Body | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, with an example for the command line and one in Python."""

    name: str
    method: str
    path: str
    summary: str
    text: SafeString
    scope: str
    parameters: tuple[Field, ...]
    bodies: tuple[Body, ...]
    answers: tuple[Answer, ...]
    problems: tuple[tuple[int, str], ...]
    curl: str
    python: str
    client: str


@dataclass(frozen=True, slots=True)
class Group:
    """The operations with one tag."""

    name: str
    operations: tuple[Operation, ...]


@functools.lru_cache(maxsize=8)
def groups(base: str) -> tuple[Group, ...]:
    """Return all operations, grouped by tag.

    Parameters
    ----------
    base
        The address under which the examples call the API, such as ``https://site.example``.
    """
    return groups_of(description(), base)


def groups_of(found: dict[str, Any], base: str) -> tuple[Group, ...]:
    """Return the operations of a description."""
    reader = _Reader(found, base)
    tagged: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in found["paths"].items():
        for method in METHODS:
            if method in methods:
                one = methods[method]
                tagged.setdefault(one["tags"][0], []).append((method, path, one))
    order = [tag["name"] for tag in found.get("tags", ())]
    return tuple(
        Group(
            tag,
            tuple(
                reader.operation(*one)
                for one in sorted(
                    tagged[tag], key=lambda one: _place(one[2]["operationId"], _FIRST)
                )
            ),
        )
        for tag in sorted(tagged, key=lambda tag: _place(tag, order))
    )


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _marked_up(text: str) -> SafeString:
    """Return a text as HTML, in which what stands between backticks is code."""
    parts = (
        format_html("<code>{}</code>" if number % 2 else "{}", part)
        for number, part in enumerate(text.split("`"))
    )
    return format_html_join("", "{}", ((part,) for part in parts))


class _Reader:
    """Reads a description, in the order of the page: what was shown is not shown again."""

    def __init__(self, found: dict[str, Any], base: str) -> None:
        self._schemas: dict[str, Any] = found.get("components", {}).get("schemas", {})
        self._base = base
        self._shown: dict[str, Like] = {}
        self._examples: set[str] = set()

    def operation(self, method: str, path: str, found: dict[str, Any]) -> Operation:
        """Return one operation."""
        contents = found.get("requestBody", {}).get("content", {})
        answers = [
            (int(status), answer)
            for status, answer in found["responses"].items()
            if int(status) < HTTPStatus.BAD_REQUEST
        ]
        types = [media_type for _status, one in answers for media_type in one.get("content", {})]
        call = Call(
            operation=found["operationId"],
            method=method.upper(),
            url=self._base + path,
            parameters=tuple(found.get("parameters", ())),
            bodies={
                media_type: example_of(content["schema"], self._schemas)
                for media_type, content in contents.items()
            },
            files=self._files(contents),
            answer_type=types[0] if types else "",
        )
        return Operation(
            name=found["operationId"],
            method=method.upper(),
            path=path,
            summary=found.get("summary", ""),
            text=_marked_up(found.get("description", "")),
            scope=found.get("x-scope", ""),
            parameters=tuple(self._parameter(one) for one in found.get("parameters", ())),
            bodies=tuple(
                self._body(
                    media_type,
                    content,
                    Like(f"{found['operationId']}-body-{number}", found.get("summary", "")),
                )
                for number, (media_type, content) in enumerate(contents.items(), start=1)
            ),
            answers=tuple(
                one for status, answer in answers for one in self._answers(found, status, answer)
            ),
            problems=tuple(
                (int(status), HTTPStatus(int(status)).phrase)
                for status in found["responses"]
                if int(status) >= HTTPStatus.BAD_REQUEST
            ),
            curl=curl(call),
            python=in_python(call),
            client=with_client(call),
        )

    def _parameter(self, found: dict[str, Any]) -> Field:
        schema = found["schema"]
        meaning = found.get("description") or schema.get("description", "")
        required = found.get("required", False)
        return Field(found["name"], found["in"], self._kind(schema), required, _marked_up(meaning))

    def _answers(
        self, operation: dict[str, Any], status: int, found: dict[str, Any]
    ) -> Iterator[Answer]:
        phrase = found.get("description") or HTTPStatus(status).phrase
        contents = found.get("content", {})
        if not contents:
            yield Answer(status, phrase, None)
        for number, (media_type, content) in enumerate(contents.items(), start=1):
            anchor = f"{operation['operationId']}-{status}-{number}"
            body = self._body(media_type, content, Like(anchor, operation["summary"]))
            yield Answer(status, phrase, body)

    def _body(self, media_type: str, content: dict[str, Any], here: Like) -> Body:
        schema = content["schema"]
        like = self._like(component_of(schema), here)
        fields = () if like else tuple(self._fields(schema, "", 0, here))
        if media_type == FORM:
            fields = tuple(map(_in_a_form, fields))
        example = ""
        if media_type == JSON:
            value = content.get("example", example_of(schema, self._schemas))
            example = json.dumps(_shortened(value), indent=2, ensure_ascii=False)
            example = example.replace(SITE, self._base)
        if like and example in self._examples:
            example = ""
        self._examples.add(example)
        return Body(media_type, here.anchor, fields, like, example)

    def _like(self, component: str, here: Like) -> Like | None:
        """Return where a component's fields are shown; if nowhere, remember that they are here."""
        own = self._schemas.get(component, {}).get("properties", {})
        if len(own) < _MANY_FIELDS:
            return None
        for name, place in self._shown.items():
            known = self._schemas[name]["properties"]
            if all(known.get(field) == one for field, one in own.items()):
                return replace(place, without=tuple(field for field in known if field not in own))
        self._shown[component] = here
        return None

    def _files(self, contents: dict[str, Any]) -> frozenset[str]:
        """Return the names of the fields that hold a file."""
        return frozenset(
            name
            for content in contents.values()
            for name, one in self._resolved(content["schema"]).get("properties", {}).items()
            if "contentMediaType" in one.get("items", one)
        )

    def _fields(
        self, schema: dict[str, Any], prefix: str, depth: int, here: Like
    ) -> Iterator[Field]:
        """Yield the fields of a body, and those of the objects in it."""
        found = self._resolved(schema)
        if found.get("type") == "array":
            yield from self._fields(found["items"], f"{prefix}[]", depth, here)
            return
        if depth >= _DEEPEST:
            return
        needed = found.get("required", ())
        for name, one in found.get("properties", {}).items():
            path = f"{prefix}.{name}" if prefix else name
            inner = self._resolved(one)
            meaning = one.get("description") or (
                "" if "properties" in inner else inner.get("description", "")
            )
            like = self._like(component_of(one), here)
            yield Field(path, "", self._kind(one), name in needed, _marked_up(meaning), like)
            if like is None:
                yield from self._fields(one, path, depth + 1, here)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        return resolved(schema, self._schemas)

    def _kind(self, schema: dict[str, Any]) -> str:
        """Return the type in words."""
        found = self._resolved(schema)
        kinds = found.get("type", "")
        several = kinds if isinstance(kinds, list) else [kinds]
        null = "null" in several or {"type": "null"} in schema.get("oneOf", ())
        words = " or ".join(kind for kind in several if kind not in {"null", ""}) or "any"
        if "enum" in found:
            names = [str(one) for one in found["enum"] if one is not None]
            words = ", ".join(names[:_MOST_NAMES])
            if len(names) > _MOST_NAMES:
                words += f", … ({len(names)} in all)"
        elif words == "array":
            words = f"list of {self._kind(found['items'])}"
        elif "contentMediaType" in found:
            words = "file"
        elif "format" in found and words == "string":
            words = f"string ({found['format']})"
        limits = ", ".join(limit.format(found[name]) for name, limit in _LIMITS if name in found)
        default = schema.get("default", found.get("default"))
        if default is not None:
            shown = default if default and isinstance(default, str) else json.dumps(default)
            limits += f"{', ' if limits else ''}default {shown}"
        return words + (f", {limits}" if limits else "") + (" or null" if null else "")


_LIMITS: Final = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} entries"),
    ("maxItems", "at most {} entries"),
)


def _in_a_form(field: Field) -> Field:
    """Return a field of a form, which says how a list is sent."""
    if not field.kind.startswith("list of"):
        return field
    return replace(
        field, kind=_("{kind}; send the field once for each entry").format(kind=field.kind)
    )


_LONGEST: Final = 80
_MOST_NAMES: Final = 20


def _shortened(value: Any) -> Any:
    """Return an example whose longest texts, such as files in base64, are cut."""
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    return f"{value[:60]}…" if isinstance(value, str) and len(value) > _LONGEST else value
