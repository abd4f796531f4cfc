"""Examples of calls: for the command line, in Python, and with the project's client."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from soundscape_site.api.example_values import (
    FILES,
    HEADERS,
    IN_BASE64,
    SEVERAL,
    SHOWN,
    parameter_example,
)

_JSON: Final = "application/json"
FORM: Final = "multipart/form-data"

CLIENT: Final = {
    "scenes_create": 'scene = client.upload("photo.jpg", title="The meadow", wait_s=10)',
    "scene_rematch": (
        'scene = client.rematch(scene_id, only={"commercial_use": True, "min_duration_s": 15})'
    ),
    "scenes_create_batch": (
        'results = client.upload_folder("photos/")\nwrite_csv(results, "results.csv")'
    ),
    "scenes_list": "for scene in client.scenes():\n    print(scene.id, scene.state)",
    "scene_get": (
        "scene = client.wait(scene_id)\n"
        "for match in scene.matches:\n"
        "    print(match.rank, match.strength, match.clip.title)"
    ),
    "scene_delete": "client.delete_scene(scene_id)",
    "clips_list": 'for clip in client.clips(q="rain", commercial_use=True):\n    print(clip.title)',
    "clip_get": "print(client.clip(7).credit_line)",
    "clip_audio": 'client.download_audio(7, "rain.flac")',
}
"""What does the same with the client in `examples/soundscape_client`, by operation."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call with example values.

    Attributes
    ----------
    bodies
        An example of each type of body.
    files
        The fields of a form that hold a file.
    answer_type
        The type of the first good answer; empty if it has no body.
    """

    operation: str
    method: str
    url: str
    parameters: tuple[dict[str, Any], ...]
    bodies: Mapping[str, Any]
    files: frozenset[str]
    answer_type: str

    @property
    def address(self) -> str:
        """The address with its parameters: those that it needs, and those worth showing."""
        values = {
            one["name"]: one.get("example", parameter_example(one)) for one in self.parameters
        }
        place = {one["name"]: one["in"] for one in self.parameters}
        shown = {
            one["name"]: _as_text(values[one["name"]])
            for one in self.parameters
            if one["in"] == "query" and (one.get("required") or one["name"] in SHOWN)
            if values[one["name"]] is not None
        }
        path = self.url.format(**{n: v for n, v in values.items() if place[n] == "path"})
        return f"{path}?{urlencode(shown)}" if shown else path

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the call shows, beside the key."""
        return {
            one["name"]: HEADERS[one["name"]]
            for one in self.parameters
            if one["in"] == "header" and (one.get("required") or one["name"] in SHOWN)
        }

    @property
    def sends_several_files(self) -> bool:
        """Whether a form with several files can be sent: the usual way to send them."""
        return any(isinstance(self.bodies.get(FORM, {}).get(name), list) for name in self.files)

    @property
    def file_name(self) -> str:
        """The file into which an answer goes that is not JSON; empty if it is."""
        if self.answer_type in {"", _JSON}:
            return ""
        return FILES.get(self.answer_type, "answer.bin")


def curl(call: Call) -> str:
    """Return the call for the command line, with the key in `$SOUNDSCAPE_KEY`."""
    parts = ["curl --fail-with-body"]
    if call.method != "GET":
        parts[0] += f" -X {call.method}"
    parts[0] += f" {shlex.quote(call.address)}"
    parts.append('-H "Authorization: Bearer $SOUNDSCAPE_KEY"')
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in call.headers.items()]
    if FORM in call.bodies:
        at = {True: "@", False: ""}
        parts += [
            f"-F {shlex.quote(f'{part.name}={at[part.is_file]}{part.value}')}"
            for part in _parts(call)
        ]
    elif call.bodies:
        parts.append(f"-H 'Content-Type: {_JSON}'")
        parts.append(f"-d {shlex.quote(json.dumps(call.bodies[_JSON], ensure_ascii=False))}")
    if call.file_name:
        parts.append(f"--output {call.file_name}")
    return " \\\n  ".join(parts)


