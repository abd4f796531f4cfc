"""The words of refusals on the pages of lead reviewers."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labelling.services.errors import (
    CampaignClosedError,
    FrameChangedError,
    LabellingError,
    NothingToDrawError,
    PairWithdrawnError,
    SampleTooSmallError,
    TooFewGoldPairsError,
    WrongStateError,
)

_WORDS: Final = {
    WrongStateError.code: _(
        "Nothing was changed: somebody else has changed the state meanwhile. The page shows it now."
    ),
    CampaignClosedError.code: _("Nothing was changed: the campaign is closed."),
    FrameChangedError.code: _(
        "Nothing was opened: photos or matches have changed since this preview. Look at the new "
        "one, then open the campaign."
    ),
    TooFewGoldPairsError.code: _(
        "There are too few gold pairs for this design. Make more, or lower the share of gold "
        "pairs or the number before the first real one."
    ),
    NothingToDrawError.code: _(
        "There is nothing to draw from: no photo of the set may be judged and has a result of "
        "each matcher."
    ),
    SampleTooSmallError.code: _(
        "The sample is smaller than the number of strata, and each needs one. Choose a larger "
        "size, or other strata."
    ),
    PairWithdrawnError.code: _(
        "The photo or the recording of this pair was withdrawn meanwhile, so nothing was changed."
    ),
}


def refusal_words(error: LabellingError | ValidationError) -> str:
    """Say why nothing was changed."""
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    words = _WORDS.get(error.code)
    return str(words) if words else gettext("Nothing was changed. Code: %s") % error.code
