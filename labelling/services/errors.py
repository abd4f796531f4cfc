"""What labelling refuses, each with the code that pages and programs get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.constraints import BaseConstraint


class LabellingError(Exception):
    """A refusal; nothing was changed. `detail` is for the log, views have the words."""

    code = "labelling_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class AssignmentExpiredError(LabellingError):
    """The lease ended and somebody else has the slot; the pair may be offered again."""

    code = "assignment_expired"


class PairWithdrawnError(LabellingError):
    """The photo was deleted or may not be judged any more, or the recording was withdrawn."""

    code = "pair_withdrawn"


class AnsweredAlreadyError(AssignmentExpiredError):
    """The reviewer answered the pair before, perhaps in another tab; that answer is in force."""


class LeaseUnknownError(AssignmentExpiredError):
    """The reviewer never had this lease."""


class NoAnswerNeededError(AssignmentExpiredError):
    """The lease ended, and the pair has all its answers or was decided meanwhile."""


class CampaignClosedError(LabellingError):
    """The campaign is closed and takes no answers."""

    code = "campaign_closed"


class CampaignPausedError(CampaignClosedError):
    """The campaign is paused: it serves no pairs, and takes the answers to those that it served."""


class AnswerInvalidError(LabellingError):
    """The answer is none that can be given."""

    code = "answer_invalid"


class AnswerIdTakenError(AnswerInvalidError):
    """The id belongs to another answer."""


class ListenMoreError(LabellingError):
    """Too little of the sound was heard."""

    code = "listened_too_short"


class CannotUndoError(LabellingError):
    """The answer is not this reviewer's, is undone already, or was decided upon meanwhile."""

    code = "cannot_undo"


class QualificationDoneError(CannotUndoError):
    """The answer is part of a qualification that is complete."""


class NotQualifiedError(LabellingError):
    """The reviewer graded too few gold pairs right; a lead can admit them."""

    code = "not_qualified"


class TooManySkippedError(NotQualifiedError):
    """The reviewer skipped too many gold pairs; a lead can admit them."""


class BusyError(LabellingError):
    """Others keep what is needed locked; asking again helps."""

    code = "busy"


class WrongStateError(LabellingError):
    """The campaign or pair is in a state that does not allow the step."""

    code = "wrong_state"


class PhotoSetInUseError(LabellingError):
    """A campaign uses the photo set."""

    code = "photo_set_in_use"


class FrameChangedError(LabellingError):
    """The photos or matches changed since the preview of the draw."""

    code = "frame_changed"


class TooFewGoldPairsError(LabellingError):
    """The design asks for more gold pairs than there are."""

    code = "too_few_gold_pairs"


class NothingToDrawError(LabellingError):
    """No photo of the set may be judged and has a result of the campaign's matchers."""

    code = "nothing_to_draw"


class SampleTooSmallError(LabellingError):
    """A stratified sample has fewer units than there are strata."""

    code = "sample_too_small"


@contextmanager
def constraints_of(*, model: type[models.Model]) -> Iterator[None]:
    """Turn the violation of a model's constraint into the error that its validation gives.

    Validation does not see rows that others are about to commit. The transaction can go on.

    Raises
    ------
    ValidationError
        If one of the constraints in the model's `Meta` is violated.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as violation:
        constraint = _violated(model, violation)
        if constraint is None:
            raise
        raise _error_of(model, constraint) from violation


def _error_of(model: type[models.Model], constraint: BaseConstraint) -> ValidationError:
    fields = getattr(constraint, "fields", ())
    if fields:
        return model().unique_error_message(model, fields)
    return ValidationError(constraint.get_violation_error_message())


def _violated(model: type[models.Model], violation: IntegrityError) -> BaseConstraint | None:
    name = getattr(getattr(violation.__cause__, "diag", None), "constraint_name", None)
    return next((one for one in model._meta.constraints if one.name == name), None)
