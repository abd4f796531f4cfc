"""The answers that reviewers can give."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Grading(TextChoices):
    """How well a sound fits a photo, best first."""

    GOOD = "good", _("Good")
    DECENT = "decent", _("Decent")
    BAD = "bad", _("Bad")


class Fault(TextChoices):
    """Why a sound fits less than well."""

    VOICES = "voices", _("Voices, but no people in sight")
    PLACE = "place", _("Wrong place")
    WEATHER = "weather", _("Wrong weather")
    TIME_OF_DAY = "time_of_day", _("Wrong time of day")
    MUSIC = "music", _("Music")
    RECORDING = "recording", _("Poor recording")


class SkipReason(TextChoices):
    """Why a reviewer does not grade a pair."""

    CANNOT_HEAR = "cannot_hear", _("I cannot hear it")
    NO_SCENERY = "no_scenery", _("Not a scenery")
    OFFENSIVE = "offensive", _("Offensive")
    UNSURE = "unsure", _("I am not sure")
