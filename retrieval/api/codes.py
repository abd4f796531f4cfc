"""The codes of problems that only programs get, of photos, recordings and webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

KNOWN: Final[dict[str, tuple[int, StrOrPromise, StrOrPromise]]] = {
    # Photos
    "invalid_base64": (
        400,
        _("Not base64"),
        _("Send RFC 4648, section 4: with padding, without line breaks."),
    ),
    "private_not_judged": (
        400,
        _("Private and judged"),
        _("Reviewers cannot judge a private photo: choose one of the two."),
    ),
    "batch_too_large": (413, _("Too many photos at once"), _("The detail names the most.")),
    "result_missing": (
        404,
        _("No result of this matcher"),
        _("Ask for one of those that the photo's `matchers` names, or match it again."),
    ),
    "scene_unfinished": (
        409,
        _("No result yet"),
        _("A photo is matched again only once it has a result."),
    ),
    # Recordings
    "range_not_satisfiable": (
        416,
        _("No such range"),
        _("It begins behind the end of the file, whose size Content-Range says."),
    ),
    "licence_required": (400, _("No licence"), _("A recording needs the code of its licence.")),
    "invalid_tag": (400, _("No valid tag"), _("A tag cannot contain a semicolon.")),
    "invalid_url": (400, _("Not an address"), _("Give the whole address of a page.")),
    "matchers_differ": (
        400,
        _("Two matchers"),
        _("The address and the body name different matchers."),
    ),
    "metadata_invalid": (400, _("Not a valid description"), _("The detail says what is wrong.")),
    "profile_missing": (
        409,
        _("Not profiled yet"),
        _("The recording has no profile in this space; ask again later."),
    ),
    "search_too_slow": (
        503,
        _("The search took too long"),
        _("The site was too busy for it. Wait as long as Retry-After says, and ask again."),
    ),
    "precondition_required": (
        428,
        _("Which version?"),
        _("Send the ETag of what you read as If-Match, so that nobody's change is lost."),
    ),
    "version_conflict": (
        412,
        _("Changed meanwhile"),
        _("Read it again, then change it."),
    ),
    "already_withdrawn": (409, _("Withdrawn already"), _("Nothing was changed.")),
    "not_withdrawn": (409, _("Not withdrawn"), _("Nothing was changed.")),
    # Webhooks
    "url_not_allowed": (
        400,
        _("This address is not called"),
        _("Only public HTTPS addresses without a name and password are."),
    ),
    "too_many_webhooks": (409, _("Too many webhooks"), _("Delete one of the key's first.")),
    "webhook_exists": (409, _("The address has a webhook"), _("Change that one instead.")),
    "webhook_inactive": (409, _("The webhook is off"), _("Turn it on first.")),
    "too_many_waiting": (
        409,
        _("Too many messages wait"),
        _("Test messages and repetitions are sent again when fewer wait for the receiver."),
    ),
    "secret_lost": (
        409,
        _("The webhook's secret is lost"),
        _("The site's secret key was replaced. Delete the webhook and make another."),
    ),
    "names_unavailable": (
        503,
        _("The name was not looked up"),
        _("No name server answered in time, or many names are being looked up: repeat it."),
    ),
    "webhook_refused": (409, _("Not possible"), _("The detail says why.")),
}
"""Status, title and sentence of each code."""
