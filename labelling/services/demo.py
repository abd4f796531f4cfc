"""The demo: accounts, a guideline and an open campaign, on a site that nobody uses yet."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.crypto import get_random_string

from accounts.models import User
from accounts.roles import Role
from accounts.services.audit import record
from accounts.services.roles import set_roles
from labelling.models import Campaign, Design, Guideline, PhotoSet
from labelling.selectors.demo import DEMO
from labelling.services.campaigns import make_campaign
from labelling.services.drawing import open_campaign, preview
from labelling.services.guidelines import make_guideline, publish_guideline
from labelling.services.photo_sets import make_photo_set
from retrieval.engine.matching.recipes import PAPER
from retrieval.jobs.transitions import release_expired
from retrieval.models import JobState, MatchRun, Scene
from retrieval.selectors.scenes import judgeable_scenes
from retrieval.services.matching import SoundFinder
from retrieval.services.scenes import find_sounds

PEOPLE: Final = {
    "demo_lead": Role.LEAD_REVIEWER,
    "demo_reviewer_1": Role.REVIEWER,
    "demo_reviewer_2": Role.REVIEWER,
}
RANKS: Final = 3
SAMPLE_SIZE: Final = 60
GRADERS_PER_PAIR: Final = 2

# Nobody gets mail there (RFC 2606), so nobody else can have confirmed such an address.
_DOMAIN: Final = "demo.example"
_PASSWORD_CHARACTERS: Final = 16
_BEST_MATCHER: Final = "fused"
_SEED: Final = 1


class RealAccountsError(Exception):
    """The site has accounts besides the demo's."""

    code = "real_accounts"

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} accounts are not the demo's")
        self.count = count


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo with its new password."""

    user_id: int
    name: str
    role: Role
    password: str
    is_new: bool


@transaction.atomic
def make_demo_accounts() -> list[DemoAccount]:
    """Make the demo's accounts, the lead first; those that exist get new passwords.

    Raises
    ------
    RealAccountsError
        If there is any other account; nothing is changed.
    """
    known = {user.username: user for user in User.objects.select_for_update()}
    if real := known.keys() - set(_demo_names()):
        raise RealAccountsError(len(real))
    return [_account(known.get(name), name=name, role=role) for name, role in PEOPLE.items()]


def _demo_names() -> list[str]:
    """Return the names of the demo's accounts that exist."""
    confirmed = EmailAddress.objects.filter(
        user=OuterRef("pk"), verified=True, email__endswith=f"@{_DOMAIN}"
    )
    users = User.objects.filter(
        Exists(confirmed), username__in=PEOPLE, is_staff=False, is_active=True
    )
    return list(users.values_list("username", flat=True))


def _account(user: User | None, *, name: str, role: Role) -> DemoAccount:
    password = get_random_string(_PASSWORD_CHARACTERS)
    is_new = user is None
    if user is None:
        email = f"{name}@{_DOMAIN}"
        user = User.objects.create_user(name, email, password)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
    record(
        action="demo.account_made" if is_new else "demo.password_reset",
        subject=f"user {user.pk}",
        actor_id=None,
    )
    set_roles(user_id=user.pk, roles={role}, actor_id=None)
    return DemoAccount(user_id=user.pk, name=name, role=role, password=password, is_new=is_new)


def demo_photo_set(*, lead_id: int) -> PhotoSet:
    """Return the demo's photo set; make it if there is none."""
    return PhotoSet.objects.filter(name=DEMO).first() or make_photo_set(
        name=DEMO, purpose="", source=PhotoSet.Source.IMPORTED, made_by=lead_id
    )


def match_photos(
    *, scene_ids: Collection[UUID], finder: SoundFinder, worker: str, pause_s: float = 0.5
) -> None:
    """Find the sounds of the photos that wait for it, in this process.

    A running site's workers may do some of them; what a killed run left is done again.
    """
    waiting = Scene.objects.filter(
        pk__in=scene_ids, state__in=[JobState.QUEUED, JobState.PROCESSING]
    )
    while left := dict(waiting.values_list("pk", "state")):
        queued = [pk for pk, state in left.items() if state == JobState.QUEUED]
        for pk in queued:
            find_sounds(scene_id=pk, finder=finder, worker=worker)
        if not queued:
            release_expired(Scene)
            time.sleep(pause_s)


def demo_guideline(*, body: str, lead_id: int) -> Guideline:
    """Return the demo's guideline; make and publish it if there is none."""
    found = Guideline.objects.filter(title=DEMO).order_by("version").first()
    made = found or make_guideline(title=DEMO, body=body, lead_id=lead_id)
    if made.published_at is None:
        publish_guideline(guideline_id=made.pk, lead_id=lead_id)
    return made


def open_demo_campaign(*, photo_set_id: int, guideline_id: int, lead_id: int) -> Campaign:
    """Draw and open the demo's campaign; make it if there is none.

    Raises
    ------
    LabellingError
        If nothing can be drawn, or the campaign was opened already.
    """
    made = Campaign.objects.filter(name=DEMO).first() or _make_campaign(
        photo_set_id=photo_set_id, guideline_id=guideline_id, lead_id=lead_id
    )
    drawn = preview(campaign_id=made.pk)
    return open_campaign(campaign_id=made.pk, digest=drawn.digest, lead_id=lead_id)


def _make_campaign(*, photo_set_id: int, guideline_id: int, lead_id: int) -> Campaign:
    scenes = judgeable_scenes().filter(set_photos__photo_set=photo_set_id)
    # Without YAMNet there are only runs of the paper's matcher.
    runs = MatchRun.objects.filter(photo_sha256__in=scenes.values("photo_sha256"))
    has_best = runs.filter(matcher=_BEST_MATCHER).exists()
    return make_campaign(
        lead_id=lead_id,
        name=DEMO,
        photo_set=PhotoSet.objects.get(pk=photo_set_id),
        guideline=Guideline.objects.get(pk=guideline_id),
        matchers=[_BEST_MATCHER if has_best else PAPER],
        ranks=RANKS,
        design=Design.SIMPLE,
        size=SAMPLE_SIZE,
        seed=_SEED,
        graders_per_pair=GRADERS_PER_PAIR,
    )
