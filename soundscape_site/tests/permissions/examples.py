"""A site with people of every role, and the objects that the arguments of routes name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from accounts.models import AuditEntry, User
from accounts.roles import Role
from accounts.services.api_keys import make_key
from accounts.services.invitations import invite
from accounts.tests.authenticator_app import code_of
from accounts.tests.factories import KEY, give_app, make_person
from accounts.tests.people import PASSWORD, log_in
from retrieval.models import (
    Clip,
    DataExport,
    DeletedScene,
    HeardOverride,
    ImportItem,
    JobState,
    LibraryImport,
    LibraryProfiling,
    Match,
    PhotoBank,
    ProfileFailure,
    Scene,
    SceneRematch,
    Thumb,
    Visibility,
)
from retrieval.services.deletion import delete_scene
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import DUMMY, ClipFactory
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted, png
from soundscape_site.tests.permissions.labelling import SECRET, LabellingRows
from soundscape_site.tests.permissions.routes import Route

ROLES: Final[Mapping[str, tuple[Role, ...]]] = {
    "owner": (),  # of the objects that the addresses name
    "other": (),
    "reviewer": (Role.REVIEWER,),
    "lead": (Role.LEAD_REVIEWER,),
    "librarian": (Role.LIBRARIAN,),
    "operator": (Role.OPERATOR,),
}
_WITH_APP: Final = ("lead", "librarian", "operator")  # a second factor is required of them

SAMPLE: Final = "sea"
"""The slug of the sample photo."""

Values = dict[str, object]
Examples = Mapping[str, Values]  # the arguments of an address by the name of the object


@dataclass
class Site:
    """A site with one person of each role, their browsers, and rows of every model with a page."""

    folder: Path

    def __post_init__(self) -> None:
        self._make_clip = ClipFactory()
        self.people = {name: make_person(name, *roles) for name, roles in ROLES.items()}
        for name in _WITH_APP:
            give_app(self.people[name])
        self.owner = self.people["owner"]
        self.browsers = {
            "anonymous": Client(),  # the sender of the photo without an account
            "owner": logged_in(self.owner),
            **{name: logged_in(self.people[name]) for name in ROLES if name != "owner"},
        }
        self.clip = self.make_clip("recordings/1.ogg")
        self.scenes = dict(self._scenes())
        self.match = Match.objects.get(run__scenes=self.scenes["unlisted"])
        Thumb.objects.create(
            match=self.match, scene=self.scenes["unlisted"], account=self.owner, fits=True
        )
        SceneRematch.objects.create(scene=self.scenes["unlisted"], matcher="paper")
        self._accounts()
        self._library()
        self.labelling = LabellingRows(
            reviewer=self.people["reviewer"],
            other=make_person(f"{SECRET}-reviewer", Role.REVIEWER),
            lead=self.people["lead"],
            photo=str(self.scenes["unlisted"].photo.name),
            recording=str(self.clip.original.name),
        )

    def make_clip(self, name: str) -> Clip:
        """Add a recording to the library."""
        recording = default_storage.save(name, ContentFile(bytes(range(256))))
        return self._make_clip(np.full(7, 1 / 7), original=recording)

    def _scenes(self) -> Iterator[tuple[str, Scene]]:
        """Yield photos: the owner's, and one that was sent without an account."""
        yield from self.photos_of(self.owner)
        self.browsers["anonymous"].post(reverse("retrieval:scene_create"), {"photo": png()})
        yield "without_account", self._finished(Scene.objects.get(owner=None))

    def photos_of(self, owner: User) -> Iterator[tuple[str, Scene]]:
        """Make and yield somebody's photos: finished ones, and one that was deleted."""
        changes: Mapping[str, Values] = {
            "unlisted": {"visibility": Visibility.UNLISTED},
            "private": {"visibility": Visibility.PRIVATE},
            "public": {"visibility": Visibility.PUBLIC},
            "hidden": {
                "visibility": Visibility.PUBLIC,
                "hidden_at": timezone.now(),
                "hidden_reason": "It shows a person.",
            },
        }
        for kind, values in changes.items():
            scene = self._finished(accepted(owner_id=owner.pk))
            Scene.objects.filter(pk=scene.pk).update(**values)
            yield kind, scene
        yield "deleted", (scene := accepted(owner_id=owner.pk))
        delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)

    def _finished(self, scene: Scene) -> Scene:
        if scene.state == JobState.QUEUED:
            finder = dummy_finder(self.folder, self.folder / "index")
            find_sounds(scene_id=scene.pk, finder=finder, worker="w")
        return scene

    def _accounts(self) -> None:
        """Add what belongs to the owner's account, and an invitation."""
        self.address = EmailAddress.objects.create(user=self.owner, email="new@people.example")
        self.passkey = Authenticator.objects.create(
            user=self.owner,
            type=Authenticator.Type.WEBAUTHN,
            data={"name": "Phone", "credential": _passkey()},
        )
        self.session = UserSession.objects.filter(user=self.owner).latest("pk")
        file = default_storage.save("exports/1.zip", ContentFile(b"zip"))
        self.export = DataExport.objects.create(
            user=self.owner, state=JobState.DONE, file=file, byte_size=3, finished_at=timezone.now()
        )
        self.key, _ = make_key(
            user_id=self.owner.pk,
            name="laptop",
            scopes=["clips:read"],
            valid_for=timedelta(days=30),
        )
        self.invitation, self.token = invite(
            email="guest@people.example", roles={Role.REVIEWER}, actor_id=self.people["operator"].pk
        )

    def _library(self) -> None:
        """Add what librarians see: imports, failures, overrides, photo banks."""
        self.job = LibraryImport.objects.create(
            source="/library", requested_by=self.people["librarian"].pk
        )
        ImportItem.objects.create(
            source=self.job.source,
            path="a.wav",
            byte_size=1,
            modified_ns=1,
            outcome="failed",
            code="x",
        )
        LibraryProfiling.objects.create(space_id=DUMMY.name, model_version=DUMMY.audio_model)
        ProfileFailure.objects.create(
            clip=self.clip, space_id=DUMMY.name, model_version=DUMMY.audio_model, code="silent"
        )
        AuditEntry.objects.create(action="clip.edited", subject="clip 1")
        HeardOverride.objects.create(wnid="n02814860", sounds={"Foghorn": 1}, why="fog")
        PhotoBank.objects.create(photos=2, digest="0" * 12)


