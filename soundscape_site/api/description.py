"""What drf-spectacular does not write into the API's description by itself."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from django.core.validators import RegexValidator
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiJsonRenderer
from rest_framework import serializers

from accounts.api.serializers import WHITE_SPACE
from soundscape_site.api.example_scenes import ANSWERS
from soundscape_site.api.example_values import example_of, parameter_example, resolved

METHODS: Final = ("get", "post", "put", "patch", "delete")
JSON: Final = "application/json"
_LANGUAGE: Final = "en-gb"
_OF_A_PAGE: Final = {"results", "next"}


class ScopedSchema(AutoSchema):
    """Adds the scope that a key needs for an operation."""

    def get_extensions(self) -> dict[str, Any]:
        """Return the operation's own members beyond those of OpenAPI."""
        scopes = getattr(self.view, "scopes", {})
        scope = scopes.get(self.method)
        return {"x-scope": scope.value} if scope else {}

    def get_description(self) -> str:  # type: ignore[override] # the inspector's own signature
        """Return nothing: docstrings of views are for those who read the code."""
        return ""

    def _map_serializer_field(
        self, field: Any, direction: str, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Return a field's schema; white space alone is no text where one is needed."""
        found: dict[str, Any] = super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, *args, **kwargs
        )
        if (
            direction == "request"
            and isinstance(field, serializers.CharField)
            and field.trim_whitespace
            and not field.allow_blank
            and found.get("type") == "string"
            and not any(isinstance(one, RegexValidator) for one in field.validators)
        ):
            found.setdefault("pattern", f"[^{WHITE_SPACE}]")
        return found


def complete(result: dict[str, Any], *, generator: SchemaGenerator, **_: Any) -> dict[str, Any]:
    """Describe files and strict bodies as OpenAPI 3.1 does, and give every operation examples.

    It is a hook of drf-spectacular.
    """
    # drf-spectacular lists the components before it describes the webhooks, which have others.
    result["components"] = generator.registry.build({})
    _tidy(result)
    schemas = result.get("components", {}).get("schemas", {})
    for operation in operations(result):
        for parameter in operation.get("parameters", []):
            example = parameter_example(parameter)
            if example is not None:
                parameter.setdefault("example", example)
        body = operation.get("requestBody", {}).get("content", {})
        for content in body.values():
            _forbid_unknown_fields(content["schema"], schemas)
        _name_fields(operation, schemas)
        for status, answer in operation["responses"].items():
            answer["description"] = answer["description"] or HTTPStatus(int(status)).phrase
            _give_example(answer.get("content", {}), schemas, (operation["operationId"], status))
        _give_example(body, schemas)
    return result


def _give_example(
    content: dict[str, Any], schemas: dict[str, Any], answer: tuple[str, str] = ("", "")
) -> None:
    if JSON in content:
        value = ANSWERS.get(answer) or example_of(content[JSON]["schema"], schemas)
        content[JSON].setdefault("example", value)


def operations(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a description."""
    for path in description["paths"].values():
        yield from (path[method] for method in METHODS if method in path)


@functools.cache
def description() -> dict[str, Any]:
    """Return the API's description (OpenAPI 3.1), which is the same until the program changes."""
    with translation.override(_LANGUAGE):
        generated = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    # Rendered and read again: it holds lazy texts.
    found: dict[str, Any] = json.loads(OpenApiJsonRenderer().render(generated))
    return found


@functools.cache
def description_json() -> tuple[bytes, str]:
    """Return the description as a file, and the ETag of its content."""
    content = json.dumps(description(), indent=2, ensure_ascii=False).encode() + b"\n"
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _tidy(part: Any) -> None:
    """Describe files as JSON Schema 2020-12 does; leave out what only drf-spectacular reads."""
    if isinstance(part, dict):
        part.pop("x-spec-enum-id", None)
        if part.get("format") == "binary":
            del part["format"]
            part["contentMediaType"] = "application/octet-stream"
        for one in part.values():
            _tidy(one)
    elif isinstance(part, list):
        for one in part:
            _tidy(one)


def _name_fields(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say which names the parameter `fields` takes: those of the answer, or of a list's entries."""
    wanted = [one for one in operation.get("parameters", ()) if one["name"] == "fields"]
    for parameter in wanted:
        answer = operation["responses"].get("200", {}).get("content", {}).get(JSON)
        if answer is None:
            continue
        found = resolved(answer["schema"], schemas)["properties"]
        if set(found) == _OF_A_PAGE:
            found = resolved(found["results"]["items"], schemas)["properties"]
        names = "|".join(found)
        parameter["schema"] = {"type": "string", "pattern": f"^({names})(,({names}))*$"}


def _forbid_unknown_fields(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say of a body, and of the objects in it, that other fields are refused."""
    found = resolved(schema, schemas)
    if "properties" in found and "additionalProperties" not in found:
        found["additionalProperties"] = False
        for one in found["properties"].values():
            _forbid_unknown_fields(one, schemas)
    elif "items" in found:
        _forbid_unknown_fields(found["items"], schemas)
