"""Every code of a problem that the API can answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts.api.codes import KNOWN as OF_THE_API
from labelling.api.codes import KNOWN as OF_LABELLING
from labelling.views.problem_details import known_problems as labelling_problems
from retrieval.api.codes import KNOWN as OF_RETRIEVAL
from retrieval.views.problems import known_problems as retrieval_problems
from soundscape_site.api.limits import words_with_figures

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    _Known = Mapping[str, tuple[int, StrOrPromise, StrOrPromise]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says, and of what: the same code can come from several kinds of refusal."""

    of: str
    status: int
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code and what it says."""

    name: str
    meanings: tuple[Meaning, ...]


def all_codes() -> list[Code]:
    """Return the codes by name; an empty sentence means that the problem's detail has figures."""
    meanings: dict[str, dict[tuple[int, str, str], str]] = defaultdict(dict)  # ordered, no doubles
    figures = words_with_figures()
    for of, known in _sources():
        for name, (status, title, detail) in known.items():
            said = (status, str(title), str(detail) or figures.get(name, ""))
            meanings[name].setdefault(said, of)
    return [
        Code(name, tuple(Meaning(of, *said) for said, of in found.items()))
        for name, found in sorted(meanings.items())
    ]


def _sources() -> tuple[tuple[str, _Known], ...]:
    photos, grading = _("Photos"), _("Grading")
    return (
        (_("Requests"), OF_THE_API),
        (photos, OF_RETRIEVAL),
        (grading, OF_LABELLING),
        (photos, retrieval_problems()),
        (grading, labelling_problems()),
    )
