"""Template filter that renders the Markdown of guidelines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from django import template
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

register = template.Library()

_LINKS: Final = ("http://", "https://")
_LOWEST_HEADING: Final = 6


@register.filter
def guideline_html(text: str) -> SafeString:
    """Return Markdown as HTML that is safe whatever the text is.

    HTML in the text is shown as text. There are no images, and only links to http and https. The
    largest heading is an h2, because the page has its own h1.
    """
    return SafeString(_markdown().render(text))


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 # the parser calls it
        """Return whether a link may lead there; others are shown as text."""
        return _is_allowed(url)


def _is_allowed(url: str) -> bool:
    return url.lower().startswith(_LINKS)


@cache
def _markdown() -> MarkdownIt:
    markdown = _Markdown("js-default", {"html": False}).disable("image")
    markdown.add_render_rule("link_open", _link)
    markdown.add_render_rule("heading_open", _heading)
    markdown.add_render_rule("heading_close", _heading)
    markdown.add_render_rule("th_open", _cell)
    markdown.add_render_rule("td_open", _cell)
    return markdown


def _link(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any
) -> str:
    tokens[at].attrSet("rel", "nofollow noopener")
    if not _is_allowed(str(tokens[at].attrs["href"])):  # an empty one is not validated
        del tokens[at].attrs["href"]
    return renderer.renderToken(tokens, at, options, env)


def _heading(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any
) -> str:
    level = int(tokens[at].tag.removeprefix("h"))
    tokens[at].tag = f"h{min(level + 1, _LOWEST_HEADING)}"
    return renderer.renderToken(tokens, at, options, env)


def _cell(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any
) -> str:
    tokens[at].attrs.pop("style", None)  # the content policy forbids styles in attributes
    return renderer.renderToken(tokens, at, options, env)
