"""The routes of the URL configuration, and their addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.urls.resolvers import RoutePattern

_CONVERTED: Final = re.compile(r"<(?:\w+:)?(\w+)>")  # <uuid:scene_id>
_NAMED_GROUP: Final = re.compile(r"\(\?P<(\w+)>[^)]*\)")  # (?P<key>[-:\w]+)


@dataclass(frozen=True, slots=True)
class Route:
    """One route."""

    route: str  # as Django names it in ResolverMatch.route
    template: str  # with the arguments as {name}
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return "/" + self.template.replace("{", "<").replace("}", ">")

    @property
    def is_of_api(self) -> bool:
        """Whether it is for programs with a key."""
        return self.template.startswith("api/v1/")

    def address(self, **values: object) -> str:
        """Return the address with these arguments, which must lead to this route."""
        address = "/" + self.template.format(**values)
        found = resolve(address).route
        if found != self.route:
            raise AssertionError(f"{address} leads to {found!r}, not to {self.route!r}")
        return address


def all_routes() -> list[Route]:
    """Return every route of the site, without those that an earlier one replaces."""
    routes = {str(route): route for route in reversed(_routes())}
    return [route for route in _routes() if routes[str(route)] == route]


def _routes() -> list[Route]:
    return [_route(parts) for parts in _walk(get_resolver(), ())]


def _walk(resolver: URLResolver, parts: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for entry in resolver.url_patterns:
        below = (*parts, entry.pattern)
        if isinstance(entry, URLPattern):
            yield below
        else:
            yield from _walk(entry, below)


def _route(parts: tuple[Any, ...]) -> Route:
    template = "".join(
        _CONVERTED.sub(r"{\1}", str(part))
        if isinstance(part, RoutePattern)
        else _NAMED_GROUP.sub(r"{\1}", str(part).removeprefix("^").removesuffix("$"))
        for part in parts
    )
    names = re.findall(r"\{(\w+)\}", template)
    first, *rest = [str(part) for part in parts if str(part)] or [""]
    route = first + "".join(part.removeprefix("^") for part in rest)  # as Django joins them
    return Route(route, template, tuple(names))
