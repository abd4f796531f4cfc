"""`manage.py import_photos`."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from accounts.tests.audit import logged
from labelling.management.commands import import_photos
from labelling.models import PhotoSet, SetPhoto
from labelling.services import photo_import
from labelling.services.photo_sets import make_photo_set
from labelling.tests.photos import folder_of, picture
from retrieval.models import Scene
from retrieval.services.uploads import create_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path / "photos", {
        "a.png": picture(1), "in/b.png": picture(2), "again.png": picture(1), "bad.jpg": b"text",
        "photos.csv": "path,license\nin/b.png,CC-BY-4.0\ngone.png,CC0-1.0\n",
    })  # fmt: skip


@pytest.fixture
def woken(monkeypatch, importing):
    """The photos for which the command woke a worker."""
    scenes: list[Scene] = []
    monkeypatch.setattr(import_photos, "wake_for_photo", scenes.append)
    return scenes


def run(*arguments):
    call_command("import_photos", *map(str, arguments))


def test_the_command_makes_the_set_and_says_what_was_added(folder, woken, capsys):
    run(folder, "--set", "Coast", "--license", "CC0-1.0", "--author", "Ada")
    printed = capsys.readouterr()
    assert "2 photos added to the set 'Coast', 1 in it already, 2 failed." in printed.out
    assert "bad.jpg: " in printed.err
    assert "[unsupported_media_type]" in printed.err
    assert (
        "gone.png: photos.csv names it, but there is no such photo. [file_missing]" in printed.err
    )
    photos = SetPhoto.objects.values_list("photo_set__name", "name", "license", "author")
    assert set(photos) == {
        ("Coast", "a.png", "CC0-1.0", "Ada"), ("Coast", "b.png", "CC-BY-4.0", "Ada"),
    }  # fmt: skip
    assert {scene.pk for scene in woken} == set(Scene.objects.values_list("pk", flat=True))
    counts = {"added": 2, "duplicate": 1, "failed": 2}
    assert [entry[3] for entry in logged() if entry[0] == "photo_set.photos_added"] == [counts]


def test_the_command_run_again_continues(folder, woken, capsys, monkeypatch):
    stored: list[object] = []

    def failing(**values):
        if stored:
            raise OSError("disk trouble")
        stored.append(values)
        return create_scene(**values)

    with monkeypatch.context() as patched:
        patched.setattr(photo_import, "create_scene", failing)
        with pytest.raises(CommandError, match="run the same command again"):
            run(folder, "--set", "Coast")
    assert SetPhoto.objects.count() == 1
    capsys.readouterr()
    run(folder, "--set", "coast", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("seconds") >= 0
    failures = answer.pop("failures")
    assert answer == {"set": "Coast", "added": 1, "duplicate": 2, "failed": 2}
    assert [(one["path"], one["code"]) for one in failures] == [
        ("bad.jpg", "unsupported_media_type"), ("gone.png", "file_missing"),
    ]  # fmt: skip
    assert PhotoSet.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--set", "A", "--license", "CC-BY-9"], "licence_unknown"),
        (["--set", "A", "--author", "x" * 201], "author_invalid"),
        (["--set", "A", "--source-url", "no address"], "source_url_invalid"),
        (["--set", " "], "set_name_invalid"),
        (["--set", "Visitors"], "set_of_visitors"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_done(folder, woken, arguments, code):
    make_photo_set(name="Visitors", source=PhotoSet.Source.VISITORS, made_by=None)
    with pytest.raises(CommandError, match=code):
        run(folder, *arguments)
    assert PhotoSet.objects.count() == 1
    assert not Scene.objects.exists()


def test_a_folder_that_cannot_be_read_makes_no_set(tmp_path, woken):
    with pytest.raises(CommandError, match="gone cannot be read"):
        run(tmp_path / "gone", "--set", "Coast")
    assert not PhotoSet.objects.exists()
