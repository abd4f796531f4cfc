"""The status, title and sentence that a visitor gets for each error code.

Details of errors are logged; these sentences state what happened and what to do.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.services.erasure import AccountClosedError
from retrieval.decoding.configured_limits import photo_limits
from retrieval.engine.errors import DecodeError
from retrieval.quotas.limits import LimitExceededError
from retrieval.services.uploads import QueueFullError, Refusal
from retrieval.storage.content_store import StorageError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

logger = logging.getLogger(__name__)

REFUSALS: Final = (
    AccountClosedError,
    DecodeError,
    LimitExceededError,
    QueueFullError,
    StorageError,
)
"""What a photo may be refused with."""

_OUR_FAULT: Final = _(
    "Something is wrong on our side, not with your photo. Please try again later."
)
_CLOSED: Final = _("The site is not set up completely. Please come back later.")
_TEMPORARY: Final = frozenset({429, 503, 507})
_RETRY_AFTER_S: Final = 30
_FULL: Final = _("The site has run out of disk space. Nothing was kept; please try again later.")
_BUSY: Final = _("Please try again in half a minute; nothing was kept.")


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: stable code, HTTP status, title and sentence."""

    code: str
    status: int
    title: str
    detail: str
    retry_after_s: int | None = None


# An empty sentence is replaced by the detail of the error, which names the figures.
_KNOWN: Final[dict[str, tuple[int, StrOrPromise, StrOrPromise]]] = {
    "file_missing": (400, _("No photo arrived"), _("Choose a photo first.")),
    "too_many_files": (400, _("One photo at a time"), ""),
    "malformed_multipart": (
        400,
        _("The photo did not arrive in one piece"),
        _("The upload is incomplete or was altered on its way. Send it once more."),
    ),
    "too_many_fields": (400, _("That is no photo"), _("Far more was sent than a photo. Send one.")),
    "fields_too_large": (
        413,
        _("That is no photo"),
        _("Far more was sent than a photo. Send one."),
    ),
    "unsupported_encoding": (
        415,
        _("This photo was sent compressed"),
        _("Compressed requests are not accepted. Send the photo unchanged."),
    ),
    "unsupported_charset": (
        415,
        _("This form could not be read"),
        _("Its text was not sent as Unicode, as browsers send it. Nothing was changed."),
    ),
    "file_empty": (
        400,
        _("This file is empty"),
        _("It holds no data at all. Choose it again, or take another one."),
    ),
    "file_too_large": (413, _("This photo is too large"), ""),
    "file_unreadable": (500, _("The photo could not be read"), _OUR_FAULT),
    "unsupported_media_type": (
        415,
        _("This is not a photo we can read"),
        _("We can read JPEG, PNG, WebP and HEIC."),
    ),
    "image_truncated": (
        422,
        _("This photo is incomplete"),
        _("Its end is missing. Save or copy it once more and try again."),
    ),
    "image_decode_failed": (
        422,
        _("This photo is damaged"),
        _("It cannot be opened. Save it again with another program, or take another photo."),
    ),
    "image_too_many_pixels": (
        422,
        _("This photo has too many pixels"),
        _("We take up to {megapixels} megapixels. Make it smaller."),
    ),
    "image_bad_dimensions": (
        422,
        _("This photo is too long and thin"),
        _("Its longer side may have up to {longest_px} pixels. Cut out a part."),
    ),
    "image_too_small": (
        422,
        _("This photo is too small"),
        _("Each side needs at least {shortest_px} pixels to show a place."),
    ),
    "image_metadata_too_large": (
        422,
        _("This photo contains too much besides the picture"),
        _("The texts and profiles in it are too large. Save it without them and try again."),
    ),
    "image_too_complex": (
        422,
        _("This photo costs too much to read"),
        _("It is made of far more parts than a photo needs. Save it again as a plain JPEG."),
    ),
    "decode_failed": (422, _("This photo is damaged"), _("It cannot be opened. Try another one.")),
    "decode_timeout": (
        422,
        _("This photo takes too long to read"),
        _("Save it again as a JPEG, perhaps smaller, and try again."),
    ),
    "decoder_busy": (503, _("Too many photos are being read"), _BUSY),
    "decoder_unavailable": (503, _("Photos cannot be read at the moment"), _BUSY),
    "decoding_stopped": (503, _("The site is just being restarted"), _BUSY),
    "storage_full": (507, _("There is no room left for photos"), _FULL),
    "storage_unavailable": (503, _("Photos cannot be stored at the moment"), _BUSY),
    "account_closed": (
        409,
        _("Your account has been closed"),
        _("So this photo was not kept. You can send it without an account."),
    ),
    "queue_full": (503, _("Too many photos are waiting"), ""),
    "quota_photos": (429, _("That is all for today"), ""),
    "quota_bytes": (429, _("That is all for today"), ""),
    "rate_limited": (429, _("One after the other, please"), ""),
    "library_empty": (
        503,
        _("There are no recordings yet"),
        _("So no photo can find its sound. Please come back later."),
    ),
    "index_damaged": (503, _("The recordings cannot be searched"), _CLOSED),
    "ranker_unavailable": (503, _("The recordings cannot be searched"), _CLOSED),
    "profiles_missing": (503, _("The recordings cannot be searched"), _CLOSED),
    "matcher_unknown": (503, _("The recordings cannot be searched"), _CLOSED),
    "weights_missing": (503, _("The models are missing"), _CLOSED),
    "weights_altered": (503, _("The models are damaged"), _CLOSED),
    "weights_misaligned": (503, _("The models are damaged"), _CLOSED),
    "weights_unavailable": (503, _("The models are missing"), _CLOSED),
    "weights_source_altered": (503, _("The models are damaged"), _CLOSED),
    "conversion_failed": (503, _("The models are damaged"), _CLOSED),
    "invalid_vocabulary": (503, _("The models are damaged"), _CLOSED),
    "model_error": (500, _("The photo could not be understood"), _OUR_FAULT),
    "model_input": (500, _("The photo could not be understood"), _OUR_FAULT),
    "invalid_distribution": (500, _("The photo could not be understood"), _OUR_FAULT),
    "space_mismatch": (500, _("The photo could not be understood"), _OUR_FAULT),
    "engine_error": (500, _("The photo could not be matched"), _OUR_FAULT),
    "poison": (
        500,
        _("This photo could not be matched"),
        _("Several attempts did not finish. Please try another one."),
    ),
}
_OTHER: Final = (422, _("This photo could not be used"), _("Please try another one."))


