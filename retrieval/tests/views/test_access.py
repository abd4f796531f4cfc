"""Who may see and change a photo: every visitor, every visibility, every route."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from retrieval.models import DeletedScene, Match, Scene, Visibility
from retrieval.services.deletion import delete_scene
from retrieval.tests.views.visitors import ACCOUNT, ANONYMOUS, BROWSER, OPERATOR, OTHER
from retrieval.views import urls

pytestmark = pytest.mark.django_db

PRIVATE, PUBLIC, UNLISTED = Visibility.PRIVATE, Visibility.PUBLIC, Visibility.UNLISTED
VARYING = rb'<code>[^<]+</code>|name="csrfmiddlewaretoken" value="[^"]+"'
SETTINGS = {"title": "mine", "visibility": "unlisted"}
REPORT = {"reason": "other"}
OPENED = [  # whoever sees the photo
    ("get", "", 200, {}),
    ("get", "progress/", 200, {}),
    ("get", "more/", 200, {}),
    ("get", "photo", 200, {}),
    ("get", "report/", 200, {}),
    ("post", "report/", 303, REPORT),
    ("post", "thumb/", 303, {"thumb": "yes"}),
]
CHANGED = [
    ("post", "settings/", 303, SETTINGS),
    ("post", "narrow/", 303, {"commercial_use": "on"}),
    ("post", "delete/", 303, {}),
]  # its owner


def with_match(part, fields, scene):
    """Add a match of the scene to what a thumb is given on."""
    if part != "thumb/":
        return fields
    match = Match.objects.filter(run__scenes=scene).first()
    return fields | {"match": match.pk if match else 1}


def hidden(reason="A face"):
    return {"hidden_at": timezone.now(), "hidden_reason": reason}


def sees(who, owner, visibility, *, is_hidden):
    """Return whether a visitor sees a photo, stated independently of the program."""
    if who == owner:
        return True
    if visibility == PRIVATE:
        return False
    return who == OPERATOR if is_hidden else True


@pytest.mark.parametrize("is_hidden", [False, True], ids=["shown", "hidden"])
@pytest.mark.parametrize("visibility", Visibility.values)
@pytest.mark.parametrize("owner", [BROWSER, ACCOUNT])
def test_every_route_for_every_visitor(upload, visitor, owner, visibility, is_hidden):
    scene = upload(owner, visibility=visibility, **(hidden() if is_hidden else {}))
    answers, expected = {}, {}
    for who in (ANONYMOUS, OTHER, OPERATOR, BROWSER, ACCOUNT):
        if who in (BROWSER, ACCOUNT) and who != owner:
            continue
        browser = visitor(who, scene)
        seen = sees(who, owner, visibility, is_hidden=is_hidden)
        for method, part, status, fields in [*OPENED, *CHANGED]:
            allowed = seen if (method, part, status, fields) in OPENED else who == owner
            sent = with_match(part, fields, scene)
            answer = getattr(browser, method)(f"/scenes/{scene.pk}/{part}", sent)
            answers[who, method, part] = answer.status_code
            expected[who, method, part] = status if allowed else 404
    assert answers == expected


def test_the_matrix_has_every_route_of_a_scene():
    parts = {part for _, part, _, _ in [*OPENED, *CHANGED]}
    routes = {
        str(route.pattern).removeprefix("scenes/<uuid:scene_id>/")
        for route in urls.urlpatterns
        if str(route.pattern).startswith("scenes/<uuid:scene_id>/")
    }
    assert routes == parts


@pytest.mark.parametrize("who", [ANONYMOUS, OTHER])
@pytest.mark.parametrize("fields", [{"visibility": PRIVATE}, hidden()], ids=["private", "hidden"])
def test_a_photo_that_one_may_not_see_answers_like_none(upload, visitor, who, fields):
    scene = upload(ACCOUNT, **fields)
    browser = visitor(who)
    for method, part, _, fields_sent in [*OPENED, *CHANGED]:
        values = with_match(part, fields_sent, scene)
        answers = [
            getattr(browser, method)(f"/scenes/{key}/{part}", values)
            for key in (scene.pk, uuid.uuid4())
        ]
        bodies = {re.sub(VARYING, b"", answer.content) for answer in answers}
        headers = [
            {**answer.headers, "X-Request-ID": "", "Content-Length": ""} for answer in answers
        ]
        assert len(bodies) == 1
        assert headers[0] == headers[1]


def test_a_deleted_private_photo_is_gone_for_everybody(upload, visitor):
    scene = upload(ACCOUNT, visibility=PRIVATE)
    delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    for who in (ANONYMOUS, ACCOUNT, OPERATOR):
        for method, part, _, fields in [*OPENED, *CHANGED]:
            answer = getattr(visitor(who), method)(f"/scenes/{scene.pk}/{part}", fields)
            assert answer.status_code == 410


def test_a_copy_of_the_photo_is_asked_for_each_time(upload, visitor):
    scene = upload(BROWSER)
    stranger = visitor(ANONYMOUS)
    address = f"/scenes/{scene.pk}/photo"
    first = stranger.get(address)
    assert first["Cache-Control"] == "private, no-cache"
    again = {"If-None-Match": first["ETag"]}
    assert stranger.get(address, headers=again).status_code == 304
    Scene.objects.filter(pk=scene.pk).update(visibility=PRIVATE)
    assert stranger.get(address, headers=again).status_code == 404
    assert visitor(BROWSER, scene).get(address, headers=again).status_code == 304


def test_an_unlisted_photo_costs_one_query(upload):
    scene = upload(BROWSER)
    with CaptureQueriesContext(connection) as queries:
        Client().get(f"/scenes/{scene.pk}/photo")
    assert len(queries) == 1


@pytest.mark.parametrize(
    ("fields", "indexed"),
    [
        ({"visibility": PUBLIC}, True),
        ({"visibility": UNLISTED}, False),
        ({"visibility": PRIVATE}, False),
        ({"visibility": PUBLIC, **hidden()}, False),
    ],
)
def test_search_engines_may_index_public_photos_only(upload, visitor, fields, indexed):
    scene = upload(BROWSER, **fields)
    page = visitor(BROWSER, scene).get(f"/scenes/{scene.pk}/").content.decode()
    assert ('content="noindex"' not in page) == indexed


def test_the_owner_reads_why_a_photo_is_hidden_and_cannot_share_it(upload, visitor):
    scene = upload(BROWSER)
    browser = visitor(BROWSER, scene)
    before = browser.get(f"/scenes/{scene.pk}/").content.decode()
    assert "data-share" in before
    Scene.objects.filter(pk=scene.pk).update(**hidden("It shows <my> door"))
    page = browser.get(f"/scenes/{scene.pk}/").content.decode()
    assert "It shows &lt;my&gt; door" in page
    assert "data-share" not in page
