"""Texts for people stand in the translation catalogue: in templates, scripts and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from django.template.base import Lexer, Token, TokenType
from django.test import Client
from django.utils.translation.trans_real import DjangoTranslation

from retrieval.quotas.daily import check_quota
from retrieval.quotas.limits import Allowance, LimitExceededError, UploadLimits
from retrieval.views.problems import _KNOWN, photo_too_large, problem
from retrieval.views.result_page import MATCHER_WORDS
from soundscape_site.settings.paths import BASE_DIR

APPS: Final = ("accounts", "labelling", "retrieval", "soundscape_site")
TEMPLATES: Final = sorted(
    path
    for folder in (BASE_DIR, *(BASE_DIR / app for app in APPS))
    for path in (folder / "templates").rglob("*")
    if path.suffix in {".html", ".txt"}
)
SCRIPTS: Final = sorted((BASE_DIR / "static" / "js").rglob("*.js"))

BRAND: Final = "Soundscape"
VALUE: Final = "\N{OBJECT REPLACEMENT CHARACTER}"
SHOWN_ATTRIBUTES: Final = re.compile(
    r"alt|title|placeholder|label|summary|aria-(label|description|roledescription|valuetext)"
    r"|data-[\w-]*-?(done|label|words|confirm)"
)
KEYS: Final = {"data-words", "data-share-label"}  # of templates and elements, for scripts
UNTRANSLATED: Final = {"code", "script", "style"}
BLOCKS: Final = {
    "blocktranslate": "endblocktranslate",
    "blocktrans": "endblocktrans",
    "comment": "endcomment",
}
LITERAL: Final = r"""(?:"([^"]*)"|'([^']*)')"""
ATTRIBUTES: Final = re.compile(r'\s*[\w-]+="[^"]*"(\s+[\w-]+(="[^"]*")?)*\s*')
ATTRIBUTE_BLOCKS: Final = re.compile(r"block (theme|width|nav_\w+)")
"""Blocks that stand inside a tag: they fill attributes."""

DATE_FORMATS: Final = {
    "DATE_FORMAT", "DATETIME_FORMAT", "SHORT_DATE_FORMAT", "SHORT_DATETIME_FORMAT", "TIME_FORMAT",
    "MONTH_DAY_FORMAT", "YEAR_MONTH_FORMAT", "c", "T",
}  # fmt: skip
SHOWN_LITERALS: Final[dict[str, Callable[[str], bool]]] = {
    rf"(?<=\w)={LITERAL}": lambda words: " " in words or words[:1].isupper(),
    rf"\|(?:default|default_if_none|yesno):{LITERAL}": lambda words: any(map(str.isalpha, words)),
    rf"\|(?:date|time):{LITERAL}": lambda words: words not in DATE_FORMATS,
}


def relative(path: Path) -> str:
    return str(path.relative_to(BASE_DIR))


class Texts(HTMLParser):
    """Collects the texts that a page shows or reads aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._untranslated = 0

    def handle_starttag(self, tag, attrs):
        self._untranslated += tag in UNTRANSLATED
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            if SHOWN_ATTRIBUTES.fullmatch(name) and name not in KEYS:
                self.found.append(value)
        if tag == "meta" and values.get("name") == "description":
            self.found.append(values["content"])
        if tag == "input" and values.get("type") in {"submit", "button", "reset"}:
            self.found.append(values.get("value", ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        self._untranslated -= tag in UNTRANSLATED

    def handle_data(self, data):
        if ATTRIBUTES.fullmatch(data):  # a template that is included in a tag
            self.feed_tag(data)
        elif not self._untranslated:
            self.found.append(data)

    def feed_tag(self, attributes):
        """Read the attributes of a tag that another template opens."""
        inner = Texts()
        inner.feed(f"<b {attributes}>")
        self.found += inner.found


def untranslated_in(source: str, *, suffix: str = ".html") -> list[str]:
    """Return what a template shows to people without a translation."""
    tokens = list(Lexer(source).tokenize())
    markup = markup_of(tokens)
    if suffix == ".html":
        parser = Texts()
        parser.feed(markup)
        parser.close()
        texts = parser.found
    else:
        texts = markup.splitlines()
    without_brand = (text.replace(BRAND, "") for text in texts)
    return [
        *(" ".join(text.split()) for text in without_brand if any(map(str.isalpha, text))),
        *(literal for token in tokens for literal in literals_of(token)),
    ]


def markup_of(tokens: list[Token]) -> str:
    """Return a template's markup with a sign in the place of each value and translated text."""
    parts: list[str] = []
    end = None
    for token in tokens:
        command = token.contents.split()[0] if token.token_type is TokenType.BLOCK else ""
        if end:
            end = None if command == end else end
        elif token.token_type is TokenType.TEXT:
            parts.append(token.contents)
        elif token.token_type is TokenType.VAR or command in {"translate", "trans"}:
            parts.append(VALUE)
        elif command in BLOCKS:
            end = BLOCKS[command]
        elif ATTRIBUTE_BLOCKS.fullmatch(token.contents):
            end = "endblock"
        elif command and not "".join(parts[-1:]).endswith(("<", "</")):  # before a tag's name
            parts.append(" ")
    return "".join(parts)


