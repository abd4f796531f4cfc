"""Refusals of labelling as problem details (RFC 9457), with the words for reviewers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.http import JsonResponse
from django.utils.translation import gettext_lazy as _

from labelling.services.errors import (
    AnsweredAlreadyError,
    AnswerIdTakenError,
    CampaignPausedError,
    LabellingError,
    NoAnswerNeededError,
    QualificationDoneError,
    TooManySkippedError,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_CONFLICT: Final = 409
_UNAVAILABLE: Final = 503
_RETRY_AFTER_S: Final = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal: stable code, HTTP status, title and sentence."""

    code: str
    status: int
    title: str
    detail: str
    retry_after_s: int | None


_KNOWN: Final[dict[str, tuple[int, StrOrPromise, StrOrPromise]]] = {
    "assignment_expired": (
        _CONFLICT,
        _("This pair went to other reviewers"),
        _(
            "You had it for too long without an answer, or a lead reviewer released it. "
            "Your answer was not kept."
        ),
    ),
    "pair_withdrawn": (
        _CONFLICT,
        _("This pair is not graded any more"),
        _("Its photo or its recording was withdrawn. Your answer was not kept."),
    ),
    "campaign_closed": (
        _CONFLICT,
        _("This campaign is closed"),
        _("It takes no more answers. What you graded before is kept."),
    ),
    "listened_too_short": (
        _CONFLICT,
        _("Listen to the sound first"),
        _("Too little of it was heard. The pair comes again."),
    ),
    "cannot_undo": (
        _CONFLICT,
        _("This answer cannot be undone"),
        _(
            "It was undone already, others have the pair or have decided about it meanwhile, "
            "or the campaign is closed."
        ),
    ),
    "not_qualified": (
        403,
        _("You are not admitted to this campaign"),
        _(
            "Too few of your first grades agreed with the guideline. "
            "Ask a lead reviewer to admit you."
        ),
    ),
    "busy": (
        _UNAVAILABLE,
        _("Other reviewers are being given pairs"),
        _("There is a pair for you in a moment."),
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

_SAID: Final[dict[type[LabellingError], tuple[StrOrPromise, StrOrPromise]]] = {
    AnsweredAlreadyError: (
        _("You have answered this pair already"),
        _("The answer that you gave first is kept."),
    ),
    AnswerIdTakenError: (
        _("This is the id of another answer"),
        _("Nothing was changed. Each answer needs an id of its own."),
    ),
    NoAnswerNeededError: (
        _("This pair needs no more answers"),
        _("It was no longer with you, and others have answered it. Your answer was not kept."),
    ),
    CampaignPausedError: (
        _("This campaign is paused"),
        _("A lead reviewer has paused it. What you graded is kept; come back later."),
    ),
    QualificationDoneError: (
        _("This answer cannot be undone"),
        _("It is one of your first answers, which decide whether you are admitted."),
    ),
    TooManySkippedError: (
        _("You are not admitted to this campaign"),
        _("You skipped too many of the first pairs. Ask a lead reviewer to admit you."),
    ),
}
"""Refusals whose code has another reason, too: scripts do the same after both."""


def refused(error: LabellingError) -> JsonResponse:
    """Answer a refusal of a service."""
    return _answer(problem_of(error))


def problem_json(code: str) -> JsonResponse:
    """Answer a refusal that no service made."""
    return _answer(_problem(code))


def problem_of(error: LabellingError) -> Problem:
    """Return the problem that stands for a refusal of a service."""
    return _problem(error.code, _SAID.get(type(error)))


def _problem(code: str, said: tuple[StrOrPromise, StrOrPromise] | None = None) -> Problem:
    status, *words = _KNOWN.get(code, _KNOWN["wrong_state"])
    title, detail = said or words
    return Problem(
        code=code,
        status=status,
        title=str(title),
        detail=str(detail),
        retry_after_s=_RETRY_AFTER_S if status == _UNAVAILABLE else None,
    )


def _answer(problem: Problem) -> JsonResponse:
    response = JsonResponse(
        {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail,
        },
        status=problem.status,
        content_type="application/problem+json",
    )
    if problem.retry_after_s is not None:
        response["Retry-After"] = str(problem.retry_after_s)
    return response


def known_problems() -> dict[str, tuple[int, StrOrPromise, StrOrPromise]]:
    """Return status, title and sentence of every code, for the API's documentation."""
    return dict(_KNOWN)
