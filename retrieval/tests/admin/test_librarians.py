"""Librarians work in the admin, within their permissions and away from people's data."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.factories import make_person
from retrieval import tasks
from retrieval.models import Clip, HeardOverride, ImportItem, JobState, LibraryImport
from retrieval.tests.admin.forms import override_values

pytestmark = pytest.mark.django_db

CLIPS = "/admin/retrieval/clip/"
IMPORTS = "/admin/retrieval/libraryimport/"


@pytest.fixture
def librarian():
    return make_person("lib", Role.LIBRARIAN)


@pytest.fixture
def desk(client, librarian):
    client.force_login(librarian)
    return client


@pytest.fixture
def clips(make_clip):
    return [make_clip([1, 0, 0, 0, 0, 0, 0]) for _ in range(3)]


def act(desk, action, *clips, **fields):
    values = {"action": action, "_selected_action": [clip.pk for clip in clips]}
    return desk.post(CLIPS, values | fields, follow=True)


def state(clip):
    clip.refresh_from_db()
    return clip.removed_in is not None, clip.withdrawn_reason


def audited(action):
    entries = AuditEntry.objects.filter(action=action)
    return list(entries.values_list("subject", "actor_id", "detail"))


def test_their_group_has_these_permissions_and_no_others():
    given = Group.objects.get(name=Role.LIBRARIAN).permissions
    assert sorted(given.values_list("codename", flat=True)) == [
        "add_heardoverride",
        "add_libraryimport",
        "change_clip",
        "view_clip",
        "view_heardoverride",
        "view_importitem",
        "view_libraryimport",
        "view_libraryprofiling",
        "view_profilefailure",
    ]


def test_the_index_lists_only_the_library(desk):
    page = desk.get("/admin/").content.decode()
    listed = set(re.findall(r'href="/admin/(\w+/\w+)/"', page)) - {"password_change/"}
    assert {one for one in listed if one.partition("/")[0] != "retrieval"} == set()
    assert {one.partition("/")[2] for one in listed} == {
        "clip", "heardoverride", "importitem", "libraryimport", "libraryprofiling",
        "profilefailure",
    }  # fmt: skip


@pytest.mark.parametrize(
    "page", ["accounts/user", "accounts/auditlogrow", "retrieval/scene", "retrieval/photobank"]
)
def test_peoples_data_is_closed(desk, page):
    assert desk.get(f"/admin/{page}/").status_code == 403


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.LEAD_REVIEWER])
def test_other_roles_do_not_enter(client, role):
    client.force_login(make_person("ada", role))
    assert client.get(CLIPS).status_code == 302
    assert client.get(CLIPS, follow=True).status_code == 403


def test_they_neither_add_nor_delete_recordings(desk, clips):
    assert desk.get(f"{CLIPS}add/").status_code == 403
    assert desk.post(f"{CLIPS}{clips[0].pk}/delete/", {"post": "yes"}).status_code == 403
    assert Clip.objects.count() == 3


def edit(desk, clip, **changed):
    values = {
        name: getattr(clip, name)
        for name in ("title", "author", "license", "license_url", "source_url", "collection")
    }
    values["tags"] = ",".join(clip.tags)
    return desk.post(f"{CLIPS}{clip.pk}/change/", values | changed)


def test_they_edit_what_people_say_of_a_recording(desk, librarian, clips):
    clip = clips[0]
    assert edit(desk, clip, title="Surf", tags="sea,wind").status_code == 302
    clip.refresh_from_db()
    assert (clip.title, clip.tags) == ("Surf", ["sea", "wind"])
    changed = {
        "title": {"old": "Clip 1", "new": "Surf"},
        "tags": {"old": [], "new": ["sea", "wind"]},
    }
    assert audited("clip.edited") == [(f"clip {clip.pk}", librarian.pk, {"changed": changed})]


def test_they_do_not_edit_what_was_measured(desk, clips):
    edit(desk, clips[0], duration_s="99", removed_in="1", withdrawn_reason="x", sha256="0" * 64)
    row = Clip.objects.get(pk=clips[0].pk)
    assert (row.duration_s, row.removed_in, row.withdrawn_reason) == (5.0, None, "")


def test_they_withdraw_and_restore_with_a_reason(desk, librarian, clips):
    asked = act(desk, "withdraw", *clips[:2]).content.decode()
    assert "Withdraw recordings" in asked
    assert clips[0].title in asked
    assert clips[2].title not in asked
    assert state(clips[0]) == (False, "")

    done = act(desk, "withdraw", *clips[:2], reason="Licence revoked").content.decode()
    assert "2 recordings changed" in done
    assert [state(clip) for clip in clips] == [(True, "Licence revoked")] * 2 + [(False, "")]
    assert "withdrawn: Licence revoked" in act(desk, "restore", clips[0]).content.decode()
    act(desk, "restore", clips[0], reason="Licence granted")
    assert state(clips[0]) == (False, "")
    one, two = (f"clip {clip.pk}" for clip in clips[:2])
    revoked = {"reason": "Licence revoked"}
    assert audited("clip.withdrawn") == [(one, librarian.pk, revoked), (two, librarian.pk, revoked)]
    assert audited("clip.restored") == [(one, librarian.pk, {"reason": "Licence granted"})]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_proper_reason_nothing_is_withdrawn(desk, clips, reason):
    page = act(desk, "withdraw", clips[0], reason=reason).content.decode()
    assert 'class="errorlist"' in page
    assert state(clips[0]) == (False, "")


def test_a_recordings_page_leads_to_its_withdrawal_and_back(desk, clips):
    page = f"{CLIPS}{clips[0].pk}/change/"
    assert 'name="action" value="withdraw"' in desk.get(page).content.decode()
    act(desk, "withdraw", clips[0], reason="Too loud")
    shown = desk.get(page).content.decode()
    assert 'name="action" value="restore"' in shown
    assert "Too loud" in shown


def test_more_recordings_than_a_form_holds_are_refused(desk, clips, monkeypatch):
    monkeypatch.setattr("retrieval.admin.clips.MOST_AT_ONCE", 2)
    page = act(desk, "withdraw", *clips, reason="all").content.decode()
    assert "at most 2 recordings" in page
    assert state(clips[0]) == (False, "")


def test_who_may_only_view_withdraws_nothing(client, clips):
    viewer = make_person("ada", Role.LIBRARIAN)
    Group.objects.get(name=Role.LIBRARIAN).permissions.filter(codename="change_clip").delete()
    client.force_login(viewer)
    act(client, "withdraw", clips[0], reason="because")
    assert state(clips[0]) == (False, "")
    assert "Withdraw from" not in client.get(f"{CLIPS}{clips[0].pk}/change/").content.decode()


def test_the_list_is_filtered_by_withdrawal(desk, clips):
    act(desk, "withdraw", clips[0], reason="Too loud")
    for answer, listed in (("yes", clips[:1]), ("no", clips[1:])):
        page = desk.get(f"{CLIPS}?withdrawn={answer}").content.decode()
        assert [clip.title in page for clip in clips] == [clip in listed for clip in clips]


def test_an_unknown_flag_filters_nothing(desk, clips):
    Clip.objects.filter(pk=clips[0].pk).update(flags=["speech"])
    for flag, listed in (("speech", clips[:1]), ("dance", clips)):
        page = desk.get(f"{CLIPS}?flag={flag}").content.decode()
        assert [clip.title in page for clip in clips] == [clip in listed for clip in clips]


@pytest.mark.parametrize("name", ["flag", "license", "license__exact", "q", "\0"])
def test_nul_in_the_query_is_refused(desk, clips, name):
    assert desk.get(CLIPS, {name: "\0"}).status_code == 400


@pytest.mark.parametrize("chosen", ["abc", "\0", "-1", "9" * 19, ""])
def test_what_is_no_number_of_a_row_is_refused(desk, clips, chosen):
    answer = desk.post(CLIPS, {"action": "withdraw", "_selected_action": chosen})
    assert answer.status_code == 400


def test_they_request_an_import(desk, librarian, monkeypatch):
    monkeypatch.setattr(tasks.run_import, "delay", lambda _: None)
    assert desk.post(f"{IMPORTS}add/", {"source": "/data/sea"}).status_code == 302
    job = LibraryImport.objects.get()
    assert (job.source, job.requested_by) == ("/data/sea", librarian.pk)
    source = {"source": "/data/sea"}
    assert audited("import.requested") == [(f"import {job.pk}", librarian.pk, source)]


def test_an_import_shows_its_failures_in_words(desk, clips):
    job = LibraryImport.objects.create(source="/data/sea")

    def item(path, outcome, source="/data/sea", **fields):
        return ImportItem(
            source=source, path=path, outcome=outcome, byte_size=1, modified_ns=1, **fields
        )

    wrong = {"code": "audio_too_short", "detail": "It lasts 0.2 s; at least 1 s is <needed>."}
    ImportItem.objects.bulk_create(
        [
            item("a.ogg", "imported", clip=clips[0]),
            item("b.ogg", "imported", clip=clips[1]),
            item("c.ogg", "duplicate", clip=clips[0]),
            item("d.ogg", "failed", **wrong),
            item("e.ogg", "failed", source="/data/other", **wrong),
        ]
    )
    page = desk.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert "2 imported, 1 in the library already, 1 failed" in page
    assert "<td>d.ogg</td><td>It lasts 0.2 s; at least 1 s is &lt;needed&gt;.</td>" in page
    assert "<code>audio_too_short</code>" in page
    assert "e.ogg" not in page
    links = re.findall(r'href="(/admin/retrieval/importitem/[^"]+)"', page)
    files, failed = (desk.get(html.unescape(link)).content.decode() for link in links)
    assert re.findall(r"(\w)\.ogg</a>", failed) == ["d"]
    assert re.findall(r"(\w)\.ogg</a>", files) == ["d", "c", "b", "a"]  # newest first
    assert f'<a href="{CLIPS}{clips[1].pk}/change/">{clips[1].title}</a>' in files


def test_imports_are_listed_with_their_files_and_why_they_failed(desk, librarian):
    done = {"finished_at": timezone.now(), "requested_by": librarian.pk}
    for source, why in (("/data/sea", ""), ("/data/birds", "The folder does not exist.")):
        LibraryImport.objects.create(
            source=source, state=JobState.FAILED if why else JobState.DONE,
            failure_code="no_folder" if why else "", failure_detail=why, **done,
        )  # fmt: skip
    for name in "ab":
        ImportItem.objects.create(
            source="/data/sea", path=name, outcome="failed", code="x", byte_size=1, modified_ns=1
        )
    listed = desk.get(IMPORTS).content.decode()
    assert re.findall(r'class="field-failure">(.*?)</td>', listed) == [
        "The folder does not exist.", "-",
    ]  # fmt: skip
    assert re.findall(r">(\d imported, .*?)</a>", listed) == [
        "0 imported, 0 in the library already, 0 failed",
        "0 imported, 0 in the library already, 2 failed",
    ]
    assert listed.count(">lib</td>") == 2
    (_, items) = re.findall(r'href="(/admin/retrieval/importitem/[^"]+)"', listed)
    assert "2 import items" in desk.get(html.unescape(items)).content.decode()


def test_recordings_are_played_in_their_list_the_newest_first(desk, clips):
    act(desk, "withdraw", clips[0], reason="Too loud")
    listed = desk.get(CLIPS).content.decode()
    shown = re.findall(r">(Clip \d+)</a>", listed)
    assert shown == [clip.title for clip in reversed(clips)]
    addresses = re.findall(r'<audio [^>]*src="([^"]+)"', listed)
    assert addresses == [
        reverse("retrieval:clip_audio", args=[clip.pk, clip.played_version])
        for clip in (clips[2], clips[1])
    ]
    assert listed.count("0:05") == 3
    assert 'class="field-withdrawn">Too loud</td>' in listed


def test_what_was_measured_is_shown_in_words(desk, clips):
    Clip.objects.filter(pk=clips[0].pk).update(
        duration_s=83.2, loudness_lufs=-23.14159, true_peak_dbtp=-1.26, sample_rate_hz=44_100,
        channels=2, byte_size=2_500_000, flags=["speech", "music"],
        sounds=[{"key": "/m/x", "name": "foghorn", "score": 0.91234}],
    )  # fmt: skip
    page = desk.get(f"{CLIPS}{clips[0].pk}/change/").content.decode()
    for words in ("1:23", "-23.1 LUFS", "-1.3 dBTP", "44.1 kHz, 2 channels", "2.4\xa0MB",
                  "foghorn 0.91", "speech, music"):  # fmt: skip
        assert words in page, words
    assert "/m/x" not in page


def test_an_import_can_be_neither_changed_nor_deleted(desk):
    job = LibraryImport.objects.create(source="/data/sea")
    assert desk.post(f"{IMPORTS}{job.pk}/change/", {"source": "/etc"}).status_code == 403
    assert desk.post(f"{IMPORTS}{job.pk}/delete/", {"post": "yes"}).status_code == 403
    assert LibraryImport.objects.get().source == "/data/sea"


def test_they_override_expected_sounds(desk, librarian):
    add = reverse("admin:retrieval_heardoverride_add")
    assert desk.post(add, override_values()).status_code == 302
    assert HeardOverride.objects.get().author == librarian.pk