def logged_in(user: User, *, recently: bool = True) -> Client:
    """Return a browser in which a person is logged in and has just entered the password again."""
    browser = Client()
    if log_in(browser, user.username)["Location"] == reverse("mfa_authenticate"):
        browser.post(reverse("mfa_authenticate"), {"code": code_of(KEY)})
    if recently:
        browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    if "_auth_user_id" not in browser.session:
        raise AssertionError(f"{user} could not log in")
    return browser


def _passkey() -> dict[str, Any]:
    """Return what a browser says about a new passkey."""
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
    public_key = ES256.from_ctap1(b"\4" + bytes(64))
    credential = AttestedCredentialData.create(Aaguid.NONE, b"id", public_key)
    statement = AttestationObject.create(
        "none", AuthenticatorData.create(bytes(32), flags, 0, credential), {}
    )
    client = CollectedClientData.create("webauthn.create", bytes(16), "https://testserver")
    answer = {"clientDataJSON": client, "attestationObject": statement}
    return {
        "id": websafe_encode(b"id"),
        "rawId": websafe_encode(b"id"),
        "type": "public-key",
        "response": {name: websafe_encode(value) for name, value in answer.items()},
    }


def row_of(model: type[Model]) -> Model:
    """Return a row of a model."""
    row = model._default_manager.first()
    if row is None:
        raise LookupError(f"`Site` has no {model.__name__}; create one there")
    return row


def examples_of(route: Route, site: Site) -> Examples:
    """Return the objects that an address of this route can name; one for a route of the API.

    The API refuses all that visitors' browsers send, whatever the object.
    """
    if not route.arguments:
        return {"": {}}
    if route.arguments == ("object_id",):  # /admin/APP/MODEL/OBJECT/
        _, app, model, *_ = route.template.split("/")
        return {"": {"object_id": row_of(apps.get_model(app, model)).pk}}
    lease = route.template.startswith(("review/leases/", "api/v1/leases/"))
    make = leases if lease else _EXAMPLES.get(route.arguments)
    if make is None:
        raise LookupError(f"{route}: no objects for {route.arguments}; add them to `_EXAMPLES`")
    return dict(islice(make(site).items(), 1)) if route.is_of_api else make(site)


def _scenes(site: Site) -> Examples:
    return {kind: {"scene_id": scene.pk} for kind, scene in site.scenes.items()}


def _confirmations(site: Site) -> Examples:
    key = EmailConfirmationHMAC(site.address).key
    return {"valid": {"key": key}, "forged": {"key": key[:-1] + "-"}}


def _resets(site: Site) -> Examples:
    owner = User.objects.get(pk=site.owner.pk)  # as of the last log-in
    token, uid = default_token_generator.make_token(owner), user_pk_to_url_str(owner)
    return {"valid": {"uidb36": uid, "key": token}, "forged": {"uidb36": uid, "key": "a-b"}}


