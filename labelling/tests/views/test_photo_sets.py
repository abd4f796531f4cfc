"""Pages of photo sets."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling import tasks
from labelling.models import PhotoImport, PhotoImportItem, PhotoSet, SetPhoto
from labelling.services.photo_files import PhotoArchive, PhotoCredit, photos_in_archive
from labelling.services.photo_sets import make_photo_set
from labelling.tests.factories import make_campaign, make_scene, make_set
from labelling.tests.photos import picture, zip_of
from labelling.views import photo_sets, photo_uploads
from retrieval.models import JobState, Scene
from retrieval.storage.content_store import StorageFullError

pytestmark = pytest.mark.django_db

PAGE = "/photo-sets/"


@pytest.fixture
def lead(db, media_root, monkeypatch):
    monkeypatch.setattr(tasks.import_photos, "delay", lambda _: None)
    monkeypatch.setattr(photo_sets, "worker_alive", lambda: True)
    browser = Client()
    browser.force_login(make_person("lena", Role.LEAD_REVIEWER))
    return browser


@pytest.fixture
def photo_set(db):
    return make_photo_set(name="Coast", made_by=None)


def address(photo_set, *parts):
    return "/".join([f"{PAGE}{photo_set.pk}", *map(str, parts), ""])


def shown(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def send(browser, photo_set, files, **fields):
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    values = {"license": "CC0-1.0", "author": "Ada", "source_url": "", "files": sent} | fields
    return browser.post(address(photo_set, "upload"), values)


def routes(photo_set):
    photo = SetPhoto.objects.create(photo_set=photo_set, scene=make_scene(), photo_sha256="0" * 64)
    return [
        ("get", PAGE), ("get", address(photo_set)), ("get", address(photo_set, "progress")),
        ("post", PAGE), ("post", address(photo_set, "upload")),
        ("post", address(photo_set, "refresh")), ("post", address(photo_set, "delete")),
        ("post", address(photo_set, "photos", photo.pk, "remove")),
    ]  # fmt: skip


def test_only_leads_and_operators_open_the_pages(photo_set):
    everywhere = routes(photo_set)
    reviewer = Client()
    reviewer.force_login(make_person("rita", Role.REVIEWER, Role.LIBRARIAN))
    for method, path in everywhere:
        assert getattr(reviewer, method)(path).status_code == 403, path
        asked = getattr(Client(), method)(path)
        assert (asked.status_code, asked["Location"]) == (302, f"/accounts/login/?next={path}")
    assert SetPhoto.objects.count() == PhotoSet.objects.count() == 1
    operator = Client()
    operator.force_login(make_person("olga", Role.OPERATOR))
    assert operator.get(PAGE).status_code == 200


def test_a_lead_makes_a_set(lead):
    assert "There are no photo sets yet." in shown(lead, PAGE)
    answer = lead.post(PAGE, {"name": "Coast", "purpose": "Pilot", "source": "imported"})
    made = PhotoSet.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, address(made))
    assert made.made_by is not None
    assert (made.made_by.username, made.purpose) == ("lena", "Pilot")
    row = re.search(r"<tbody>(.*?)</tbody>", shown(lead, PAGE), re.DOTALL)
    assert row is not None
    assert f'href="{address(made)}"' in row[1]


def test_a_taken_name_is_refused_with_the_form(lead, photo_set):
    answer = lead.post(PAGE, {"name": "COAST", "source": "imported"})
    assert answer.status_code == 422
    assert "There is a photo set of this name already." in answer.content.decode()
    assert 'value="COAST"' in answer.content.decode()


def test_missing_sets_are_404(lead, photo_set):
    gone = PhotoSet(pk=photo_set.pk + 1)
    for method, *parts in (
        ("get",), ("get", "progress"), ("post", "refresh"), ("post", "delete"), ("post", "upload"),
        ("post", "photos", 1, "remove"),
    ):  # fmt: skip
        assert getattr(lead, method)(address(gone, *parts)).status_code == 404


def test_photos_that_are_sent_become_one_import(lead, photo_set):
    answer = send(
        lead, photo_set,
        [("a.png", picture(1)), ("b.png", picture(2)), ("photos.csv", b"path\na.png\n"),
         ("notes.txt", b"")],
    )  # fmt: skip
    assert (answer.status_code, answer["Location"]) == (303, address(photo_set))
    job = PhotoImport.objects.get()
    assert (job.license, job.author, job.state) == ("CC0-1.0", "Ada", JobState.QUEUED)
    assert job.requested_by is not None
    assert job.requested_by.username == "lena"
    page = shown(lead, address(photo_set))
    assert "Your photos have arrived." in page
    assert f'hx-get="{address(photo_set, "progress")}"' in page


def test_a_part_of_an_upload_keeps_its_folders_and_says_nothing(lead, photo_set):
    files = [("a.png", picture(1)), ("a.png", picture(2))]
    answer = send(lead, photo_set, files, part="1", paths=["in/one/a.png", "in/two/a.png"])
    assert answer.status_code == 204
    assert PhotoImport.objects.get().file_name == "in/one/a.png"
    assert "Your photos have arrived." not in shown(lead, address(photo_set))


def test_without_scripts_too_a_row_without_a_photo_is_told(lead, photo_set):
    table = b"path,author\na.png,Eve\nb.png,Bob\n"
    send(lead, photo_set, [("a.png", picture(1)), ("photos.csv", table)])
    job = PhotoImport.objects.get()
    with job.archive.open() as stream, PhotoArchive(stream) as archive:
        found = photos_in_archive(archive=archive, default=PhotoCredit())
        problems = {file.path: file.problem and file.problem.code for file in found}
    assert problems == {"a.png": None, "b.png": "file_missing"}


@pytest.mark.parametrize("files", [[], [("notes.txt", b"x")], [(".hidden.png", b"x")]])
def test_without_a_photo_the_form_comes_back(lead, photo_set, files):
    answer = send(lead, photo_set, files)
    assert answer.status_code == 422
    assert "Choose photos, a folder of photos, or a zip file first." in answer.content.decode()
    assert not PhotoImport.objects.exists()


def test_an_unknown_licence_is_refused(lead, photo_set):
    answer = send(lead, photo_set, [("a.png", picture(1))], license="CC-BY-9")
    assert answer.status_code == 422
    assert not PhotoImport.objects.exists()


def test_a_script_is_told_the_reason(lead, photo_set):
    answer = send(lead, photo_set, [("notes.txt", b"x")], part="1")
    assert answer.status_code == 422
    assert "Choose photos" in answer.json()["detail"]


def test_a_full_disk_is_said(lead, photo_set, monkeypatch):
    def full(**_):
        raise StorageFullError("no space left on device")

    monkeypatch.setattr(photo_uploads, "submit_photo_imports", full)
    answer = send(lead, photo_set, [("a.png", picture(1))])
    assert answer.status_code == 507
    assert "There is no room left for photos" in answer.content.decode()


def test_too_much_at_once_names_the_command(lead, photo_set, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_000
    answer = send(lead, photo_set, [("big.zip", bytes(1_100_000))])
    page = answer.content.decode()
    assert answer.status_code == 413
    assert "manage.py import_photos FOLDER --set NAME" in page
    assert f'href="{address(photo_set)}"' in page
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 20_000_000
    answer = send(lead, photo_set, [(f"{n}.png", b"x") for n in range(101)])
    assert answer.status_code == 400
    assert "manage.py import_photos" in answer.content.decode()


def test_a_visitors_upload_that_is_too_large_still_gets_the_front_page(db, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_000
    answer = Client().post("/scenes/", {"photo": SimpleUploadedFile("a.png", bytes(1_100_000))})
    assert answer.status_code == 413
    assert "retrieval/front.html" in [template.name for template in answer.templates]


def item(job, path, code=""):
    outcome = PhotoImportItem.Outcome.FAILED if code else PhotoImportItem.Outcome.ADDED
    PhotoImportItem.objects.create(
        photo_import=job, path=path, outcome=outcome, code=code, detail=code and "The detail."
    )


def test_the_progress_asks_again_until_everything_is_done(lead, photo_set):
    job = PhotoImport.objects.create(photo_set=photo_set, file_name="p.zip", total=3)
    item(job, "a.png")
    item(job, "<b>.png", "unsupported_media_type")
    item(job, "c.png", "licence_unknown")
    part = shown(lead, address(photo_set, "progress"))
    assert "hx-trigger" in part
    assert "<html" not in part
    assert '<progress max="3" value="3"' in part
    assert "1 added, 0 in the set already, 2 failed" in part
    assert "&lt;b&gt;.png</bdi>: This is not a photo we can read." in part
    assert "The licence in photos.csv is unknown. The detail." in part
    PhotoImport.objects.update(state=JobState.DONE, finished_at="2026-01-01T00:00Z")
    part = shown(lead, address(photo_set, "progress"))
    assert "hx-trigger" not in part
    assert "Show the newest state" in part


def test_many_uploads_are_summed_up(lead, photo_set, monkeypatch):
    monkeypatch.setattr(photo_sets, "_IMPORTS_SHOWN", 2)
    for number in range(5):
        PhotoImport.objects.create(photo_set=photo_set, file_name=f"{number}.zip")
    part = shown(lead, address(photo_set, "progress"))
    assert re.findall(r"<bdi>(\d)\.zip", part) == ["0", "1"]
    assert "3 more uploads are in the queue." in part


def test_the_progress_waits_for_matching(lead, photo_set, monkeypatch):
    monkeypatch.setattr(photo_sets, "worker_alive", lambda: False)
    scene = make_scene(state=JobState.QUEUED, finished_at=None, run=None)
    SetPhoto.objects.create(photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256)
    part = shown(lead, address(photo_set, "progress"))
    assert "hx-trigger" in part
    assert "is not running" in part
    monkeypatch.setattr(photo_sets, "worker_alive", lambda: True)
    part = shown(lead, address(photo_set, "progress"))
    assert "The sounds of the photos are being looked for." in part


def test_a_failed_import_says_why(lead, photo_set):
    PhotoImport.objects.create(
        photo_set=photo_set, file_name="p.zip", state=JobState.FAILED,
        finished_at="2026-01-01T00:00Z", failure_code="manifest_invalid",
        failure_detail="photos.csv has no column path.",
    )  # fmt: skip
    page = shown(lead, address(photo_set))
    assert "The file photos.csv cannot be used.</strong> photos.csv has no column path." in page


def test_photos_are_shown_with_licence_credit_and_state(lead, photo_set):
    for number, state in enumerate((JobState.DONE, JobState.QUEUED, JobState.FAILED)):
        ended = {"finished_at": None, "run": None} if state == JobState.QUEUED else {}
        failed = {"failure_code": "library_empty"} if state == JobState.FAILED else {}
        scene = make_scene(state=state, **ended, **failed)
        SetPhoto.objects.create(
            photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256,
            name=f"<{number}>.png", author="Ada", license="CC-BY-4.0",
            source_url="https://example.org/1",
        )  # fmt: skip
    page = shown(lead, address(photo_set))
    for words in (
        "&lt;0&gt;.png", "CC BY 4.0", "Ada", 'href="https://example.org/1"', ">Matched<",
        "Waiting to be matched", "<code>library_empty</code>",
    ):  # fmt: skip
        assert words in page
    assert page.count('class="set-photo"') == 3


def test_many_photos_come_in_pages_without_a_query_each(
    lead, photo_set, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(photo_sets, "_PAGE_SIZE", 8)
    for _ in range(10):
        scene = make_scene()
        SetPhoto.objects.create(photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256)
    with django_assert_max_num_queries(12):
        page = shown(lead, address(photo_set))
    assert page.count('class="set-photo"') == 8
    (following,) = re.findall(r'href="(\?after=\d+)"', page)
    assert shown(lead, address(photo_set) + following).count('class="set-photo"') == 2
    assert shown(lead, address(photo_set) + "?after=x").count('class="set-photo"') == 8


def test_a_hidden_photo_is_not_shown_but_named(lead, photo_set):
    scene = make_scene(hidden_at="2026-01-01T00:00Z", hidden_reason="Faces")
    SetPhoto.objects.create(photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256)
    page = shown(lead, address(photo_set))
    assert "Hidden by an operator" in page
    assert f"/scenes/{scene.pk}/photo" not in page


def test_a_photo_is_removed(lead, photo_set):
    scene = make_scene()
    photo = SetPhoto.objects.create(
        photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256
    )
    answer = lead.post(address(photo_set, "photos", photo.pk, "remove"))
    assert (answer.status_code, answer["Location"]) == (303, address(photo_set))
    assert not Scene.objects.exists()
    assert lead.post(address(photo_set, "photos", photo.pk, "remove")).status_code == 404


def test_visitors_photos_are_added_on_request(lead):
    made = make_photo_set(name="Visitors", source=PhotoSet.Source.VISITORS, made_by=None)
    make_scene()
    page = shown(lead, address(made))
    assert "Add the photos that may be judged now" in page
    assert "data-set-upload" not in page
    assert send(lead, made, [("a.png", picture(1))]).status_code == 404
    assert lead.post(address(made, "refresh")).status_code == 303
    page = shown(lead, address(made))
    assert "1 photo is added." in page
    assert page.count('class="set-photo"') == 1


def test_a_set_is_deleted_unless_a_campaign_uses_it(lead, photo_set):
    used = make_set([make_scene()])
    make_campaign(photo_set=used)
    assert "1 campaign uses this set" in shown(lead, address(used))
    answer = lead.post(address(used, "delete"))
    assert (answer.status_code, answer["Location"]) == (303, address(used))
    assert "A campaign uses this set, so it stays." in shown(lead, address(used))
    answer = lead.post(address(photo_set, "delete"))
    assert (answer.status_code, answer["Location"]) == (303, PAGE)
    assert list(PhotoSet.objects.all()) == [used]


@pytest.mark.parametrize("by_script", [True, False])
def test_a_large_set_is_deleted_in_several_requests(lead, photo_set, monkeypatch, by_script):
    monkeypatch.setattr(photo_sets, "_DELETING_S", 0)
    delete = address(photo_set, "delete")
    headers = {"HX-Request": "true"} if by_script else {}
    for _ in range(2):
        scene = make_scene()
        SetPhoto.objects.create(photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256)
    half = lead.post(delete, headers=headers)
    if by_script:
        assert f'hx-post="{delete}" hx-trigger="load, submit"' in half.content.decode()
        assert "1 photo is left. Keep this page open." in half.content.decode()
    else:
        assert (half.status_code, half["Location"]) == (303, address(photo_set))
        assert "1 photo is left. Delete again to go on." in shown(lead, address(photo_set))
    ended = lead.post(delete, headers=headers)
    assert ended["HX-Redirect" if by_script else "Location"] == PAGE
    assert "The set is deleted." in shown(lead, PAGE)
    assert not Scene.objects.exists()


def test_a_campaign_that_is_made_meanwhile_keeps_what_is_left(lead, photo_set, monkeypatch):
    monkeypatch.setattr(photo_sets, "_DELETING_S", 0)
    delete, headers = address(photo_set, "delete"), {"HX-Request": "true"}
    for _ in range(3):
        scene = make_scene()
        SetPhoto.objects.create(photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256)
    half = lead.post(delete, headers=headers).content.decode()
    assert '<input type="hidden" name="photos" value="3">' in half
    lead.post(delete, {"photos": "3"}, headers=headers)
    make_campaign(photo_set=photo_set)
    ended = lead.post(delete, {"photos": "3"}, headers=headers)
    assert ended["HX-Redirect"] == address(photo_set)
    words = "A campaign uses this set now, so what is left of it stays. 2 photos were deleted."
    assert words in shown(lead, address(photo_set))
    assert photo_set.photos.count() == 1


def test_zip_files_are_taken_as_they_are(lead, photo_set):
    archive = zip_of({"a.png": picture(1)})
    assert send(lead, photo_set, [("P.ZIP", archive)]).status_code == 303
    with PhotoImport.objects.get().archive.open() as stored:
        assert stored.read() == archive
