"""Adding photos to a set: what is stored, and what a photo that cannot be used costs."""

from __future__ import annotations

import pytest

from labelling.models import PhotoImportItem, PhotoSet, SetPhoto
from labelling.services import photo_import
from labelling.services.photo_files import PhotoCredit, photos_in_folder
from labelling.services.photo_import import PhotoImporter, import_share
from labelling.services.photo_sets import make_photo_set
from labelling.tests.photos import folder_of, picture
from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.engine.errors import ImageDecodeError
from retrieval.models import JobState, Scene, SceneHold, Visibility
from retrieval.services.deletion import expire_scenes
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

ADDED, DUPLICATE, FAILED = PhotoImportItem.Outcome
CREDIT = PhotoCredit(author="Ada", license="CC-BY-4.0", source_url="https://example.org/")


@pytest.fixture
def photo_set(importing):
    return make_photo_set(name="Set", made_by=None)


@pytest.fixture
def run(photo_set, decoders, tmp_path):
    def run(files, **options):
        folder = folder_of(tmp_path / "photos", files)
        importer = PhotoImporter(photo_set_id=photo_set.pk, pool=decoders, **options)
        return list(importer.run(photos_in_folder(folder=folder, default=CREDIT)))

    return run


def outcomes(imported):
    return {one.path: (one.outcome, one.code) for one in imported}


def test_an_imported_photo_is_a_held_unlisted_scene_that_may_be_judged(run, photo_set):
    (one,) = run({"in/Beach.png": picture(1)})
    photo = SetPhoto.objects.select_related("scene").get()
    scene = photo.scene
    assert one.scene == scene
    assert (photo.name, photo.author, photo.license, photo.source_url) == (
        "Beach.png", "Ada", "CC-BY-4.0", "https://example.org/",
    )  # fmt: skip
    assert (scene.state, scene.owner, scene.visibility, scene.judging_allowed) == (
        JobState.QUEUED, None, Visibility.UNLISTED, True,
    )  # fmt: skip
    assert photo.photo_sha256 == scene.photo_sha256
    assert SceneHold.objects.get().holder == f"photo set {photo_set.pk}"
    Scene.objects.update(created_at="2020-01-01T00:00Z")
    assert expire_scenes(retention_days=1) == 0


def test_one_bad_photo_costs_only_itself(run, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 5_000
    imported = run({
        "a.png": picture(1), "b.jpg": b"no photo", "c.gif": b"GIF89a" + bytes(50), "d.png": b"",
        "e.jpg": bytes(5_001), "f.png": picture(2),
    })  # fmt: skip
    assert outcomes(imported) == {
        "a.png": (ADDED, ""),
        "b.jpg": (FAILED, "unsupported_media_type"),
        "c.gif": (FAILED, "unsupported_media_type"),
        "d.png": (FAILED, "file_empty"),
        "e.jpg": (FAILED, "file_too_large"),
        "f.png": (ADDED, ""),
    }
    assert all(bool(one.detail) == (one.outcome == FAILED) for one in imported)
    assert SetPhoto.objects.count() == Scene.objects.count() == 2


def test_a_photo_is_once_in_a_set(run):
    files = {"a.png": picture(1), "copy.png": picture(1)}
    assert outcomes(run(files)) == {"a.png": (ADDED, ""), "copy.png": (DUPLICATE, "")}
    assert set(outcomes(run(files)).values()) == {(DUPLICATE, "")}
    assert Scene.objects.count() == 1


def test_a_known_photo_is_not_decoded_again(run, decoders, monkeypatch):
    run({"a.png": picture(1)})
    monkeypatch.setattr(decoders, "submit_photo", None)
    assert outcomes(run({"a.png": picture(1)})) == {"a.png": (DUPLICATE, "")}


def test_two_imports_of_one_photo_at_once_add_it_once(run, monkeypatch):
    run({"a.png": picture(1)})
    real, answers = photo_import._is_in_set, [False]
    monkeypatch.setattr(
        photo_import,
        "_is_in_set",
        lambda *which: answers.pop() if answers else real(*which),
    )
    assert outcomes(run({"a.png": picture(1)})) == {"a.png": (DUPLICATE, "")}
    assert Scene.objects.count() == 1


def test_the_same_photo_in_another_set_is_another_scene(run, decoders, tmp_path):
    run({"a.png": picture(1)})
    other = make_photo_set(name="Other", made_by=None)
    importer = PhotoImporter(photo_set_id=other.pk, pool=decoders)
    files = photos_in_folder(folder=tmp_path / "photos", default=CREDIT)
    assert [one.outcome for one in importer.run(files)] == [ADDED]
    assert Scene.objects.count() == 2


def test_an_import_leaves_most_of_the_queue_to_visitors(run, settings):
    settings.SOUNDSCAPE_QUEUE_LIMIT = 8
    assert import_share() == 2
    accepted(1)
    imported = run({f"{n}.png": picture(n) for n in range(5)}, patience_s=0)
    assert [one.outcome for one in imported] == [ADDED]
    assert Scene.objects.count() == 2


def test_an_import_waits_for_room_in_the_queue(run, settings, monkeypatch):
    settings.SOUNDSCAPE_QUEUE_LIMIT = 4
    waits = []

    def matched(seconds):
        waits.append(seconds)
        Scene.objects.all().delete() if len(waits) == 2 else None

    monkeypatch.setattr("time.sleep", matched)
    imported = run({"a.png": picture(1), "b.png": picture(2)}, patience_s=600)
    assert [one.outcome for one in imported] == [ADDED, ADDED]
    assert len(waits) == 2


def test_a_stopped_import_adds_nothing_more(run):
    stops = iter([False, False, True, *[True] * 9])
    imported = run({f"{n}.png": picture(n) for n in range(5)}, should_stop=lambda: next(stops))
    assert imported == []
    assert not Scene.objects.exists()


def test_without_a_decoder_the_import_stops_instead_of_failing_photos(run, decoders, monkeypatch):
    def unavailable(_):
        raise ImageDecodeError("no decoder", code="decoder_unavailable")

    real = decoders.submit_photo

    class Never:
        def result(self):
            unavailable(None)

    monkeypatch.setattr(
        decoders, "submit_photo", lambda content: Never() if b"IEND" in content else real(content)
    )
    with pytest.raises(DecoderUnavailableError):
        run({"a.png": picture(1)})
    assert not Scene.objects.exists()


def test_the_import_ends_with_its_set(run, photo_set):
    PhotoSet.objects.filter(pk=photo_set.pk).delete()
    with pytest.raises(PhotoSet.DoesNotExist):
        run({"a.png": picture(1)})
    assert not Scene.objects.exists()
