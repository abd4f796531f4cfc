"""Fields that a form does not have change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from django.urls import resolve

from accounts.models import ApiKey, Invitation, User
from accounts.tests.people import PASSWORD
from labelling.services import campaigns
from retrieval.models import DataExport, DeletedScene, Scene, SceneReport, Thumb
from retrieval.tests.photos import png
from soundscape_site.tests.permissions.examples import SAMPLE
from soundscape_site.tests.permissions.labelling_forms import (
    LABELLING_FORMS,
    LABELLING_GUARDED,
    MORE,
    REVIEWERS_JSON,
    labelling_names,
)
from soundscape_site.tests.permissions.routes import all_routes
from soundscape_site.tests.permissions.table import read
from soundscape_site.tests.permissions.test_permissions import TABLE

NEW: Final = "another long password"

# Valid forms: their address, who sends them, and their fields.
FORMS: Final[list[tuple[str, str, Mapping[str, Any]]]] = [
    ("/scenes/", "anonymous", {"photo": png, "judging_allowed": "on"}),
    ("/samples/{sample}/", "anonymous", {}),
    ("/scenes/{unlisted}/settings/", "owner", {"title": "Sea", "visibility": "public"}),
    ("/scenes/{unlisted}/narrow/", "owner", {"commercial_use": "on", "long_enough": "on"}),
    ("/scenes/{unlisted}/delete/", "owner", {}),
    ("/scenes/{public}/report/", "other", {"reason": "person", "words": "It is me."}),
    ("/scenes/{unlisted}/thumb/", "other", {"match": "{match}", "thumb": "place"}),
    ("/reports/{public}/", "operator", {"decision": "hide", "reason": "It shows a person."}),
    ("/me/photos/{unlisted}/title/", "owner", {"title": "Sea"}),
    ("/me/photos/{unlisted}/delete/", "owner", {}),
    ("/me/data/export/", "other", {}),
    ("/me/data/erase/", "other", {"name": "other"}),
    ("/me/keys/new/", "other", {"name": "a", "scopes": ["clips:read"], "days": "30"}),
    ("/me/keys/{api_key}/rotate/", "owner", {"at_once": "yes", "begins": "{begins}"}),
    ("/me/keys/{api_key}/revoke/", "owner", {}),
    ("/people/{other}/roles/", "operator", {"roles": ["reviewer"]}),
    ("/people/{other}/active/", "operator", {"active": "no"}),
    ("/people/invitations/", "operator", {"email": "x@people.example", "roles": ["reviewer"]}),
    ("/people/invitations/{invitation}/again/", "operator", {}),
    ("/people/invitations/{invitation}/revoke/", "operator", {}),
    ("/invitations/", "guest", {"username": "guest", "password": NEW}),
    ("/accounts/signup/", "guest",
     {"username": "guest", "email": "x@people.example", "password1": NEW}),
    ("/accounts/login/", "guest", {"login": "other", "password": PASSWORD}),
    ("/accounts/logout/", "other", {}),
    ("/accounts/email/", "other", {"email": "x@people.example", "action_add": ""}),
    ("/accounts/confirm-email/{key}/", "owner", {}),
    ("/accounts/password/change/", "other", {"oldpassword": PASSWORD, "password1": NEW}),
    ("/accounts/password/reset/", "guest", {"email": "other@people.example"}),
    ("/accounts/reauthenticate/", "other", {"password": PASSWORD}),
    ("/accounts/sessions/", "other", {}),
    ("/accounts/sessions/{session}/end/", "owner", {}),
    *LABELLING_FORMS,
]  # fmt: skip
SHOW_A_SECRET: Final = {"/me/keys/new/", "/me/keys/{api_key}/rotate/"}
WITHOUT_FORM: Final = {"/me/", "/accounts/password/set/", "/accounts/login/code/confirm/"}
"""Routes that only redirect whoever could send them something."""

WITH_TOKEN: Final = {"/accounts/password/reset/key/<uidb36>-<key>/"}
"""Routes whose form is behind a redirect that sets the token."""


@pytest.fixture
def names(site) -> dict[str, object]:
    """What stands for the objects in the addresses of `FORMS`."""
    return {
        **{kind: scene.pk for kind, scene in site.scenes.items()},
        "match": site.match.pk,
        "sample": SAMPLE,
        "other": site.people["other"].pk,
        "invitation": site.invitation.pk,
        "session": site.session.pk,
        "api_key": site.key.pk,
        "begins": site.key.token_key,
        "key": EmailConfirmationHMAC(site.address).key,
        **labelling_names(site.labelling),
    }


@pytest.fixture
def browsers(site) -> dict[str, Client]:
    """The browsers of the site, and the one of a guest who has opened an invitation."""
    guest = Client()
    guest.get(f"/invitations/{site.token}/")
    return {**site.browsers, "guest": guest}


def test_every_form_is_tried(names):
    tried = {resolve(address.format(**names)).route for address, _, _ in (*FORMS, *REVIEWERS_JSON)}
    forms = {
        row.route
        for row in read(TABLE.read_text())
        if "POST" in row.methods
        and not row.route.startswith(("/admin/", "/accounts/2fa/", "/api/"))
        and not set(row.cells.values()) <= {"login", "403", "404", "405", "410"}
    }
    assert {str(route) for route in all_routes() if route.route in tried} == (
        forms - WITHOUT_FORM - WITH_TOKEN
    ) | {"/invitations/"}


def test_other_fields_change_nothing(site, names, browsers, monkeypatch):
    monkeypatch.setattr(campaigns, "new_seed", lambda: 5)  # of a copy
    more = {
        "id": "1", "pk": "1", "owner": str(site.people["operator"].pk), "owner_id": "1",
        "user": "1", "user_id": "1", "actor_id": "1", "invited_by": "1", "accepted_by": "1",
        "state": "failed", "run": "", "photo_sha256": "0" * 64, "failure_code": "poison",
        "hidden_at": "2020-01-01", "hidden_reason": "x", "decided_at": "2020-01-01",
        "is_staff": "on", "is_superuser": "on", "is_active": "on", "groups": "1",
        "erasure_requested_at": "2020-01-01", "roles": ["operator"], "decision": "kept",
        "verified": "on", "primary": "on", "visibility": "private", "reporter_key": "x",
        "account": "1", "browser_key": "1", "fits": "on",
        "expires_at": "2100-01-01", "byte_size": "1", "file": "x", **MORE,
    }  # fmt: skip
    for address, role, fields in FORMS:
        path, given = address.format(**names), filled(fields, names)
        status, rows = effect(browsers[role], path, given)
        assert status in ({200} if address in SHOW_A_SECRET else {302, 303}), path
        assert effect(browsers[role], path, more | given) == (status, rows), path
    for address, role, fields in REVIEWERS_JSON:
        path, given = address.format(**names), filled(fields, names)
        status, rows = effect(browsers[role], path, given, as_json=True)
        assert status == 200, path
        assert effect(browsers[role], path, more | given, as_json=True) == (status, rows), path


def filled(value: Any, names: Mapping[str, object]) -> Any:
    """Return fields with the keys of objects in place of their names."""
    if isinstance(value, Mapping):
        return {name: filled(one, names) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    return value.format(**names) if isinstance(value, str) else value


def effect(
    browser: Client, path: str, fields: Mapping[str, Any], *, as_json: bool = False
) -> tuple[int, dict[str, Any]]:
    """Send a form; return its status and what it made of the rows, and undo it."""
    cache.clear()
    cookies = browser.cookies.output(header="", sep=";")
    sent = {name: value() if callable(value) else value for name, value in fields.items()}
    content_type = "application/json" if as_json else MULTIPART_CONTENT
    with transaction.atomic():
        status = browser.post(path, sent, content_type=content_type).status_code
        rows = {
            model.__name__: sorted(model.objects.values_list(*names), key=str)
            for model, names in GUARDED.items()
        }
        transaction.set_rollback(True)
    browser.cookies.load(cookies)
    return status, rows


GUARDED: Final = {
    User: ("username", "is_staff", "is_superuser", "is_active", "groups", "email"),
    EmailAddress: ("user__username", "email", "verified", "primary"),
    ApiKey: ("user__username", "name", "scopes", "last_used_from"),
    Invitation: ("email", "roles", "invited_by__username", "accepted_by__username"),
    Scene: (
        "owner__username", "state", "run", "photo_sha256", "title", "visibility",
        "judging_allowed", "hidden_reason", "failure_code",
    ),
    SceneReport: ("scene", "reason", "words", "reporter_key", "decision", "decided_by__username"),
    Thumb: ("match", "scene", "account__username", "browser_key", "fits", "reason"),
    DataExport: ("user__username", "state", "file", "byte_size"),
    DeletedScene: ("reason",),
    **LABELLING_GUARDED,
}  # fmt: skip
"""The columns that no form may change unless it says so."""
