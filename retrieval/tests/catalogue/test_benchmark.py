"""The ground truth and the report of `bench_retrieval`."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from PIL import Image

from retrieval.catalogue.benchmark_truth import (
    TRUTH_FOLDER,
    Truth,
    TruthError,
    load_truth,
)
from retrieval.engine.matching.evaluation import TrueGrade
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.management.bench_report import Recording, as_json, as_tables, build_report
from retrieval.management.commands import bench_retrieval
from retrieval.models import Clip, ClipProfile
from retrieval.services.library import advance_snapshot
from retrieval.tests.factories import DUMMY_HEARD, dummy_space_row, small_matchers
from retrieval.tests.fakes import dummy_finder

PHOTOS = "photo,scenery,shows\n"
GRADES = "photo,recordings,grade,why\n"


@pytest.fixture
def write_truth(tmp_path):
    def write(photos, grades):
        folder = tmp_path / "truth"
        folder.mkdir(exist_ok=True)
        (folder / "photos.csv").write_text(PHOTOS + photos)
        (folder / "grades.csv").write_text(GRADES + grades)
        return folder

    return write


# --- the ground truth ------------------------------------------------------------------------


def test_photos_of_scenery_are_read_with_their_grades(write_truth):
    truth = load_truth(
        write_truth(
            'sea.png,yes,"waves, a pier"\ncap.png,no,a cap\nwood.png,yes,trees\n',
            "sea.png,waves.ogg,good,waves\nsea.png,birds,decent,gulls\n",
        )
    )
    assert truth.photos == ("sea.png", "wood.png")
    assert truth.grades == {
        "sea.png": {"waves.ogg": TrueGrade.GOOD, "birds": TrueGrade.DECENT}, "wood.png": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        "cap.png,waves.ogg,good,it shows no scenery",
        "lake.png,waves.ogg,good,it is not listed",
        "sea.png,waves.ogg,excellent,no such grade",
        "sea.png,waves.ogg,bad,bad is what is not listed",
        "sea.png,waves.ogg,,no grade",
        "sea.png,rain.ogg,good,once\nsea.png,rain.ogg,decent,twice",
    ],
)
def test_an_invalid_row_is_refused_by_name(write_truth, row):
    folder = write_truth("sea.png,yes,waves\ncap.png,no,a cap\n", f"{row}\n")
    photo, recordings, grade, _ = row.splitlines()[-1].split(",")
    with pytest.raises(TruthError, match=f"grades.csv: invalid row {photo}, {recordings}, {grade}"):
        load_truth(folder)


def test_a_recording_has_its_grade_or_that_of_its_folder_or_is_bad():
    truth = Truth(
        ("sea.png",),
        {
            "sea.png": {
                "birds": TrueGrade.DECENT,
                "birds/owl.ogg": TrueGrade.BAD,
                "waves.ogg": TrueGrade.GOOD,
            }
        },
    )
    paths = ["waves.ogg", "birds/gull.ogg", "birds/owl.ogg", "birds/far/gull.ogg", "a/waves.ogg"]
    assert truth.grades_of("sea.png", paths) == [
        TrueGrade.GOOD, TrueGrade.DECENT, TrueGrade.BAD, TrueGrade.BAD, TrueGrade.BAD,
    ]  # fmt: skip
    assert truth.grades_of("wood.png", paths) == [TrueGrade.BAD] * 5


def test_the_ground_truth_has_reasons_and_grades_for_every_photo():
    truth = load_truth()
    assert len(truth.photos) == len(set(truth.photos)) >= 15
    for photo in truth.photos:
        assert truth.grades[photo], photo
    with (TRUTH_FOLDER / "grades.csv").open() as stream:
        assert all(row["why"].strip() for row in csv.DictReader(stream))
    with (TRUTH_FOLDER / "photos.csv").open() as stream:
        assert {row["scenery"] for row in csv.DictReader(stream)} == {"yes", "no"}


def test_the_ground_truth_names_existing_files_only(shared_dir):
    photos = {path.name for path in (shared_dir / "photos").rglob("*") if path.is_file()}
    paths = []
    for manifest in ("library.csv", "ambience.csv"):
        with (shared_dir / "library" / manifest).open() as stream:
            paths += [row["path"] for row in csv.DictReader(stream)]
    named = {*paths, *(path.rpartition("/")[0] for path in paths)}
    with (TRUTH_FOLDER / "photos.csv").open() as stream:
        listed = [row["photo"] for row in csv.DictReader(stream)]
    assert len(listed) == len(set(listed)) == 24
    assert set(listed) <= photos
    truth = load_truth()
    for photo in truth.photos:
        assert set(truth.grades[photo]) <= named, photo
    with (TRUTH_FOLDER / "classes.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["recordings"] for row in rows if row["grade"] != "bad"} <= named
    keys = {label.key for label in load_vocabulary("imagenet")}
    assert {row["wnid"] for row in rows} <= keys
    pairs = [(row["wnid"], row["recordings"]) for row in rows]
    assert len(pairs) == len(set(pairs))


# --- the report ------------------------------------------------------------------------------

TRUTH = Truth(
    ("sea.png", "wood.png"),
    {
        "sea.png": {"0.ogg": TrueGrade.GOOD, "1.ogg": TrueGrade.DECENT},
        "wood.png": {"2.ogg": TrueGrade.GOOD},
    },
)
RECORDINGS = [Recording(10 + i, f"{i}.ogg", f"source {i // 2}", 5.0) for i in range(8)]


def ranked(*first):
    return [10 + i for i in (*first, *(i for i in range(8) if i not in first))]


def test_rankings_are_graded_and_averaged_over_photos():
    report = build_report(
        TRUTH,
        recordings=RECORDINGS,
        rankings={
            "paper": {"sea.png": ranked(5, 1, 0), "wood.png": ranked(2)},
            "fused": {"sea.png": ranked(0, 1), "wood.png": ranked(7, 2)},
        },
    )
    assert (report.photos, report.recordings) == (2, 8)
    means = {
        name: {key: value.mean for key, value in measures.items()}
        for name, measures in report.measures.items()
    }
    gains = [(1 / math.log2(3) + 3 / 2) / (3 + 1 / math.log2(3)), 1 / math.log2(3)]
    assert means["paper"] == pytest.approx(
        {"good@1": 0.5, "good-or-decent@1": 0.5, "P@5": (0.4 + 0.2) / 2,
         "nDCG@10": (gains[0] + 1) / 2, "MRR": (1 / 3 + 1) / 2}
    )  # fmt: skip
    assert means["fused"] == pytest.approx(
        {"good@1": 0.5, "good-or-decent@1": 0.5, "P@5": (0.4 + 0.2) / 2,
         "nDCG@10": (1 + gains[1]) / 2, "MRR": (1 + 0.5) / 2}
    )  # fmt: skip
    (pair,) = report.differences
    assert pair == ("fused", "paper")
    assert report.differences[pair]["MRR"].mean == pytest.approx((2 / 3 - 0.5) / 2)
    first = report.by_photo["sea.png"]["paper"]["first"]
    assert first == [
        {"recording": "5.ogg", "grade": "bad"}, {"recording": "1.ogg", "grade": "decent"},
        {"recording": "0.ogg", "grade": "good"},
    ]  # fmt: skip


def test_a_half_is_measured_only_on_photos_with_a_good_recording_in_it():
    """The good recordings of the two photos have different sources, and so are in two halves."""
    report = build_report(
        TRUTH,
        recordings=RECORDINGS,
        rankings={"paper": {"sea.png": ranked(0, 1), "wood.png": ranked(2)}},
    )
    for half in report.halves["paper"]:
        assert half["good@1"] == 1


def test_a_half_without_any_good_recording_has_no_measure():
    truth = Truth(("sea.png",), {"sea.png": {"0.ogg": TrueGrade.GOOD}})
    rankings = {"paper": {"sea.png": ranked(0)}}
    report = build_report(truth, recordings=RECORDINGS, rankings=rankings)
    assert sorted(half["good-or-decent@1"] for half in report.halves["paper"]) == [0, 1]
    json.loads(json.dumps(as_json(report), allow_nan=False))


def test_a_library_without_graded_recordings_is_refused():
    recordings = [Recording(10 + i, f"mine/{i}.ogg", "x", 5.0) for i in range(8)]
    rankings = {"paper": {"sea.png": ranked(), "wood.png": ranked()}}
    with pytest.raises(TruthError, match="grades no recording of this library"):
        build_report(TRUTH, recordings=recordings, rankings=rankings)


def test_the_tables_contain_all_measures(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    rankings = {
        name: {"sea.png": ranked(first), "wood.png": ranked(2)}
        for name, first in (("paper", 5), ("fused", 0))
    }
    text = as_tables(build_report(TRUTH, recordings=RECORDINGS, rankings=rankings))
    assert "2 photos, 8 recordings; 95 % intervals" in text
    assert "0.500 [0.00, 1.00]" in text
    assert "+0.500 [+0.00, +1.00]" in text
    assert "bad: 5.ogg" in text
    assert "good: 0.ogg" in text


# --- the command -----------------------------------------------------------------------------


def bench(**options):
    out = io.StringIO()
    call_command("bench_retrieval", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def small_site(settings, monkeypatch, write_truth, index_directory, make_clip, tmp_path):
    """Seven recordings of seven things, photos of the third and the fifth."""
    folder = write_truth(
        "two.png,yes,thing 2\nfour.png,yes,thing 4\nnone.png,no,nothing\n",
        "two.png,2.ogg,good,it is\ntwo.png,near,decent,nearly\nfour.png,4.ogg,good,it is\n"
        "four.png,5.ogg,good,why not\n",
    )
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "photos"
    (tmp_path / "photos/deeper").mkdir(parents=True)
    for name, strip in (("deeper/two.png", 2), ("four.png", 4)):
        pixels = np.full((224, 224, 3), 1, dtype=np.uint8)
        pixels[32 * strip : 32 * (strip + 1)] = 255
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    known = small_matchers()
    truth = load_truth(folder)
    monkeypatch.setattr(bench_retrieval, "load_truth", lambda: truth)
    monkeypatch.setattr(bench_retrieval, "matcher_in_force", known.__getitem__)
    monkeypatch.setattr(
        bench_retrieval,
        "SoundFinder",
        lambda name, **_: dummy_finder(tmp_path, index_directory, name),
    )
    clips = [
        make_clip(np.full(7, 0.02) + np.eye(7)[i] * 0.86, path=f"{i}.ogg" if i != 3 else "near/3")
        for i in range(7)
    ]
    dummy_space_row(DUMMY_HEARD)
    with transaction.atomic():
        snapshot = advance_snapshot()
        for i, clip in enumerate(clips):  # by its sounds, 4 fits a photo of 2 best
            ClipProfile.objects.create(
                clip=clip, space_id=DUMMY_HEARD.name, classes=5, added_in=snapshot,
                model_version=DUMMY_HEARD.audio_model,
                distribution=DUMMY_HEARD.clip_profile(np.eye(5)[(0, 1, 2, 2, 3, 4, 0)[i]]).values,
            )  # fmt: skip
    return clips


def test_every_matcher_is_measured(small_site):
    report = json.loads(bench(json=True))
    assert (report["photos"], report["recordings"]) == (2, 7)
    assert set(report["measures"]) == {"paper", "heard", "fused"}
    assert set(report["differences"]) == {"heard - paper", "fused - paper", "fused - heard"}
    paper = report["measures"]["paper"]
    assert paper["good@1"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "photos": 2}
    first = report["by_photo"]["two.png"]
    assert first["paper"]["first"][0] == {"recording": "2.ogg", "grade": "good"}
    assert first["heard"]["first"][0] == {"recording": "4.ogg", "grade": "bad"}
    assert report["measures"]["heard"]["good@1"]["mean"] < 1
    assert set(report["by_photo"]) == {"two.png", "four.png"}


def test_a_single_matcher_can_be_measured(small_site):
    report = json.loads(bench(json=True, matcher=["paper"]))
    assert (set(report["measures"]), report["differences"]) == ({"paper"}, {})
    assert "2 photos, 7 recordings" in bench(matcher=["paper"])


def test_a_withdrawn_recording_is_not_measured(small_site):
    with transaction.atomic():
        Clip.objects.filter(path="2.ogg").update(removed_in=advance_snapshot())
    report = json.loads(bench(json=True, matcher=["paper"]))
    assert report["recordings"] == 6
    assert report["by_photo"]["two.png"]["paper"]["first"][0]["recording"] != "2.ogg"


LEFT_OUT = "2 recordings lack profiles and are left out."


def test_recordings_without_all_profiles_are_left_out_and_reported(small_site):
    for clip in (small_site[0], small_site[2]):
        clip.profiles.filter(space_id=DUMMY_HEARD.name).delete()
    errors = io.StringIO()
    report = json.loads(bench(json=True, stderr=errors))
    assert (report["recordings"], errors.getvalue().strip()) == (5, LEFT_OUT)
    first = report["by_photo"]["two.png"]["paper"]["first"]
    assert "2.ogg" not in {place["recording"] for place in first}
    errors = io.StringIO()
    assert json.loads(bench(json=True, matcher=["paper"], stderr=errors))["recordings"] == 7
    assert errors.getvalue() == ""
    errors = io.StringIO()
    assert json.loads(bench(json=True, matcher=["heard"], stderr=errors))["recordings"] == 5
    assert errors.getvalue().strip() == LEFT_OUT


def test_a_library_without_profiles_cannot_be_measured(small_site):
    ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).delete()
    with pytest.raises(CommandError, match=r"No recording has the profiles.*profile_clips"):
        bench()


def test_missing_photos_are_reported(small_site, settings):
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = settings.SOUNDSCAPE_SAMPLE_PHOTOS / "deeper"
    with pytest.raises(
        CommandError, match=r"1 photos of the ground truth, the first is four\.png,"
    ):
        bench()


def test_a_library_of_other_recordings_is_reported(small_site):
    for clip in small_site:
        Clip.objects.filter(pk=clip.pk).update(path=f"mine/{clip.path}")
    with pytest.raises(CommandError, match="grades no recording of this library"):
        bench()


def test_an_empty_library_is_reported(small_site):
    with transaction.atomic():
        Clip.objects.update(removed_in=advance_snapshot())
    with pytest.raises(CommandError, match="library"):
        bench()


def test_an_unknown_matcher_is_refused(db):
    with pytest.raises(CommandError, match="invalid choice: 'psychic'"):
        call_command("bench_retrieval", "--matcher", "psychic")
