"""The parts of an export of personal data.

`SOUNDSCAPE_EXPORT_SECTIONS` names them, so that apps above this one can add theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from accounts.selectors.personal_data import account_data, audit_data, invitation_data
from retrieval.models import Match, Scene
from retrieval.selectors.exports import report_data, scenes_with_results
from retrieval.selectors.thumbs import thumb_data
from retrieval.selectors.webhooks import webhook_data

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the export: JSON, or the copy of a stored file."""

    name: str
    data: Any = None
    stored_as: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the export, and the words about it in README.txt."""

    words: StrOrPromise
    entries: Callable[[int], Iterator[Entry]]


def sections() -> list[Section]:
    """Return the parts that the setting names."""
    return [import_string(path) for path in settings.SOUNDSCAPE_EXPORT_SECTIONS]


def _account(user_id: int) -> Iterator[Entry]:
    yield Entry("account.json", account_data(user_id))
    yield Entry("invitations.json", invitation_data(user_id))
    yield Entry("audit-log.json", audit_data(user_id))


def _photos(user_id: int) -> Iterator[Entry]:
    for scene in scenes_with_results(user_id):
        photo = f"photos/{scene.pk}{PurePosixPath(str(scene.photo.name)).suffix}"
        yield Entry(photo, stored_as=str(scene.photo.name))
        yield Entry(f"photos/{scene.pk}.json", _scene_data(scene))


def _reports(user_id: int) -> Iterator[Entry]:
    yield Entry("reports.json", report_data(user_id))


def _thumbs(user_id: int) -> Iterator[Entry]:
    yield Entry("thumbs.json", thumb_data(user_id))


def _webhooks(user_id: int) -> Iterator[Entry]:
    yield Entry("webhooks.json", webhook_data(user_id))


def _scene_data(scene: Scene) -> dict[str, Any]:
    run = scene.run
    return {
        "id": scene.pk,
        "title": scene.title,
        "sent_at": scene.created_at,
        "state": scene.state,
        "visibility": scene.visibility,
        "reviewers_may_judge": scene.judging_allowed,
        "hidden_at": scene.hidden_at,
        "hidden_reason": scene.hidden_reason,
        "width_px": scene.width_px,
        "height_px": scene.height_px,
        "matcher": f"{run.matcher} v{run.matcher_version}" if run else None,
        "models": run.model_versions if run else None,
        "filter": run.clip_filter if run else scene.clip_filter,
        "matches": [_match_data(match) for match in run.matches.all()] if run else [],
    }


def _match_data(match: Match) -> dict[str, Any]:
    clip = match.clip
    return {
        "rank": match.rank,
        "title": clip.title,
        "author": clip.author,
        "license": clip.get_license_display(),
        "license_url": clip.license_url,
        "source_url": clip.source_url,
        "strength": match.strength,
        "score": match.score,
        "divergence_nats": {
            found.space_id: found.divergence_nats for found in match.divergences.all()
        },
    }


ACCOUNT = Section(
    _(
        "account.json: your name, e-mail addresses, roles, sessions, second factors and API keys\n"
        "invitations.json: the invitations that you sent or accepted\n"
        "audit-log.json: what the site noted about your log-ins and other acts, and about acts of\n"
        "  others on your account"
    ),
    _account,
)
PHOTOS = Section(
    _(
        "photos/: each of your photos and, in the JSON file of the same name, the recordings\n"
        "  found for it; divergence_nats tells how far a recording is from the photo"
    ),
    _photos,
)
REPORTS = Section(_("reports.json: the photos that you reported, and why"), _reports)
THUMBS = Section(_("thumbs.json: for which recordings you said whether they fit a photo"), _thumbs)
WEBHOOKS = Section(
    _("webhooks.json: the addresses to which your API keys have messages sent"), _webhooks
)