def leases(site: Site) -> Examples:
    """Return the leases of the reviewer and of another one."""
    rows = site.labelling
    return {
        "reviewers": {"token": rows.held.token},
        "reviewers_gold": {"token": rows.held_gold.token},
        "reviewers_answered": {"token": rows.graded.token},
        "anothers": {"token": rows.of_another.token},
        "unknown": {"token": UUID(int=0)},
    }


def _campaigns(site: Site) -> Examples:
    return {
        state: {"campaign_id": campaign.pk} for state, campaign in site.labelling.campaigns.items()
    }


def _pairs(site: Site) -> Examples:
    rows = site.labelling
    campaign = rows.open.pk
    pairs = {
        "open": rows.free[0],
        "disputed": rows.disputed,
        "settled": rows.settled,
        "gold": rows.held_gold.pair,
        "of_another_campaign": rows.foreign_pair,
    }
    return {kind: {"campaign_id": campaign, "pair_id": pair.pk} for kind, pair in pairs.items()}


def _guidelines(site: Site) -> Examples:
    rows = site.labelling
    return {
        "draft": {"guideline_id": rows.draft.pk},
        "published": {"guideline_id": rows.guideline.pk},
    }


def _guideline_examples(site: Site) -> Examples:
    rows = site.labelling
    return {
        "of_draft": {"example_id": rows.example.pk},
        "published": {"example_id": rows.shown_example.pk},
    }


_EXAMPLES: Final[Mapping[tuple[str, ...], Callable[[Site], Examples]]] = {
    ("scene_id",): _scenes,
    ("slug",): lambda site: {"": {"slug": SAMPLE}},
    ("clip_id", "version"): lambda site: {
        "": {"clip_id": site.clip.pk, "version": site.clip.played_version}
    },
    ("clip_id",): lambda site: {"": {"clip_id": site.clip.pk}},
    ("import_id",): lambda site: {"": {"import_id": site.job.pk}},
    ("webhook_id",): lambda _: {"": {"webhook_id": 1}},
    ("webhook_id", "delivery_id"): lambda _: {"": {"webhook_id": 1, "delivery_id": 1}},
    ("key",): _confirmations,
    ("uidb36", "key"): _resets,
    ("pk",): lambda site: {"": {"pk": site.passkey.pk}},
    ("key_id",): lambda site: {"": {"key_id": site.key.pk}},
    ("session_id",): lambda site: {"": {"session_id": site.session.pk}},
    ("export_id",): lambda site: {"": {"export_id": site.export.pk}},
    ("id",): lambda site: {"": {"id": site.owner.pk}},
    ("user_id",): lambda site: {"": {"user_id": site.owner.pk}},
    ("invitation_id",): lambda site: {"": {"invitation_id": site.invitation.pk}},
    ("token",): lambda site: {"valid": {"token": site.token}, "forged": {"token": "a-b"}},
    ("campaign_id",): _campaigns,
    ("campaign_id", "pair_id"): _pairs,
    ("campaign_id", "kind"): lambda site: {
        state: {"campaign_id": site.labelling.campaigns[state].pk, "kind": "csv"}
        for state in ("draft", "open", "closed")
    },
    ("report_id",): lambda site: {
        f"of_{state}": {"report_id": report.pk} for state, report in site.labelling.frozen.items()
    },
    ("report_id", "kind"): lambda site: {
        f"of_{state}": {"report_id": report.pk, "kind": "csv"}
        for state, report in site.labelling.frozen.items()
    },
    ("guideline_id",): _guidelines,
    ("example_id",): _guideline_examples,
    ("gold_id",): lambda site: {"": {"gold_id": site.labelling.gold.pk}},
    ("guideline_id", "example_id"): lambda site: {
        "draft": {
            "guideline_id": site.labelling.draft.pk,
            "example_id": site.labelling.example.pk,
        },
        "published": {
            "guideline_id": site.labelling.guideline.pk,
            "example_id": site.labelling.shown_example.pk,
        },
        "of_another_guideline": {
            "guideline_id": site.labelling.draft.pk,
            "example_id": site.labelling.shown_example.pk,
        },
    },
    ("photo_set_id", "photo_id"): lambda site: {
        "": {
            "photo_set_id": site.labelling.photo_set.pk,
            "photo_id": site.labelling.set_photo.pk,
        }
    },
    ("photo_set_id",): lambda site: {
        "imported": {"photo_set_id": site.labelling.photo_set.pk},
        "visitors": {"photo_set_id": site.labelling.visitors_set.pk},
    },
    ("content_type_id", "object_id"): lambda site: {
        "": {
            "content_type_id": ContentType.objects.get_for_model(User).pk,
            "object_id": site.owner.pk,
        }
    },
    ("app_label",): lambda site: {"": {"app_label": "retrieval"}},
    ("url",): lambda site: {"": {"url": "no/such/page"}},
}