def problem(code: str, detail: str, *, retry_after_s: int | None = None) -> Problem:
    """Return the answer to a failure; `detail` is shown only if the code has no sentence.

    A temporary failure says when to retry: after `retry_after_s`, or in half a minute.
    """
    status, title, sentence = _KNOWN.get(code, _OTHER)
    if retry_after_s is None and status in _TEMPORARY:
        retry_after_s = _RETRY_AFTER_S
    words = str(sentence).format_map(_figures()) or detail
    return Problem(code, status, str(title), words, retry_after_s)


def problem_of_refusal(error: Refusal) -> Problem:
    """Return the answer to a photo that was not accepted."""
    if isinstance(error, LimitExceededError):
        return problem(error.code, error.detail, retry_after_s=error.retry_after_s)
    if isinstance(error, QueueFullError):
        return problem(error.code, gettext("Try again in half a minute; nothing was kept."))
    if isinstance(error, StorageError):
        logger.error("%s: %s", error.code, error)
    return problem(error.code, str(error))


def photo_too_large(size: int) -> Problem:
    """Return the answer to an upload of too many bytes."""
    sentence = gettext("It has {megabytes} MB; the most we take is {most_megabytes} MB.")
    megabytes = number_format(f"{size / 1e6:.1f}", force_grouping=True)
    return problem("file_too_large", sentence.format(megabytes=megabytes, **_figures()))


def _figures() -> dict[str, str]:
    """Return the limits that sentences name, as the visitor's language writes numbers."""
    limits = photo_limits()
    figures: dict[str, str | int] = {
        "most_megabytes": limits.max_megabytes,
        "megapixels": limits.max_megapixels,
        "longest_px": limits.max_side_px,
        "shortest_px": limits.min_side_px,
    }
    return {name: number_format(value, force_grouping=True) for name, value in figures.items()}


def known_problems() -> dict[str, tuple[int, str, str]]:
    """Return status, title and sentence of every code, for the API's documentation."""
    return {
        code: (status, str(title), str(sentence).format_map(_figures()))
        for code, (status, title, sentence) in _KNOWN.items()
    }