def in_python(call: Call) -> str:
    """Return the call in Python, with nothing but its standard library."""
    imports = {"import os", "import urllib.request"}
    lines = []
    headers = dict(call.headers)
    data = ""
    if _JSON in call.bodies and not call.sends_several_files:
        imports.add("import json")
        headers["Content-Type"] = _JSON
        lines += _json_body(call, imports)
        data = "json.dumps(body).encode()"
    elif FORM in call.bodies:
        imports.add("import uuid")
        lines += _form_body(call, imports)
        data = "body"
    lines += [
        "request = urllib.request.Request(",
        f"    {_literal(call.address)},",
        f"    method={_literal(call.method)},",
    ]
    lines += ["    headers={", '        "Authorization": "Bearer " + os.environ["SOUNDSCAPE_KEY"],']
    lines += [f"        {_literal(n)}: {_literal(v)}," for n, v in headers.items()]
    if data == "body":
        lines.append('        "Content-Type": f"multipart/form-data; boundary={boundary}",')
    lines.append("    },")
    if data:
        lines.append(f"    data={data},")
    lines += [")", "with urllib.request.urlopen(request) as answer:"]
    lines += _use(call, imports)
    order = sorted(imports, key=lambda line: (line.startswith("from"), line))
    return "\n".join([*order, "", *lines])


def with_client(call: Call) -> str:
    """Return the call with the project's client, empty where the client has no method for it."""
    return CLIENT.get(call.operation, "")


def _use(call: Call, imports: set[str]) -> list[str]:
    if call.file_name:
        imports.add("from pathlib import Path")
        return [f"    Path({_literal(call.file_name)}).write_bytes(answer.read())"]
    if call.answer_type:
        imports.add("import json")
        return ["    print(json.load(answer))"]
    return ["    print(answer.status)"]


def _json_body(call: Call, imports: set[str]) -> list[str]:
    """Return the lines that make a body; a file in base64 is read, not written out."""
    body = _with_files_read(call.bodies[_JSON])
    if body != call.bodies[_JSON]:
        imports |= {"import base64", "from pathlib import Path"}
    return f"body = {_literal(body)}".splitlines()


class _Code(str):
    """Code within a value."""

    __slots__ = ()


def _literal(value: Any, indent: str = "") -> str:
    """Return a value as Python writes it, in lines."""
    if isinstance(value, _Code):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    deeper = indent + "    "
    if isinstance(value, dict) and value:
        lines = [f"{deeper}{_literal(n)}: {_literal(one, deeper)}," for n, one in value.items()]
        return "\n".join(["{", *lines, indent + "}"])
    if isinstance(value, list) and value:
        lines = [f"{deeper}{_literal(one, deeper)}," for one in value]
        return "\n".join(["[", *lines, indent + "]"])
    return repr(value)


def _with_files_read(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_files_read(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_files_read(one) for one in value]
    if isinstance(value, str) and value in IN_BASE64:
        return _Code(f"base64.b64encode(Path({_literal(IN_BASE64[value])}).read_bytes()).decode()")
    return value


def _form_body(call: Call, imports: set[str]) -> list[str]:
    """Return the lines that make the body of a form."""
    imports.add("from pathlib import Path")
    lines = ["boundary = uuid.uuid4().hex", 'body = b""']
    for part in _parts(call):
        disposition = f'form-data; name="{part.name}"'
        content = f"{_literal(part.value)}.encode()"
        if part.is_file:
            disposition += f'; filename="{part.value}"'
            content = f"Path({_literal(part.value)}).read_bytes()"
        head = f"--{{boundary}}\\r\\nContent-Disposition: {disposition}\\r\\n\\r\\n"
        lines += [f"body += f'{head}'.encode()", f'body += {content} + b"\\r\\n"']
    lines.append('body += f"--{boundary}--\\r\\n".encode()')
    return lines


class _Part(NamedTuple):
    """A part of a form; the value of a file is its name."""

    name: str
    value: str
    is_file: bool


def _parts(call: Call) -> Iterator[_Part]:
    """Yield the parts of a form; each entry of a list is a part of its own."""
    for name, value in call.bodies[FORM].items():
        several = isinstance(value, list)
        if name in call.files:
            files = SEVERAL.get(name, ("a", "b")) if several else (FILES.get(name, "file"),)
            yield from (_Part(name, file, is_file=True) for file in files)
        else:
            values = value if several else [value]
            yield from (_Part(name, _as_text(one), is_file=False) for one in values)


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | dict) else str(value)
