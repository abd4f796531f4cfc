"""Take the answers of reviewers, and take them back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from labelling.models import Answer
from labelling.services.answers import give_grade, skip_pair, undo
from labelling.services.errors import LabellingError
from labelling.services.queue import reviewer_of
from labelling.views.access import actor_of, reviewer_required
from labelling.views.answer_forms import AnswerForm, UndoForm, json_of
from labelling.views.desk import pair_data, progress_data
from labelling.views.problem_details import problem_json, refused


@require_POST
@never_cache
@reviewer_required
def review_answer(request: HttpRequest) -> JsonResponse:
    """Keep a grade or a skip; the same one again changes nothing."""
    form = AnswerForm(json_of(request))
    if not form.is_valid():
        return problem_json("answer_invalid")
    reviewer = reviewer_of(user_id=actor_of(request))
    try:
        answer = _keep(reviewer_id=reviewer.pk, **form.cleaned_data)
    except LabellingError as error:
        return refused(error)
    progress = progress_data(reviewer_id=reviewer.pk, campaign=answer.pair.campaign)
    return JsonResponse({"id": str(answer.pk), "progress": progress})


@require_POST
@never_cache
@reviewer_required
def review_undo(request: HttpRequest) -> JsonResponse:
    """Take an answer back; its pair is lent to the reviewer again."""
    form = UndoForm(json_of(request))
    if not form.is_valid():
        return problem_json("answer_invalid")
    reviewer = reviewer_of(user_id=actor_of(request))
    answer_id, undoes = form.cleaned_data["id"], form.cleaned_data["undoes"]
    try:
        slot = undo(answer_id=answer_id, reviewer_id=reviewer.pk, undoes=undoes)
    except LabellingError as error:
        return refused(error)
    progress = progress_data(reviewer_id=reviewer.pk, campaign=slot.campaign)
    return JsonResponse({"id": str(answer_id), "pair": pair_data(slot), "progress": progress})


def _keep(*, reviewer_id: int, kind: str, reason: str, **given: Any) -> Answer:
    named = {
        "answer_id": given.pop("id"),
        "reviewer_id": reviewer_id,
        "token": given.pop("token"),
    }
    if kind == Answer.Kind.SKIP:
        return skip_pair(**named, reason=reason)
    return give_grade(**named, **given)
