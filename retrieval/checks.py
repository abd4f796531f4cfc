"""System checks of the networks' weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.weights import ALL_WEIGHTS, WeightSpec, load_arrays
from retrieval.selectors.networks import missing_requirements

ERROR_IDS = {
    "weights_missing": "retrieval.E001",
    "weights_altered": "retrieval.E002",
    "weights_misaligned": "retrieval.E003",
}
HINT = (
    "`manage.py fetch_models` finds or downloads the published weights, verifies their hash and"
    " converts them."
)

_enabled: ContextVar[bool] = ContextVar("weights_check_enabled", default=False)


@register(Tags.models)
def check_weights(**_kwargs: object) -> list[CheckMessage]:
    """Report unusable weights, but only within `weights_check`.

    Every command runs all registered checks, and most commands need no network. The tag is shared
    with Django's checks of model classes, which run as well.
    """
    return weights_problems() if _enabled.get() else []


@contextmanager
def weights_check() -> Iterator[None]:
    """Enable `check_weights` within the block."""
    token = _enabled.set(True)
    try:
        yield
    finally:
        _enabled.reset(token)


def weights_problems() -> list[CheckMessage]:
    """Return an error for each network that is needed and missing, or whose file is unusable.

    Other missing networks are no problem: see `missing_requirements`.
    """
    errors: dict[WeightSpec, WeightsError] = {}
    for spec in ALL_WEIGHTS:
        try:
            load_arrays(spec, settings.SOUNDSCAPE_MODELS_DIRECTORY)
        except WeightsError as error:
            errors[spec] = error
    needed = missing_requirements([spec for spec in ALL_WEIGHTS if spec not in errors])
    return [
        Error(error.detail, hint=HINT, obj=spec.name, id=ERROR_IDS[error.code])
        for spec, error in errors.items()
        if spec in needed or error.code != "weights_missing"
    ]
