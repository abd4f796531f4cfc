"""`import_clips`, `match` and `profile_clips` with real models and real files."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import Future
from pathlib import Path

import pytest
import soundfile
from django.core.management import CommandError, call_command
from PIL import Image

from accounts.models import AuditEntry
from retrieval.catalogue.licences import COMMERCIAL
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.engine.spaces.space import all_spaces, heard
from retrieval.models import Clip, ClipProfile, ImportItem, ProfileFailure
from retrieval.tests.factories import unsaved_clip

pytestmark = [pytest.mark.django_db, pytest.mark.weights("image", "soundnet", "yamnet-int8")]

CLIPS = (
    "blanket/waves.ogg",
    "esc10/sea-waves/1-28135-A.ogg",
    "ambie/waterfall.wav",
    "esc10/clock-tick/1-21934-A.ogg",
)
EXCERPT_S = 20


@pytest.fixture
def scratch(settings, tmp_path):
    settings.SOUNDSCAPE_SCRATCH_DIRECTORY = tmp_path / "scratch"


@pytest.fixture
def small_library(shared_dir, tmp_path, media_root, index_directory, scratch):
    """Import parts of four shared clips and a missing file; return the report."""
    with (shared_dir / "library/library.csv").open() as stream:
        rows = csv.DictReader(stream)
        chosen = [row for row in rows if row["path"] in CLIPS]
        columns = rows.fieldnames or ()
    chosen.append(chosen[0] | {"path": "gone.ogg"})
    for row in chosen[:-1]:
        (tmp_path / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(shared_dir / "library" / row["path"]) as sound:
            sound.seek(max(0, sound.frames // 2 - EXCERPT_S * sound.samplerate))
            samples, rate_hz = sound.read(EXCERPT_S * sound.samplerate), sound.samplerate
        soundfile.write(tmp_path / row["path"], samples, rate_hz)
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
    assert small_library["audio_seconds"] == pytest.approx(44.9, abs=0.5)

    sea = shared_dir / "photos/kodak/kodim16.png"
    broken = tmp_path / "broken.jpg"
    broken.write_text("no photo")
    out, err, failed = match(sea, broken, json=True, top=3)
    good, bad = (json.loads(line) for line in out.splitlines())

    assert set(good) == {
        "photo", "classes", "would_hear", "matches", "models", "matcher", "snapshot", "filter",
        "library_size",
    }  # fmt: skip
    assert (good["photo"], good["snapshot"]) == (str(sea), 1)
    assert set(good["classes"][0]) == {"wnid", "label", "p"}
    assert good["classes"][0]["label"] == "lakeside"
    assert [place["rank"] for place in good["matches"]] == [1, 2, 3]
    best = good["matches"][0]
    assert best["clip"] == "blanket/waves.ogg"
    assert (best["title"], best["license"]) == ("Waves", "CC-BY-4.0")
    assert "Luftrum" in best["credit"]
    scores = [place["score"] for place in good["matches"]]
    assert scores == sorted(scores, reverse=True)
    why = best["why"]
    total = sum(term["nats"] for term in why["classes"]) + why["rest_nats"]
    assert total == pytest.approx(why["nats_better_than_average"])
    assert good["models"]["objects"]["audio"].startswith("soundnet-8@")
    assert good["models"]["heard"]["audio"].startswith("yamnet-int8@")
    assert (good["matcher"]["name"], good["library_size"]) == ("fused", len(CLIPS))

    out, _, _ = match(sea, json=True, commercial_use=True, min_duration_s=10.0)
    filtered = json.loads(out)
    assert filtered["filter"]["min_duration_s"] == 10.0
    passing = Clip.objects.filter(license__in=COMMERCIAL, duration_s__gte=10)
    assert {place["clip"] for place in filtered["matches"]} == {clip.path for clip in passing}
    assert 0 < passing.count() < len(CLIPS)

    assert bad["error"]["code"] == "unsupported_media_type"
    assert "broken.jpg" in err
    assert failed == "1 of 2 photos could not be matched."

    table, _, _ = match(sea, top=1)
    assert "1. Waves" in " ".join(table.split())
    assert "CC BY 4.0" in table
    assert "lakeside" in table
    assert "expected sounds: " in table


def test_match_on_an_empty_library_names_the_next_step(tmp_path, index_directory, db):
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "blue.png")
    _, _, failed = match(tmp_path / "blue.png")
    assert failed is not None
    assert "make setup" in failed
    assert "library_empty" in failed


@pytest.mark.parametrize(
    ("matcher", "space"), [("paper", "objects"), ("heard", "heard"), ("fused", "heard")]
)
def test_every_matcher_can_be_chosen(small_library, shared_dir, matcher, space):
    sea = shared_dir / "photos/kodak/kodim16.png"
    out, err, failed = match(sea, json=True, top=4, matcher=matcher)
    report = json.loads(out)
    assert (err, failed) == ("", None)
    assert report["matcher"]["name"] == matcher
    assert report["matcher"]["bank"].startswith("classes@")
    assert set(report["models"]) == {"objects", space}
    places = report["matches"]
    assert len(places) == 4
    assert {place["space"] for place in places} == {space}
    words = {None} if matcher == "paper" else {"none", "weak", "fair", "strong"}
    assert {place["strength"] for place in places} <= words
    if matcher == "paper":
        divergences = [place["divergence_nats"] for place in places]
        assert divergences == sorted(divergences)
        assert report["would_hear"] == []
    else:
        assert places[0]["clip"] in {"blanket/waves.ogg", "esc10/sea-waves/1-28135-A.ogg"}
        assert "waves" in {sound["sound"] for sound in report["would_hear"]}
        assert {"waves", "ocean"} & set(places[0]["sounds"])
    table, _, _ = match(sea, top=1, matcher=matcher)
    assert f"matcher {matcher} v2" in " ".join(table.split())


def test_an_unknown_matcher_is_rejected(tmp_path):
    with pytest.raises(CommandError, match="invalid choice: 'psychic'"):
        call_command("match", str(tmp_path / "any.png"), "--matcher", "psychic")


def profile_clips(*arguments):
    out = io.StringIO()
    call_command("profile_clips", *arguments, stdout=out)
    return out.getvalue().splitlines()


SEA = "photos/kodak/kodim16.png"


def stored_sounds():
    return {clip.pk: (clip.sounds, clip.sound_tags, clip.flags) for clip in Clip.objects.all()}


def test_a_library_without_heard_profiles_is_matched_by_paper_until_they_are_computed(
    small_library, shared_dir
):
    everything = {
        (row.clip_id, row.space_id): row.distribution.tobytes() for row in ClipProfile.objects.all()
    }
    described = stored_sounds()
    assert any(sounds and tags for sounds, tags, _ in described.values())
    paper = json.loads(match(shared_dir / SEA, json=True, matcher="paper")[0])
    ClipProfile.objects.filter(space_id="heard").delete()
    Clip.objects.update(sounds=[], sound_tags=[], flags=[])

    for matcher in ("fused", "heard"):
        out, _, failed = match(shared_dir / SEA, json=True, matcher=matcher)
        assert out == ""
        assert failed is not None
        assert f"lack the profiles of {matcher}: run `manage.py profile_clips`" in failed
        assert "[profiles_missing]" in failed
    before = json.loads(match(shared_dir / SEA, json=True, matcher="paper")[0])
    ranking = [
        [(place["clip"], place["divergence_nats"]) for place in answer["matches"]]
        for answer in (before, paper)
    ]
    assert ranking[0] == ranking[1]

    assert profile_clips() == [
        "objects: every recording has its profile.",
        f"heard: {len(CLIPS)} recordings profiled, 0 failed.",
    ]
    assert {
        (row.clip_id, row.space_id): row.distribution.tobytes() for row in ClipProfile.objects.all()
    } == everything
    assert stored_sounds() == described
    after = json.loads(match(shared_dir / SEA, json=True)[0])
    assert after["matcher"]["name"] == "fused"
    assert profile_clips() == [
        f"{space.name}: every recording has its profile." for space in all_spaces()
    ]


def test_recordings_that_cannot_be_profiled_are_counted(small_library):
    gone = Clip.objects.get(path="blanket/waves.ogg")
    ClipProfile.objects.filter(space_id="heard", clip=gone).delete()
    original = Path(gone.original.path)
    content = original.read_bytes()
    original.unlink()
    assert profile_clips()[1] == "heard: 0 recordings profiled, 1 failed."
    assert gone.profile_failures.get().model_version == heard().audio_model
    original.write_bytes(content)
    assert profile_clips()[1] == "heard: every recording has its profile."
    assert profile_clips("--retry-failed")[1] == "heard: 1 recordings profiled, 0 failed."
    assert not gone.profile_failures.exists()
    assert gone.profiles.filter(space_id="heard").exists()


def test_profiling_without_weights_fails_with_a_message(settings, tmp_path, scratch):
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path / "nothing"
    unsaved_clip(1).save()
    with pytest.raises(CommandError, match=r"\[weights_missing\]"):
        profile_clips()


def test_without_a_decoder_no_recording_is_recorded_as_failed(small_library, tmp_path, monkeypatch):
    ClipProfile.objects.filter(space_id="heard").delete()
    ImportItem.objects.all().delete()
    Clip.objects.filter(path=CLIPS[0]).update(sha256="ab" * 32)  # so that its file counts as new

    def unavailable(self, path, **options):
        future: Future[None] = Future()
        future.set_exception(DecodeError("no decoder", code="decoder_unavailable"))
        return future

    monkeypatch.setattr(DecodingPool, "submit_recording", unavailable)
    with pytest.raises(CommandError, match=r"Stopped: no decoder .*the same command again"):
        profile_clips()
    with pytest.raises(CommandError, match=r"Stopped: no decoder .*the same command again"):
        call_command("import_clips", str(tmp_path / "library.csv"))
    assert not ProfileFailure.objects.exists()
    assert not ImportItem.objects.filter(path=CLIPS[0]).exists()


def test_an_import_is_in_the_audit_log(small_library, tmp_path):
    source = str(tmp_path / "library.csv")
    started, finished = AuditEntry.objects.order_by("at")
    assert (started.action, started.detail) == ("import.started", {"source": source})
    counts = {"imported": 4, "duplicates": 0, "failed": 1}
    assert (finished.action, finished.detail) == ("import.finished", {"source": source} | counts)


@pytest.mark.parametrize("top", [0, -3])
def test_top_must_be_positive(tmp_path, top):
    _, _, failed = match(tmp_path / "any.png", top=top)
    assert failed == f"--top must be at least 1, got {top}."


def test_a_missing_manifest_fails_with_a_message(tmp_path, scratch):
    with pytest.raises(CommandError, match=r"nothing\.csv does not exist"):
        call_command("import_clips", str(tmp_path / "nothing.csv"))


def test_an_import_of_which_nothing_can_be_used_says_so_by_its_status(tmp_path, scratch, capsys):
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "words.wav").write_bytes(b"no sound")
    with pytest.raises(SystemExit) as status:
        call_command("import_clips", str(folder))
    assert status.value.code == 1
    assert "words.wav: " in capsys.readouterr().err
