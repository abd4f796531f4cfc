"""Storage of static files, named by a hash of their content; scripts and styles in few files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import dirname, join, normpath
from typing import Any, Final

from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

STYLES: Final = ("css/site.css",)
SCRIPTS: Final = ("js/main.js", "js/grade.js")
"""Files into which those that they import are put. A page loads one of the scripts, because each
has its own copy of the modules. Without this storage they work by a request for each file."""

_CSS_IMPORT: Final = re.compile(r'^@import "([^"]+)";$', re.MULTILINE)
_JS_IMPORT: Final = re.compile(r'^import (?:(\{[^}]*\}) from )?"([^"]+)";$', re.MULTILINE)
_JS_EXPORT: Final = re.compile(
    r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE
)
_JS_UNKNOWN: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)

Read = Callable[[str], str]


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # untyped library
    """WhiteNoise's storage, which bundles `STYLES` and `SCRIPTS`.

    Other modules name hashed files in their imports.
    """

    support_js_module_import_aggregation = True

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Iterator[Any]:
        """Bundle, then hash and compress."""

        def read(name: str) -> str:
            storage, path = paths[name]
            with storage.open(path) as file:
                return str(file.read().decode())

        bundles = {name: bundled_styles(name, read) for name in STYLES if name in paths}
        bundles |= {name: bundled_script(name, read) for name in SCRIPTS if name in paths}
        made = InMemoryStorage()
        for name, source in bundles.items():
            made.save(name, ContentFile(source.encode()))
        together = paths | {name: (made, name) for name in bundles}
        yield from super().post_process(together, *args, **options)


def bundled_styles(name: str, read: Read) -> str:
    """Return a style sheet with those that it imports in its place; they lie in one folder."""
    return _CSS_IMPORT.sub(lambda found: read(_beside(name, found[1])), read(name))


def bundled_script(name: str, read: Read) -> str:
    """Return a module and those that it imports as one module, each in a function of its own.

    Raises
    ------
    ValueError
        If modules import each other in a circle, or import or export in another form than
        ``import { a, b } from "./c.js";``, ``import "./c.js";``, ``export function``, ``class``
        or ``const``.
    """
    return "".join(_modules(name, read, done=[], open_=()))


def _modules(name: str, read: Read, *, done: list[str], open_: tuple[str, ...]) -> Iterator[str]:
    """Yield modules in the order in which a browser runs them: what is imported first."""
    if name in open_:
        raise ValueError(f"modules import each other: {' -> '.join((*open_, name))}")
    if name in done:
        return
    source = read(name)
    for found in _JS_IMPORT.finditer(source):
        yield from _modules(_beside(name, found[2]), read, done=done, open_=(*open_, name))
    done.append(name)
    yield _as_function(name, source)


def _as_function(name: str, source: str) -> str:
    def names_of(found: re.Match[str]) -> str:
        names = (found[1] or "").replace(" as ", ": ")
        return f"const {names} = {_variable(_beside(name, found[2]))};" if names else ""

    exported = ", ".join(found[1] for found in _JS_EXPORT.finditer(source))
    body = _JS_EXPORT.sub("", _JS_IMPORT.sub(names_of, source))
    if unknown := _JS_UNKNOWN.search(body):
        raise ValueError(f"{name}: this form cannot be bundled: {unknown[0]}")
    return f"const {_variable(name)} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name)


def _beside(name: str, address: str) -> str:
    return normpath(join(dirname(name), address))
