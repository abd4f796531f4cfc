"""Refusals of labelling as problem details (RFC 9457), with the words for reviewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import JsonResponse
from django.utils.translation import gettext_lazy as _

from labelling.services.errors import LabellingError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_CONFLICT: Final = 409

_KNOWN: Final[dict[str, tuple[int, StrOrPromise, StrOrPromise]]] = {
    "assignment_expired": (
        _CONFLICT,
        _("This pair went to another reviewer"),
        _("It was with you for too long without an answer. Your answer was not kept."),
    ),
    "pair_withdrawn": (
        _CONFLICT,
        _("This pair is not graded any more"),
        _("Its photo or its recording was withdrawn. Your answer was not kept."),
    ),
    "campaign_closed": (
        _CONFLICT,
        _("This campaign takes no answers at the moment"),
        _("A lead has paused or closed it. What you graded before is kept."),
    ),
    "listened_too_short": (
        _CONFLICT,
        _("Listen to the sound first"),
        _("Too little of it was heard. The pair comes again."),
    ),
    "cannot_undo": (
        _CONFLICT,
        _("This answer cannot be undone"),
        _("It was undone already, or others have decided about the pair meanwhile."),
    ),
    "not_qualified": (
        403,
        _("You are not admitted to this campaign"),
        _(
            "Too few of your first grades agreed with the guideline. "
            "Ask a lead reviewer to admit you."
        ),
    ),
    "wrong_state": (
        _CONFLICT,
        _("That is not possible any more"),
        _("The pair or the campaign has changed meanwhile. Load the page again."),
    ),
    "answer_invalid": (
        422,
        _("This answer could not be read"),
        _("It was not kept. Load the page again and give it once more."),
    ),
}


def refused(error: LabellingError) -> JsonResponse:
    """Answer a refusal of a service."""
    return problem_json(error.code)


def problem_json(code: str) -> JsonResponse:
    """Return the problem details of a code."""
    status, title, detail = _KNOWN.get(code, _KNOWN["wrong_state"])
    return JsonResponse(
        {
            "type": "about:blank",
            "title": str(title),
            "status": status,
            "code": code,
            "detail": str(detail),
        },
        status=status,
        content_type="application/problem+json",
    )
