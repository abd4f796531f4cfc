"""Example values of parameters and fields, and examples made of them."""

from __future__ import annotations

from typing import Any, Final

from soundscape_site.api.example_scenes import COMPONENTS, SCENE, SITE

_UUID: Final = "6f1d2a0e-8a35-4c1b-9d57-2f0c4b7e9a11"
_DEEPEST: Final = 12
_CHOICES: Final = ("allOf", "oneOf", "anyOf")
_GIVEN: Final = ("example", "const", "default")

# A photo of 32 x 32 pixels, so that an example that is copied works.
PHOTO_BASE64: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAPUlEQVR42u3NgQ2AIBAAsZ8OBUEUcP9VTG4L"
    "kusCjYQDJzIKLlQ03Oh48GJgYuFDGBgYGBgYGBgYGBjsEvx8L6IuchhTdAAAAABJRU5ErkJggg=="
)

_HOOK: Final = "https://hooks.example.org/soundscape"

VALUES: Final[dict[str, Any]] = {
    "next": None,
    "photo": PHOTO_BASE64,
    "Webhook.url": _HOOK,
    "NewWebhook.url": _HOOK,
    "WebhookInputRequest.url": _HOOK,
    "PatchedWebhookChangeRequest.url": _HOOK,
    "NewWebhook.secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "ClipLinks.self": f"{SITE}/api/v1/clips/7",
    "ClipLinks.audio": f"{SITE}/api/v1/clips/7/audio",
    "ClipLinks.similar": f"{SITE}/api/v1/clips/7/similar",
    "scene_id": SCENE,
    "commercial_use": True,
    "filter": {"commercial_use": True, "min_duration_s": 15.0},
    "title": "Rain on a tin roof",
    "PhotoFormRequest.title": "The meadow behind the house",
    "PhotoJSONRequest.title": "The meadow behind the house",
    "tags": ["rain", "roof"],
    "author": "Ada Example",
    "collection": "Field recordings 2026",
    "license": "CC-BY-4.0",
    "license_name": "Creative Commons Attribution 4.0",
    "license_url": "https://creativecommons.org/licenses/by/4.0/",
    "source_url": "https://recordings.example.org/rain",
    "credit_line": "“Rain on a tin roof” by Ada Example, CC BY 4.0",
    "q": "rain roof",
    "tag": "rain",
    "sound": "Rain",
    "reason": "The author asked for it.",
    "code": "unknown_field",
    "divergence_nats": {"heard": 1.42, "objects": 3.07},
    "media_type": "audio/flac",
    "original_media_type": "audio/wav",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Retry-After": 1,
}
"""By the name of the parameter or field, or `Component.field`; others get one of their type."""

HEADERS: Final = {
    "Idempotency-Key": "3f0c6a52-7d0e-4a0b-8c55-1f6a2d9b7e10",
    "If-Match": '"6f1d2a0e8a354c1b"',
    "Prefer": "wait=10",
}
"""Of requests. They are shown on the page; in the description they would be taken for defaults."""

SHOWN: Final = frozenset({"Idempotency-Key", "Prefer", "q", "commercial_use"})
"""Optional parameters that the examples show."""

FILES: Final = {
    "photo": "photo.jpg",
    "recording": "rain.flac",
    "image/jpeg": "photo.jpg",
    "image/webp": "photo.webp",
    "audio/flac": "sound.flac",
    "audio/ogg": "sound.ogg",
    "text/csv": "labels.csv",
}
"""The names of files, by the field that holds them or by the type of an answer."""

SEVERAL: Final = {"photo": ("a.jpg", "b.jpg")}
"""The names of files, by the field of a form that takes a list of them."""

IN_BASE64: Final = {PHOTO_BASE64: "photo.jpg"}


def parameter_example(parameter: dict[str, Any]) -> Any:
    """Return an example of a parameter; None for one that need not be sent and has no example."""
    name, schema = parameter["name"], parameter["schema"]
    if name in VALUES:
        return VALUES[name]
    if parameter["in"] == "header":
        return None
    return _value(schema, {}, 0) if parameter.get("required") else schema.get("default")


def example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return an example of a body.

    Parameters
    ----------
    schemas
        The components to which the schema refers.
    """
    return _value(schema, schemas, 0)


def resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a schema behind references; of a choice, the first one that is not null."""
    while True:
        several = next((schema[name] for name in _CHOICES if name in schema), None)
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        elif several is not None:
            schema = next((one for one in several if one.get("type") != "null"), {})
        else:
            return schema


def component_of(schema: dict[str, Any]) -> str:
    """Return the name of the component to which a schema refers, or its list's entries do."""
    while "$ref" not in schema:
        several = next((schema[name] for name in _CHOICES if name in schema), None)
        if several is not None:
            schema = next((one for one in several if one.get("type") != "null"), {})
        elif "items" in schema:
            schema = schema["items"]
        else:
            return ""
    return str(schema["$ref"].rpartition("/")[2])


def _value(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    found = resolved(schema, schemas)
    component = next((name for name, one in schemas.items() if one is found), "")
    if component in COMPONENTS:
        return COMPONENTS[component]
    given = [one[name] for one in (schema, found) for name in _GIVEN if one.get(name) is not None]
    if given:
        return given[0]
    listed = found.get("examples") or found.get("enum")
    return listed[0] if listed else _of_type(found, schemas, depth, component)


def _of_type(schema: dict[str, Any], schemas: dict[str, Any], depth: int, component: str) -> Any:
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        found = {
            name: _field(f"{component}.{name}", name, one, schemas, depth)
            for name, one in schema.get("properties", {}).items()
        }
        more = schema.get("additionalProperties")
        if not found and isinstance(more, dict) and more:
            found["name"] = _value(more, schemas, depth + 1)
        return found
    if kind == "array":
        return [_value(schema.get("items", {}), schemas, depth + 1)] * schema.get("minItems", 1)
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), "text")
    numbers: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": True}
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    if kind in {"integer", "number"} and least is not None:
        return max(numbers[kind], least + ("exclusiveMinimum" in schema))
    return numbers.get(kind)


def _field(
    path: str, name: str, schema: dict[str, Any], schemas: dict[str, Any], depth: int
) -> Any:
    """Return the value of a field: the table's, if it can be one, or one of its type."""
    given = VALUES.get(path, VALUES.get(name))
    found = resolved(schema, schemas)
    kinds = found.get("type", ())
    several = [kinds] if isinstance(kinds, str) else kinds
    fits = path in VALUES or (name in VALUES and _JSON_NAMES[type(given)] in several)
    if fits and given in found.get("enum", [given]):
        return given
    return _value(schema, schemas, depth + 1)


_JSON_NAMES: Final = {
    str: "string", dict: "object", list: "array", int: "integer", float: "number",
    bool: "boolean", type(None): "null",
}  # fmt: skip

_FORMATS: Final = {
    "uuid": _UUID,
    "date-time": "2026-05-04T09:30:00Z",
    "date": "2026-05-04",
    "uri": f"{SITE}/api/v1/scenes",
    "email": "you@example.org",
}
