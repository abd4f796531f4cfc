"""Write and publish guidelines; published versions never change."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.services.audit import record
from labelling.models import Guideline, GuidelineExample
from labelling.selectors.gold import is_showable
from labelling.services.errors import PairWithdrawnError, WrongStateError
from retrieval.services.holds import lock_against_deletion

_LONGEST_BODY: Final = 20_000


@transaction.atomic
def make_guideline(*, title: str, body: str, lead_id: int) -> Guideline:
    """Make a draft: version 1 of a new title, or the next version of one that exists.

    A next version keeps the title's spelling and starts with the examples of the last one.

    Raises
    ------
    ValidationError
        If title or body is empty or too long.
    WrongStateError
        If somebody else made the same version at the same time.
    """
    last = Guideline.objects.filter(title__iexact=title).order_by("-version").first()
    guideline = Guideline(
        title=last.title if last else title,
        version=last.version + 1 if last else 1,
        body=body,
        made_by_id=lead_id,
    )
    _check(guideline)
    try:
        with transaction.atomic():
            guideline.save()
    except IntegrityError as error:
        raise WrongStateError(f"there is a {guideline} already") from error
    if last:
        _copy_examples(last, guideline)
    _record("made", guideline, lead_id)
    return guideline


@transaction.atomic
def next_version(*, guideline_id: int, lead_id: int) -> Guideline:
    """Make a draft that starts from a guideline's text; see `make_guideline`."""
    source = Guideline.objects.get(pk=guideline_id)
    return make_guideline(title=source.title, body=source.body, lead_id=lead_id)


@transaction.atomic
def change_guideline(*, guideline_id: int, body: str, lead_id: int) -> Guideline:
    """Change the text of a draft; raises ValidationError, or WrongStateError if published."""
    guideline = _locked_draft(guideline_id)
    guideline.body = body
    _check(guideline)
    guideline.save(update_fields=["body"])
    _record("changed", guideline, lead_id)
    return guideline


@transaction.atomic
def publish_guideline(*, guideline_id: int, lead_id: int) -> Guideline:
    """Publish a draft, so that campaigns can be opened with it; it never changes again.

    Raises
    ------
    WrongStateError
        If it is published already.
    """
    guideline = _locked_draft(guideline_id)
    guideline.published_at = Now()
    guideline.save(update_fields=["published_at"])
    _record("published", guideline, lead_id, examples=guideline.examples.count())
    guideline.refresh_from_db()
    return guideline


@transaction.atomic
def delete_guideline(*, guideline_id: int, lead_id: int) -> None:
    """Delete a draft that no campaign uses; raises WrongStateError else."""
    guideline = _locked_draft(guideline_id, to_delete=True)
    if guideline.campaigns.exists():
        raise WrongStateError(f"a campaign uses guideline {guideline_id}")
    _record("deleted", guideline, lead_id, name=str(guideline))
    guideline.delete()


@transaction.atomic
def add_example(
    *, guideline_id: int, scene_id: UUID, clip_id: int, grade: str, why: str, lead_id: int
) -> GuidelineExample:
    """Add an example pair to a draft, or change what is said about it.

    Raises
    ------
    PairWithdrawnError
        If reviewers may not see the photo, or the recording was withdrawn.
    ValidationError
        If the grade is unknown, or the reason is empty or too long.
    WrongStateError
        If the guideline is published.
    """
    guideline = _locked_draft(guideline_id)
    lock_against_deletion(scene_ids=[scene_id])
    if not is_showable(scene_id, clip_id):
        raise PairWithdrawnError(f"scene {scene_id} with clip {clip_id} cannot be shown")
    example = guideline.examples.filter(scene=scene_id, clip=clip_id).first()
    example = example or GuidelineExample(guideline=guideline, scene_id=scene_id, clip_id=clip_id)
    example.grade, example.why = grade, why
    example.full_clean(validate_constraints=False, validate_unique=False)
    example.save()
    _record("changed", guideline, lead_id, example=f"example {example.pk}")
    return example


@transaction.atomic
def remove_example(*, example_id: int, lead_id: int) -> None:
    """Remove an example from a draft; raises WrongStateError if the guideline is published."""
    example = GuidelineExample.objects.get(pk=example_id)
    guideline = _locked_draft(example.guideline_id)
    example.delete()
    _record("changed", guideline, lead_id, removed=f"example {example_id}")


def _locked_draft(guideline_id: int, *, to_delete: bool = False) -> Guideline:
    guideline = Guideline.objects.select_for_update(no_key=not to_delete).get(pk=guideline_id)
    if guideline.published_at is not None:
        raise WrongStateError(f"guideline {guideline_id} is published")
    return guideline


def _check(guideline: Guideline) -> None:
    guideline.full_clean(validate_constraints=False)
    try:  # Django checks the length of a text field in forms only
        MaxLengthValidator(_LONGEST_BODY)(guideline.body)
    except ValidationError as error:
        raise ValidationError({"body": error}) from error


def _copy_examples(source: Guideline, target: Guideline) -> None:
    kept = lock_against_deletion(scene_ids=source.examples.values_list("scene_id", flat=True))
    GuidelineExample.objects.bulk_create(
        GuidelineExample(
            guideline=target,
            scene_id=example.scene_id,
            clip_id=example.clip_id,
            grade=example.grade,
            why=example.why,
        )
        for example in source.examples.filter(scene__in=kept).order_by("pk")
    )


def _record(action: str, guideline: Guideline, lead_id: int, **detail: Any) -> None:
    record(
        action=f"guideline.{action}",
        subject=f"guideline {guideline.pk}",
        actor_id=lead_id,
        version=guideline.version,
        **detail,
    )