def literals_of(token: Token) -> Iterator[str]:
    """Yield the literals in a tag that are shown but not marked by `_()`."""
    if token.token_type not in (TokenType.VAR, TokenType.BLOCK):
        return
    for pattern, is_shown in SHOWN_LITERALS.items():
        for match in re.finditer(pattern, token.contents):
            literal = match[1] or match[2] or ""
            if is_shown(literal):
                yield literal
    if "|pluralize" in token.contents:
        yield token.contents


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_templates_show_only_translated_texts(path: Path):
    assert untranslated_in(path.read_text(), suffix=path.suffix) == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("<p>Hello {{ name }}</p>", [f"Hello {VALUE}"]),
        ('<p>{% translate "Hello" %} you</p>', [f"{VALUE} you"]),
        ("<p>{% blocktranslate %}Hello{% endblocktranslate %} · Soundscape 0:00</p>", []),
        ("{# Hello #}{% comment %}Hello{% endcomment %}<code>manage.py</code>", []),
        ('<img alt="A barn">', ["A barn"]),
        ('<img alt="{% if a %}A barn{% else %}{{ b }}{% endif %}">', [f"A barn {VALUE}"]),
        ('<b title="{% translate "A barn" %}" class="a b">1</b>', []),
        ('<b data-share-done="Copied" data-words="sending">1</b>', ["Copied"]),
        ('<input placeholder="Your name"><input type="submit" value="Go">', ["Your name", "Go"]),
        ('<meta name="description" content="A site"><meta name="robots" content="noindex">',
         ["A site"]),
        ('{% include "a.html" with title="Too large" name="alert" detail=_("Too large") %}',
         ["Too large"]),
        ('{{ a|default:"unknown" }}{{ a|default:_("unknown") }}{{ a|default:"-" }}', ["unknown"]),
        ('{{ at|date:"j F Y" }}{{ at|date:"DATE_FORMAT" }}', ["j F Y"]),
        ("{{ days|pluralize }}", ["days|pluralize"]),
        ('<p class="a{% block width %} b{% endblock %}">', []),
        ("<{% if a %}a{% else %}b{% endif %}>Go</{% if a %}a{% else %}b{% endif %}>", ["Go"]),
        ('role="slider" aria-label="Position" data-seek', ["Position"]),
    ],
)  # fmt: skip
def test_the_scan_finds_what_is_not_translated(source: str, texts: list[str]):
    assert untranslated_in(source) == texts


def test_the_scan_reads_plain_texts():
    assert untranslated_in('{% translate "Hello" %}\nBye', suffix=".txt") == ["Bye"]


SENTENCE: Final = re.compile(r"""["'`][A-Z][a-z]+ (?:[a-z]+|\$\{)|\? ["'`][A-Z][a-z]+["'`]""")


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_scripts_take_their_words_from_the_page(path: Path):
    code = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    assert SENTENCE.findall(code) == []


@pytest.mark.parametrize(
    "code", ["`Position in ${title}`", '"Link copied"', '`${busy ? "Pause" : "Play"} ${title}`']
)
def test_the_scan_of_scripts_finds_words(code: str):
    assert SENTENCE.search(code)


@pytest.fixture
def pseudo(monkeypatch) -> None:
    """Translate each text by setting it in angle quotes."""
    monkeypatch.setattr(DjangoTranslation, "gettext", lambda _self, text: f"«{text}»")
    monkeypatch.setattr(
        DjangoTranslation,
        "ngettext",
        lambda _self, one, many, number: f"«{one if number == 1 else many}»",
    )


@pytest.mark.usefixtures("pseudo")
@pytest.mark.parametrize("code", [*_KNOWN, "a_new_code"])
def test_each_refusal_is_translated(code: str):
    shown = problem(code, "«detail»")
    for text in (shown.title, shown.detail):
        assert re.fullmatch("«[^«»]+»", text), text


@pytest.mark.usefixtures("pseudo")
def test_other_words_of_python_are_translated():
    assert photo_too_large(2_600_000).detail.startswith("«It has 2.6 MB")
    assert [str(words)[0] for words in MATCHER_WORDS.values()] == ["«"] * len(MATCHER_WORDS)


@pytest.mark.django_db
@pytest.mark.usefixtures("pseudo")
@pytest.mark.parametrize("limits", [UploadLimits(0, 1, 0), UploadLimits(0, 2, 0)])
def test_quotas_are_translated(limits: UploadLimits):
    with pytest.raises(LimitExceededError) as raised:
        check_quota([Allowance("browser:ab", "«one visitor»", limits)], byte_size=10**8)
    assert re.fullmatch("«We take .+ from «one visitor», .+» «Come back .+»", raised.value.detail)


@pytest.mark.django_db
@pytest.mark.usefixtures("pseudo")
def test_a_refused_upload_is_translated():
    page = Client().post("/scenes/", headers={"HX-Request": "true"}).content.decode()
    assert "<strong>«No photo arrived»</strong>" in page
    assert "<p>«Choose a photo first.»</p>" in page
