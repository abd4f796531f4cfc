"""Guidelines as HTML: Markdown is rendered, hostile input is not."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.template import Context, Template
from hypothesis import example, given
from hypothesis import strategies as st

from labelling.templatetags.guidelines import guideline_html

TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "rel", "title"}, "code": {"class"}, "ol": {"start"}}


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def elements(html):
    parser = Elements()
    parser.feed(html)
    parser.close()
    return parser.found


def assert_harmless(text):
    for tag, attributes in elements(guideline_html(text)):
        assert tag in TAGS
        assert attributes.keys() <= ATTRIBUTES.get(tag, set())
        if tag == "a":
            assert attributes.get("href", "https://").lower().startswith(("http://", "https://"))
            assert "nofollow" in attributes["rel"]


def test_markdown_is_rendered():
    html = guideline_html("# Good\n\nThe sound **fits**.\n\n- sea\n- wind\n")
    assert html == (
        "<h2>Good</h2>\n<p>The sound <strong>fits</strong>.</p>\n"
        "<ul>\n<li>sea</li>\n<li>wind</li>\n</ul>\n"
    )


def test_templates_do_not_escape_it_again():
    template = Template("{% load guidelines %}{{ text|guideline_html }}")
    assert template.render(Context({"text": "*a* & b"})) == "<p><em>a</em> &amp; b</p>\n"


@pytest.mark.parametrize(("marks", "tag"), [("#", "h2"), ("##", "h3"), ("######", "h6")])
def test_headings_are_below_that_of_the_page(marks, tag):
    assert guideline_html(f"{marks} Wind") == f"<{tag}>Wind</{tag}>\n"


def test_links_to_the_web_are_kept():
    html = guideline_html('[more](https://example.org/?a=1&b=2 "why")')
    assert elements(html)[1] == (
        "a",
        {"href": "https://example.org/?a=1&b=2", "title": "why", "rel": "nofollow noopener"},
    )


def test_the_columns_of_tables_have_no_style():
    html = guideline_html("| a | b |\n|:-:|--:|\n| 1 | 2 |\n")
    assert "<th>a</th>" in html
    assert "<td>2</td>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>\n\n<div onclick=alert(1)>x</div>",
        "![photo](https://example.org/a.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](java&Tab;script:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x) [y](file:///etc/passwd) [z](mailto:a@example.org) [w](/admin/)",
        "[x](//example.org) [y](ftp://example.org) [z]()",
        "<javascript:alert(1)>",
        "[x][1]\n\n[1]: javascript:alert(1)",
        '[x](https://example.org "\\" onmouseover=\\"alert(1)")',
        '[x](https://example.org/"onmouseover="alert(1))',
        '```"><script>alert(1)</script>\nx\n```',
        "`<script>`",
        "<!-- --><b>x</b>",
        "&lt;script&gt; &#60;script&#62;",
    ],
)
def test_hostile_text_is_harmless(text):
    assert_harmless(text)


@example('[a](https://b "<script>")')
@given(st.text(alphabet="<>[]()!&#;:\"'`*_~|-\\ \n/ahpstjx=", max_size=80))
def test_no_text_makes_other_elements(text):
    assert_harmless(text)


def test_deep_nesting_is_rendered():
    assert guideline_html("> " * 10_000).startswith("<blockquote>")
    assert "[" * 100 in guideline_html("[" * 2_000)
