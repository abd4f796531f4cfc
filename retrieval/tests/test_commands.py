"""The command line end to end, with the real models on real files."""

from __future__ import annotations

import csv
import io
import json
import shutil

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from retrieval.models import Clip

pytestmark = [pytest.mark.django_db, pytest.mark.weights]

CLIPS = (
    "blanket/waves.ogg",
    "esc10/sea-waves/1-28135-A.ogg",
    "ambie/waterfall.wav",
    "esc10/clock-tick/1-21934-A.ogg",
)


@pytest.fixture
def scratch(settings, tmp_path):
    settings.SOUNDSCAPE_SCRATCH_DIRECTORY = tmp_path / "scratch"


@pytest.fixture
def small_library(shared_dir, tmp_path, media_root, index_directory, scratch):
    """Four clips of the shared library, imported by the command, and one that is missing."""
    with (shared_dir / "library/library.csv").open() as stream:
        rows = csv.DictReader(stream)
        chosen = [row for row in rows if row["path"] in CLIPS]
        columns = rows.fieldnames or ()
    chosen.append(chosen[0] | {"path": "gone.ogg"})
    for row in chosen[:-1]:
        (tmp_path / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shared_dir / "library" / row["path"], tmp_path / row["path"])
    with (tmp_path / "library.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(chosen)
    out = io.StringIO()
    call_command("import_clips", str(tmp_path / "library.csv"), json=True, stdout=out)
    return json.loads(out.getvalue())


def match(*photos, **options):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("match", *map(str, photos), stdout=out, stderr=err, **options)
        failed = None
    except CommandError as error:
        failed = str(error)
    return out.getvalue(), err.getvalue(), failed


def test_import_reports_and_match_finds(small_library, shared_dir, tmp_path):
    assert set(small_library) == {
        "imported", "duplicates", "failed", "audio_seconds", "seconds", "realtime_factor",
    }  # fmt: skip
    assert small_library["imported"] == len(CLIPS) == Clip.objects.count()
    assert small_library["failed"] == [{"path": "gone.ogg", "code": "file_missing"}]
    assert small_library["audio_seconds"] == pytest.approx(142.9, abs=0.5)

    sea = shared_dir / "photos/kodak/kodim16.png"
    broken = tmp_path / "broken.jpg"
    broken.write_text("no photo")
    out, err, failed = match(sea, broken, json=True, top=3)
    good, bad = (json.loads(line) for line in out.splitlines())

    assert set(good) >= {"photo", "classes", "matches", "models", "snapshot"}
    assert (good["photo"], good["snapshot"]) == (str(sea), 1)
    assert set(good["classes"][0]) == {"wnid", "label", "p"}
    assert good["classes"][0]["label"] == "lakeside"
    assert [place["rank"] for place in good["matches"]] == [1, 2, 3]
    best = good["matches"][0]
    assert best["clip"] == "blanket/waves.ogg"
    assert (best["title"], best["license"]) == ("Waves", "CC-BY-4.0")
    assert "Luftrum" in best["credit"]
    divergences = [place["divergence_nats"] for place in good["matches"]]
    assert divergences == sorted(divergences)
    why = best["why"]
    total = sum(term["nats"] for term in why["classes"]) + why["rest_nats"]
    assert total == pytest.approx(why["nats_better_than_average"])
    assert good["models"]["objects"]["audio"].startswith("soundnet-8@")

    assert bad["error"]["code"] == "unsupported_media_type"
    assert "broken.jpg" in err
    assert failed == "1 of 2 photos could not be matched."

    table, _, _ = match(sea, top=1)
    assert "1. Waves" in " ".join(table.split())
    assert "CC BY 4.0" in table
    assert "lakeside" in table


def test_match_without_recordings_says_what_to_do(tmp_path, index_directory, db):
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "blue.png")
    _, _, failed = match(tmp_path / "blue.png")
    assert failed is not None
    assert "make setup" in failed
    assert "library_empty" in failed


@pytest.mark.parametrize("top", [0, -3])
def test_top_must_be_a_number_of_recordings(tmp_path, top):
    _, _, failed = match(tmp_path / "any.png", top=top)
    assert failed == f"--top must be at least 1, got {top}."


def test_a_manifest_that_is_none_ends_with_a_message(tmp_path, scratch):
    with pytest.raises(CommandError, match=r"nothing\.csv does not exist"):
        call_command("import_clips", str(tmp_path / "nothing.csv"))
