"""Programs: one person's keys, and the objects that the API's routes name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import F
from django.http import HttpResponseBase
from django.test import Client

from accounts.models import ApiKey, User
from accounts.roles import Role
from accounts.scopes import Scope
from accounts.services.api_keys import make_key
from accounts.tests.factories import give_app
from retrieval.models import Clip, LibraryImport, Webhook, WebhookDelivery, WebhookEvent
from retrieval.services.clip_care import withdraw_clip
from retrieval.services.webhook_secrets import give_secret
from retrieval.services.webhooks import send_test
from soundscape_site.tests.permissions.examples import Examples, Site, Values, leases
from soundscape_site.tests.permissions.labelling import SECRET
from soundscape_site.tests.permissions.routes import Route
from soundscape_site.tests.permissions.visits import Visitor, word_of

ALL_SCOPES: Final = tuple(Scope)
WORKING_ROLES: Final = (Role.REVIEWER, Role.LEAD_REVIEWER, Role.LIBRARIAN)
"""Those that scopes ask for. Operators also see what is hidden, so they have a column."""

UNKNOWN: Final = "unknown"
"""The name of the object that does not exist."""


@dataclass(frozen=True, slots=True)
class Column:
    """The scopes of a key, and the roles of its owner while it is used."""

    scopes: tuple[Scope, ...]
    roles: tuple[Role, ...]


WITHOUT_KEY: Final = ("no_key", "wrong_key")
COLUMNS: Final[Mapping[str, Column]] = {
    **{scope.value: Column((scope,), WORKING_ROLES) for scope in Scope},
    "no_role": Column(ALL_SCOPES, ()),
    "reviewer": Column(ALL_SCOPES, (Role.REVIEWER,)),
    "lead": Column(ALL_SCOPES, (Role.LEAD_REVIEWER,)),
    "librarian": Column(ALL_SCOPES, (Role.LIBRARIAN,)),
    "operator": Column(ALL_SCOPES, (Role.OPERATOR,)),
}
_IN_USE: Final = timedelta(minutes=2)
"""How long ago the keys were used: the next use is noted, but is no entry in the audit log."""


class ProgramVisitor(Visitor):
    """A program that sends a key, or none."""

    def __init__(self, secret: str = "") -> None:
        headers = {"Authorization": f"Bearer {secret}"} if secret else None
        super().__init__(Client(), headers=headers)

    def word_of(self, response: HttpResponseBase) -> str:
        """Return the status, or why a key does not suffice."""
        if response.status_code in {401, 403}:
            return str(getattr(response, "data", {}).get("code"))
        return word_of(response)


class Programs:
    """The keys of one person: the reviewer of the site, who also has photos and an import."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.person = site.people["reviewer"]
        give_app(self.person)  # the roles that it gets need a second factor
        self.photos = dict(site.photos_of(self.person))
        self.job = LibraryImport.objects.create(source="/mine", requested_by=self.person.pk)
        self.withdrawn = self._withdrawn()
        self.keys: dict[str, ApiKey] = {}
        self.visitors = {"no_key": ProgramVisitor(), "wrong_key": ProgramVisitor("0" * 64)}
        for name, column in COLUMNS.items():
            self.keys[name], self.visitors[name] = self._program(name, column.scopes)
        ApiKey.objects.update(last_used_at=F("last_used_at") - _IN_USE)
        self.deliveries = {name: _delivery(key) for name, key in self.keys.items()}
        self.spare_delivery = _delivery(self._spare_key("spare", self.person))
        self.anothers_delivery = _delivery(self._spare_key("anothers", site.owner))

    def take_roles_of(self, name: str) -> None:
        """Give the keys' owner the roles of a column."""
        roles = COLUMNS[name].roles if name in COLUMNS else ()
        self.person.groups.set(Group.objects.filter(name__in=roles))
        operator = Role.OPERATOR in roles
        User.objects.filter(pk=self.person.pk).update(is_staff=operator, is_superuser=operator)

    def objects(self, route: Route, column: str) -> Examples:
        """Return the objects that an address of this route can name, for the key of a column."""
        if "webhook_id" in route.arguments:
            return self._webhooks(route, column)
        if not route.arguments:
            return {"": {}}
        make = _OBJECTS.get(route.arguments)
        if make is None:
            raise LookupError(f"{route}: no objects for {route.arguments}; add them to `_OBJECTS`")
        return make(self)

    def _webhooks(self, route: Route, column: str) -> Examples:
        own = self.deliveries.get(column, self.spare_delivery)
        found = {
            "own": own,
            "of_another_key": self.deliveries["operator" if column != "operator" else "lead"],
            "anothers": self.anothers_delivery,
        }
        if "delivery_id" not in route.arguments:
            hooks = {kind: one.webhook_id for kind, one in found.items()} | {UNKNOWN: 0}
            return {kind: {"webhook_id": pk} for kind, pk in hooks.items()}
        both: dict[str, Values] = {
            kind: {"webhook_id": one.webhook_id, "delivery_id": one.pk}
            for kind, one in found.items()
        }
        foreign = self.anothers_delivery.pk
        both["own_with_anothers_delivery"] = both["own"] | {"delivery_id": foreign}
        return both | {UNKNOWN: {"webhook_id": 0, "delivery_id": 0}}

    def _spare_key(self, name: str, person: User) -> ApiKey:
        return make_key(
            user_id=person.pk, name=name, scopes=ALL_SCOPES, valid_for=timedelta(days=1)
        )[0]

    def _program(self, name: str, scopes: Iterable[Scope]) -> tuple[ApiKey, ProgramVisitor]:
        key, secret = make_key(
            user_id=self.person.pk, name=name, scopes=scopes, valid_for=timedelta(days=1)
        )
        visitor = ProgramVisitor(secret)
        visitor.generic("GET", "/api/v1/library/snapshots")  # its first use
        return key, visitor

    def _withdrawn(self) -> Clip:
        clip: Clip = self.site.make_clip("recordings/2.ogg")
        reason = f"{SECRET}-withdrawn"
        withdraw_clip(clip_id=clip.pk, reason=reason, actor_id=self.site.people["librarian"].pk)
        return clip


