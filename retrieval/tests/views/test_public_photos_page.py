"""The list of public photos."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from retrieval.models import Clip, Scene, Visibility
from retrieval.services.library import advance_snapshot
from retrieval.tests.views.visitors import BROWSER
from retrieval.views import public_photos

pytestmark = pytest.mark.django_db

PUBLIC = Visibility.PUBLIC
SOME_ID = "3f333df6-90a4-4fda-8dd3-9485d27cee36"


def listed(page):
    return re.findall(r'class="gallery__one" href="/scenes/([^/]+)/"', page)


def test_an_empty_list_says_so_and_what_to_do(client):
    page = client.get("/photos/").content.decode()
    assert "Nobody has shared a photo yet" in page
    assert 'href="/"' in page


def test_a_photo_is_listed_with_title_and_sound_and_may_be_indexed(client, upload):
    scene = upload(BROWSER, visibility=PUBLIC, title="The <pier>")
    upload(BROWSER, 1)
    page = client.get("/photos/").content.decode()
    assert listed(page) == [str(scene.pk)]
    assert "The &lt;pier&gt;" in page
    assert "sounds like: Surf at night" in page
    assert f'src="/scenes/{scene.pk}/photo"' in page
    assert 'loading="lazy"' in page
    assert "noindex" not in page


def test_a_withdrawn_recording_is_not_named(client, upload):
    upload(BROWSER, visibility=PUBLIC)
    Clip.objects.update(removed_in=advance_snapshot())
    page = client.get("/photos/").content.decode()
    assert "A photo without a title" in page
    assert "Surf at night" not in page


def test_a_photo_leaves_the_list_at_once(client, upload):
    scene = upload(BROWSER, visibility=PUBLIC)
    assert listed(client.get("/photos/").content.decode())
    Scene.objects.filter(pk=scene.pk).update(hidden_at=timezone.now(), hidden_reason="A face")
    answer = client.get("/photos/")
    assert not listed(answer.content.decode())
    assert "no-store" in answer["Cache-Control"]


def test_links_lead_through_all_pages(client, upload, monkeypatch):
    monkeypatch.setattr(public_photos, "PAGE_SIZE", 2)
    newest_first = [str(upload(BROWSER, n, visibility=PUBLIC).pk) for n in range(5)][::-1]
    seen, query = [], ""
    for _ in range(3):
        page = client.get(f"/photos/{query}").content.decode()
        seen.append(listed(page))
        query = "".join(re.findall(r'href="(\?after=[^"]+)" rel="next"', page))
    assert query == ""
    assert seen == [newest_first[:2], newest_first[2:4], newest_first[4:]]


@pytest.mark.parametrize(
    "wrong",
    [
        "x",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z,x",
        f"2026-01-01T00:00:00,{SOME_ID}",
        f"2026-01-01T00:00:00+23:59,{SOME_ID}",
        f"9999999-01-01T00:00:00Z,{SOME_ID}",
    ],
)
def test_an_address_that_nobody_was_given_is_404(client, wrong):
    assert client.get("/photos/", {"after": wrong}).status_code == 404


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_time_are_no_error(client, upload, edge):
    upload(BROWSER, visibility=PUBLIC)
    after = f"{edge},{SOME_ID}"
    assert client.get("/photos/", {"after": after}).status_code == 200


@pytest.mark.parametrize("sheet", ["gallery", "me", "security"])
def test_the_front_page_loads_no_sheet_of_the_pages_on_paper(client, sheet):
    assert f"/css/{sheet}.css" in client.get("/photos/").content.decode()
    assert f"/css/{sheet}.css" not in client.get("/").content.decode()
