"""What labelling holds about a person, for the export of personal data.

Without what is hidden from reviewers: which pair it was, how well it matched, whether it was gold.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet

from labelling.models import Answer, Grade, Skip


def labels_of(user_id: int) -> dict[str, list[dict[str, Any]]]:
    """Return the grades and skips in force that a person gave, and the times of all answers."""
    grades = _oldest_first(Grade.objects.filter(reviewer__user_id=user_id))
    skips = _oldest_first(Skip.objects.filter(reviewer__user_id=user_id))
    answers = _oldest_first(Answer.objects.filter(reviewer__user_id=user_id))
    return {
        "grades": list(
            grades.values("campaign", "grade", "faults", "listened_s", "took_s", "at", "answer_id")
        ),
        "skips": list(skips.values("campaign", "reason", "at", "answer_id")),
        "answers": list(answers.values("id", "campaign", "kind", "undoes_id", "at")),
    }


def _oldest_first(rows: QuerySet[Any]) -> QuerySet[Any]:
    ordered: QuerySet[Any] = rows.annotate(campaign=F("pair__campaign__name")).order_by("at", "pk")
    return ordered
