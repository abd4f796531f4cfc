"""Rules that keep the strict content policy and the hashed static files working."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from django.template.loader import get_template

from soundscape_site.settings.paths import BASE_DIR

TEMPLATES: Final = sorted((BASE_DIR / "templates").rglob("*.html"))
SCRIPTS: Final = sorted((BASE_DIR / "static" / "js").rglob("*.js"))
LONGEST_SCRIPT: Final = 150

INLINE: Final = {
    "a style element": r"<style\b",
    "a style attribute": r"\sstyle\s*=",
    "an event attribute": r"<[a-z][^>]*\son[a-z]+\s*=",
    "htmx script in an attribute": r"\shx-on\b|\sdata-hx-on\b|hx-vals\s*=\s*[\"']?js:",
    "a script without a file": r"<script(?![^>]*\ssrc=)[^>]*>",
    "a javascript: address": r"javascript:",
    "a file of somebody else": (
        r"<(?:script|link|img|audio|source|use)\b[^>]*(?:src|href)=[\"'](?:https?:)?//"
    ),
}


def relative(path: Path) -> str:
    return str(path.relative_to(BASE_DIR))


@pytest.mark.parametrize("what", INLINE)
def test_templates_hold_nothing_the_content_policy_forbids(what: str):
    pattern = re.compile(INLINE[what], re.IGNORECASE)
    assert [relative(path) for path in TEMPLATES if pattern.search(path.read_text())] == []


@pytest.mark.parametrize(
    ("what", "markup"),
    [
        ("a style element", "<style>"),
        ("a style attribute", '<p class="a" style="color: red">'),
        ("an event attribute", '<button type="button" onclick="go()">'),
        ("htmx script in an attribute", '<b hx-on:click="go()">'),
        ("a script without a file", '<script type="module">'),
        ("a javascript: address", '<a href="javascript:go()">'),
        ("a file of somebody else", '<img src="//cdn.example/a.png">'),
    ],
)
def test_the_rules_find_what_they_forbid(what: str, markup: str):
    assert re.search(INLINE[what], markup, re.IGNORECASE)


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_templates_compile(path: Path):
    get_template(str(path.relative_to(BASE_DIR / "templates")))


def test_pages_with_times_of_day_name_the_zone():
    """A table names it in a column's head, which may stand in the page around a row's template."""
    shown = {relative(path): path.read_text() for path in TEMPLATES}
    timed = {path for path, source in shown.items() if re.search(r'date:"\w*TIME_FORMAT"', source)}
    named = {path for path in timed if "UTC" in shown[path] or '|date:"T"' in shown[path]}
    assert timed - named == {"templates/accounts/_person.html"}
    assert "Last log-in (UTC)" in shown["templates/accounts/people.html"]


def test_the_500_page_needs_no_context():
    source = (BASE_DIR / "templates" / "500.html").read_text()
    assert set(re.findall(r"\{%\s*(\w+)", source)) <= {
        "load", "get_current_language", "translate", "if", "endif",
    }  # fmt: skip
    assert re.findall(r"\{%\s*load ([^%]*?)\s*%\}", source) == ["i18n"]
    for address in re.findall(r'href="/static/([^"]+)"', source):
        assert (BASE_DIR / "static" / address).is_file()


def test_used_icons_and_defined_icons_are_the_same():
    sprite = (BASE_DIR / "static" / "img" / "icons.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    used = {
        name
        for path in TEMPLATES
        for name in re.findall(r'_icon\.html" with name="([\w-]+)"', path.read_text())
    }
    assert used == drawn


@pytest.mark.parametrize("script", SCRIPTS, ids=relative)
def test_scripts_are_short(script: Path):
    assert len(script.read_text().splitlines()) < LONGEST_SCRIPT


def test_imports_of_scripts_can_be_hashed():
    folder = BASE_DIR / "static" / "js"
    reached: set[str] = set()
    waiting = ["main.js", "grade.js"]  # of every page; of the desk
    while waiting:
        name = waiting.pop()
        reached.add(name)
        imports = re.findall(r"^import\b.*$", (folder / name).read_text(), re.MULTILINE)
        for line in imports:
            match = re.fullmatch(r'import (?:\{[^}]*\} from )?"\./([\w-]+\.js)";', line)
            assert match, f"{name}: {line}"
            if match[1] not in reached:
                waiting.append(match[1])
    assert reached == {script.name for script in SCRIPTS}
