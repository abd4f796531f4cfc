"""The limits of the API in figures, from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from retrieval.decoding.configured_limits import photo_limits
from retrieval.quotas.limits import UploadLimits

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of something is taken in a minute and in a day."""

    what: StrOrPromise
    a_minute: str
    a_day: str


def stated_limits() -> Iterator[Limit]:
    """Yield the limits of requests and photos."""
    of_key, of_address = settings.SOUNDSCAPE_API_KEY_LIMITS, settings.SOUNDSCAPE_API_ADDRESS_LIMITS
    photos = _photos()
    yield Limit(_("Requests with one key"), *map(_figure, of_key))
    yield Limit(_("Requests from one network address"), *map(_figure, of_address))
    yield Limit(
        _("Photos of one account"), _figure(photos.photos_a_minute), _figure(photos.photos_a_day)
    )
    yield Limit(_("Megabytes of photos of one account"), "-", _figure(photos.megabytes_a_day))


def words_with_figures() -> dict[str, str]:
    """Return a sentence for each code whose problems have figures in their detail."""
    photos = _photos()
    return {
        "file_too_large": _("A photo may have {most} MB.").format(
            most=_figure(photo_limits().max_megabytes)
        ),
        "quota_photos": _(
            "An account may send this many photos a day, which ends at midnight UTC: {most}."
        ).format(most=_figure(photos.photos_a_day)),
        "quota_bytes": _(
            "An account may send this many MB of photos a day, which ends at midnight UTC: {most}."
        ).format(most=_figure(photos.megabytes_a_day)),
        "rate_limited": _(
            "An account may send this many photos a minute: {most}. Wait as long as Retry-After "
            "says; no RateLimit header tells of this limit."
        ).format(most=_figure(photos.photos_a_minute)),
        "queue_full": _("Wait as long as Retry-After says; nothing was kept."),
        "too_many_files": _("Send one, or use the address for batches."),
    }


def _photos() -> UploadLimits:
    return UploadLimits(*settings.SOUNDSCAPE_USER_LIMITS)


def _figure(most: float | str) -> str:
    return number_format(most, force_grouping=True) if most else _("no limit")
