"""Every code that the API's code reports is explained on its page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from accounts.api.problems import _CODES
from soundscape_site.api.codes import all_codes
from soundscape_site.settings.paths import BASE_DIR

SOURCES = [
    path
    for app in ("accounts", "retrieval", "labelling", "soundscape_site")
    for folder in ("api", "web")
    for path in (BASE_DIR / app / folder).rglob("*.py")
]
REPORTING = {"ApiProblem": 0, "problem_json": 1}
"""What reports a code, and which of its arguments the code is."""
BY_NAME = {"ErrorDetail", "ParseError", "AuthenticationFailed", "PermissionDenied", "NotFound"}

# Forms say `code=` with their own; REST framework's fields have these.
OF_FIELDS = {
    "required", "null", "blank", "invalid", "invalid_choice", "max_length", "min_length",
    "max_value", "min_value", "not_a_list", "empty",
}  # fmt: skip


def codes_in(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each code that a module reports as a literal, and where."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        values = [one.value for one in node.keywords if one.arg == "code" and name in BY_NAME]
        if name in REPORTING:
            values += node.args[REPORTING[name] :][:1]
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value, f"{path.relative_to(BASE_DIR)}:{node.lineno}"


def test_every_reported_code_is_listed():
    listed = {code.name for code in all_codes()}
    reported = [found for path in SOURCES for found in codes_in(path)]
    assert len(reported) > 10  # the scan finds them
    assert [(code, where) for code, where in reported if code not in listed] == []
    assert set(_CODES.values()) | OF_FIELDS <= listed


def test_codes_of_the_pages_are_listed_with_their_words():
    codes = {code.name: code.meanings for code in all_codes()}
    assert codes["file_empty"][0].status == 400
    assert codes["pair_withdrawn"][0].status == 409
    assert {one.status for one in codes["unsupported_media_type"]} == {415}
    assert all(meaning.title for found in codes.values() for meaning in found)


def test_a_code_that_means_several_things_says_of_what():
    codes = {code.name: code.meanings for code in all_codes()}
    assert [one.of for one in codes["rate_limited"]] == ["Requests", "Photos"]
    for code in codes.values():
        kinds = [one.of for one in code]
        assert len(set(kinds)) == len(kinds)


def test_codes_whose_problems_have_figures_have_words():
    assert [code.name for code in all_codes() if not all(one.detail for one in code.meanings)] == []


def test_the_scan_finds_a_code_that_is_not_listed(tmp_path, monkeypatch):
    module = BASE_DIR / "soundscape_site" / "api" / "codes.py"
    source = 'raise ApiProblem("never_heard_of", "x", status=400)'
    monkeypatch.setattr(type(module), "read_text", lambda _: source)
    assert [code for code, _where in codes_in(module)] == ["never_heard_of"]