def _delivery(key: ApiKey) -> WebhookDelivery:
    """Make a webhook of a key, whatever its scopes, and a message to it."""
    url = f"https://hooks.example/{SECRET}-{key.name}"
    webhook = Webhook(api_key=key, url=url, events=[WebhookEvent.SCENE_DONE])
    give_secret(webhook=webhook)
    webhook.save()
    return send_test(webhook=webhook)


def _scenes(programs: Programs) -> Examples:
    others = programs.site.scenes
    found = {
        **{f"own_{kind}": scene.pk for kind, scene in programs.photos.items() if kind != "public"},
        **{f"others_{kind}": others[kind].pk for kind in programs.photos},
        UNKNOWN: UUID(int=0),
    }
    return {kind: {"scene_id": pk} for kind, pk in found.items()}


def _campaigns(programs: Programs) -> Examples:
    campaigns = programs.site.labelling.campaigns
    found: dict[str, Any] = {state: campaigns[state].pk for state in ("draft", "open", "closed")}
    return {kind: {"campaign_id": pk} for kind, pk in (found | {UNKNOWN: 0}).items()}


_OBJECTS: Final[Mapping[tuple[str, ...], Callable[[Programs], Examples]]] = {
    ("scene_id",): _scenes,
    ("clip_id",): lambda programs: {
        "served": {"clip_id": programs.site.clip.pk},
        "withdrawn": {"clip_id": programs.withdrawn.pk},
        UNKNOWN: {"clip_id": 0},
    },
    ("import_id",): lambda programs: {
        "own": {"import_id": programs.job.pk},
        "anothers": {"import_id": programs.site.job.pk},
        UNKNOWN: {"import_id": 0},
    },
    ("campaign_id",): _campaigns,
    ("token",): lambda programs: leases(programs.site),
    ("example_id",): lambda programs: {
        "of_draft": {"example_id": programs.site.labelling.example.pk},
        "published": {"example_id": programs.site.labelling.shown_example.pk},
        UNKNOWN: {"example_id": 0},
    },
    ("report_id",): lambda programs: {
        **{
            f"of_{state}": {"report_id": report.pk}
            for state, report in programs.site.labelling.frozen.items()
        },
        UNKNOWN: {"report_id": 0},
    },
}
