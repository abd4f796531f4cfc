"""Every error code for visitors has a status and plain words."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from retrieval.decoding import child, pool
from retrieval.engine import errors
from retrieval.engine.matching import recipes
from retrieval.engine.networks import registry, weights
from retrieval.engine.photos import headers, images
from retrieval.engine.ranking import files
from retrieval.jobs import transitions
from retrieval.quotas import daily, rates
from retrieval.services import matching, scenes, uploads
from retrieval.storage import content_store
from retrieval.views import form_guard, problems
from retrieval.views import uploads as upload_views
from retrieval.views.problems import _KNOWN, photo_too_large, problem

MODULES = (
    pool, child, errors, headers, images, files, transitions, recipes, matching, content_store,
    problems, registry, form_guard, scenes, uploads, daily, rates,
    upload_views, weights,
)  # fmt: skip
KNOW_A_FIGURE = {
    "too_many_files", "file_too_large", "queue_full", "quota_photos", "quota_bytes", "rate_limited",
}  # fmt: skip
OF_RECORDINGS = {"audio_decode_failed"}
UNAVAILABLE = (
    "decoder_busy", "decoder_unavailable", "decoding_stopped", "queue_full", "library_empty",
    "profiles_missing", "weights_missing", "weights_altered", "weights_misaligned",
    "conversion_failed",
)  # fmt: skip


def nodes_of_codes(node: ast.AST) -> Iterator[ast.AST | None]:
    """Yield the expressions of codes: arguments, class attributes, results of `..._code`."""
    match node:
        case ast.keyword(arg="code", value=value):
            yield value
        case ast.Call(func=ast.Name(id="problem"), args=[first, *_]):
            yield first
        case ast.ClassDef(body=lines):
            for line in lines:
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "code":
                    yield line.value
        case ast.FunctionDef(name=name) if name.endswith("_code"):
            yield from (line.value for line in ast.walk(node) if isinstance(line, ast.Return))


def codes_in(module: ModuleType) -> Iterator[str]:
    """Yield every code in a module, as a literal or a constant of the module."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        for value in nodes_of_codes(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
            elif isinstance(value, ast.Name) and isinstance(getattr(module, value.id, None), str):
                yield getattr(module, value.id)


def test_scan_finds_every_kind_of_code():
    assert {"decoder_busy", "decode_timeout"} <= set(codes_in(pool))
    assert {"file_unreadable", "image_decode_failed"} <= set(codes_in(images))
    assert "engine_error" in set(codes_in(errors))
    assert "file_too_large" in set(codes_in(problems))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_code_has_its_own_words(module):
    assert set(codes_in(module)) - OF_RECORDINGS - _KNOWN.keys() == set()


@pytest.mark.parametrize("code", [transitions.POISON, *_KNOWN])
def test_words_are_plain_sentences(code):
    shown = problem(code, "TypeError: 0x7f at b'\\xff'")
    if code in KNOW_A_FIGURE:
        assert shown.detail == "TypeError: 0x7f at b'\\xff'"
        return
    assert re.fullmatch(r"[A-Z][\w ,;.]+\.", shown.detail), shown.detail
    assert re.fullmatch(r"[A-Z][\w ]+", shown.title), shown.title


@pytest.mark.parametrize("code", UNAVAILABLE)
def test_temporary_failures_are_503(code):
    assert problem(code, "").status == 503


def test_words_include_the_limits():
    assert problem("unsupported_media_type", "").detail == "We can read JPEG, PNG, WebP and HEIC."
    assert "50 megapixels" in problem("image_too_many_pixels", "").detail
    assert "30,000 pixels" in problem("image_bad_dimensions", "").detail
    assert "16 pixels" in problem("image_too_small", "").detail


def test_limits_are_those_of_the_settings(settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 2_500_000
    settings.SOUNDSCAPE_MAX_PHOTO_PIXELS = 12_000_000
    assert "up to 12 megapixels" in problem("image_too_many_pixels", "").detail
    assert photo_too_large(2_600_000).detail == "It has 2.6 MB; the most we take is 2.5 MB."


def test_unknown_code_shows_no_technical_detail():
    shown = problem("never_heard_of", "KeyError: 'x'")
    assert (shown.code, shown.status) == ("never_heard_of", 422)
    assert "KeyError" not in shown.detail
