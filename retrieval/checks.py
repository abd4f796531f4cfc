"""System checks of the models: are their weights there, unaltered, and do they fit the classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.weights import ALL_WEIGHTS, load_arrays

ERROR_IDS = {
    "weights_missing": "retrieval.E001",
    "weights_altered": "retrieval.E002",
    "weights_misaligned": "retrieval.E003",
}
HINT = (
    "`manage.py fetch_models` finds or downloads the published weights, proves their hash and"
    " converts them."
)

_asked_for: ContextVar[bool] = ContextVar("weights_check_asked_for", default=False)


@register(Tags.models)
def check_weights(**_kwargs: object) -> list[CheckMessage]:
    """Report unusable weights, but only when somebody asked for the tag `models`.

    Like Django's own checks of the database, which stay silent until they are
    told which databases to look at: every command runs all registered checks,
    and those that need no model must not be held up by one. The tag is shared
    with Django's checks of model classes, which then run as well.
    """
    return weights_problems() if _asked_for.get() else []


@contextmanager
def weights_check() -> Iterator[None]:
    """Let `check_weights` do its work within the block."""
    token = _asked_for.set(True)
    try:
        yield
    finally:
        _asked_for.reset(token)


def weights_problems() -> list[CheckMessage]:
    """Return one error for each model whose weights cannot be used."""
    problems: list[CheckMessage] = []
    for spec in ALL_WEIGHTS:
        try:
            load_arrays(spec, settings.SOUNDSCAPE_MODELS_DIRECTORY)
        except WeightsError as error:
            problems.append(Error(error.detail, hint=HINT, obj=spec.name, id=ERROR_IDS[error.code]))
    return problems
