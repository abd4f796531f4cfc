"""`manage.py setup_library`: run after run, on every kind of library."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from retrieval.catalogue.manifest import COLUMNS, read_entries
from retrieval.engine.spaces.space import all_spaces
from retrieval.management.commands import setup_library
from retrieval.models import ClipProfile, ImportItem
from retrieval.services.clips import record_items
from retrieval.tests.factories import unsaved_clip

pytestmark = pytest.mark.django_db

GOOD = ("sea.ogg", "rain.ogg")
AMBIENCES = ("forest.ogg",)
ALL = (*GOOD, *AMBIENCES)


def write_manifest(folder, name="library.csv", paths=GOOD):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{path},{path},,,CC0-1.0,,," for path in paths]
    (folder / name).write_text("\n".join([",".join(COLUMNS), *rows]))


@pytest.fixture
def manifest(settings, tmp_path):
    settings.SOUNDSCAPE_SHARED_LIBRARY = tmp_path / "shared" / "library.csv"
    settings.SOUNDSCAPE_SHARED_AMBIENCES = tmp_path / "shared" / "ambience.csv"
    settings.SOUNDSCAPE_STARTER_LIBRARY = tmp_path / "starter"
    write_manifest(tmp_path / "shared")
    return settings.SOUNDSCAPE_SHARED_LIBRARY


class Commands:
    """Replacements for the commands that setup_library calls; the import reads no files."""

    def __init__(self, settings):
        self.settings = settings
        self.called = []
        self.unreadable = set()

    def __call__(self, name, *arguments, **options):
        self.called.append(name)
        if name == "import_clips":
            self.import_clips(*arguments)
        elif name == "make_starter_library":
            write_manifest(self.settings.SOUNDSCAPE_STARTER_LIBRARY)

    def import_clips(self, source):
        """Import as the real one does, which leaves alone what came to a good end."""
        settled = ImportItem.objects.filter(source=source).exclude(outcome="failed")
        listed = {entry.path for entry in read_entries(Path(source))}
        for path in listed - set(settled.values_list("path", flat=True)):
            item = ImportItem(path=path, byte_size=1, modified_ns=1, outcome="failed", code="x")
            if path not in self.unreadable:
                item.clip = unsaved_clip(ALL.index(path), path=path)
                item.clip.save()
                item.outcome, item.code = "imported", ""
            record_items(items=[item], source=source)


@pytest.fixture
def commands(monkeypatch, settings, manifest):
    commands = Commands(settings)
    monkeypatch.setattr(setup_library, "call_command", commands)
    return commands


def run_setup():
    out = io.StringIO()
    call_command("setup_library", stdout=out)
    return out.getvalue()


def test_an_empty_library_gets_the_shared_recordings(commands, manifest):
    assert run_setup() == f"Importing the starter library, {manifest}\n"
    assert commands.called == ["migrate", "import_clips"]


def test_an_existing_library_gets_only_missing_profiles(commands):
    run_setup()
    commands.called.clear()
    assert run_setup() == "The library holds 2 recordings.\n"
    assert commands.called == ["migrate"]


def test_the_longer_recordings_are_imported_too_also_after_an_upgrade(commands, manifest):
    run_setup()
    write_manifest(manifest.parent, "ambience.csv", AMBIENCES)
    ambiences = manifest.with_name("ambience.csv")
    assert run_setup() == f"Importing the starter library, {ambiences}\n"
    assert run_setup() == "The library holds 3 recordings.\n"


def test_a_library_of_other_recordings_gets_no_starter_library(commands):
    unsaved_clip(9).save()
    assert run_setup() == "The library holds 1 recordings.\n"
    assert commands.called == ["migrate"]


def test_without_shared_recordings_a_library_is_synthesised_once(commands, manifest):
    manifest.unlink()
    run_setup()
    assert commands.called == ["migrate", "make_starter_library", "import_clips"]
    commands.called.clear()
    assert run_setup() == "The library holds 2 recordings.\n"
    assert commands.called == ["migrate"]


def test_failed_files_are_retried(commands):
    commands.unreadable = {"rain.ogg"}
    run_setup()
    commands.unreadable = set()
    run_setup()
    assert commands.called == [
        "migrate", "import_clips", "migrate", "import_clips",
    ]  # fmt: skip
    assert run_setup() == "The library holds 2 recordings.\n"


def test_a_library_that_stays_empty_is_an_error(commands, manifest):
    commands.unreadable = set(GOOD)
    for _ in range(2):
        with pytest.raises(CommandError, match=r"no recording of .* \[library_empty\]"):
            run_setup()


def test_the_real_commands_run_where_nothing_is_missing(manifest, monkeypatch, capsys):
    """All commands but the import are the real ones; no network is loaded."""
    clip = unsaved_clip(9)
    clip.save()
    for space in all_spaces():
        ClipProfile.objects.create(
            clip=clip, space_id=space.name, classes=len(space), model_version=space.audio_model,
            distribution=np.full(len(space), 1 / len(space)), added_in=1,
        )  # fmt: skip
    assert run_setup() == "The library holds 1 recordings.\n"
    assert not capsys.readouterr().out
