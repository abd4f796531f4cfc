"""Import every recording of the corpus of bad inputs."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from retrieval.catalogue.manifest import COLUMNS, read_entries
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.models import Clip, ImportItem
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.importing import ClipImporter
from retrieval.templatetags.players import audio_url, download_url
from retrieval.tests.bad_inputs import recordings
from retrieval.tests.bad_inputs.cases import ACCEPTED
from retrieval.tests.bad_inputs.photos import SCRIPT, SQL
from retrieval.tests.engine.toy_sounds import noise, written
from retrieval.tests.factories import DUMMY, dummy_space_row
from retrieval.tests.fakes import DummyEar

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def pool():
    with DecodingPool(processes=2, limits=decoding_limits()) as pool:
        pool.warm()
        yield pool


@pytest.fixture
def run(pool, tmp_path, media_root):
    dummy_space_row()
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run_import(source):
        importer = ClipImporter(
            source=str(source), pool=pool, profilers=[AudioProfiler(DUMMY, DummyEar)],
            scratch=scratch, batch_windows=16, on_progress=lambda report: None,
        )  # fmt: skip
        report = importer.run(read_entries(source))
        assert list(scratch.iterdir()) == []  # no temporary files
        return report

    return run_import


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


def served(client, clip):
    answer = client.get(audio_url(clip))
    assert answer.status_code == 200
    assert answer["Content-Type"] == clip.played_media_type
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize("case", recordings.CASES, ids=str)
def test_recording(run, folder, client, pool, case):
    case.write(folder / str(case))
    report = run(folder)
    item = ImportItem.objects.get()
    assert item.path == str(case)
    assert item.code in case.codes
    if item.code != ACCEPTED:
        assert item.detail
        assert not Clip.objects.exists()
        return
    assert report.imported == 1
    content = served(client, Clip.objects.get())
    assert SCRIPT not in content
    assert SQL not in content


def test_corpus_kills_no_child(run, folder, pool, monkeypatch):
    for case in recordings.CASES:
        case.write(folder / str(case))
    deaths: list[Exception] = []
    original = pool._failure_of

    def failure_of(job, error):
        deaths.append(error)
        return original(job, error)

    monkeypatch.setattr(pool, "_failure_of", failure_of)
    report = run(folder)
    assert deaths == []
    assert report.settled == len(recordings.CASES)


def write_manifest(folder, rows):
    with (folder / "library.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(dict.fromkeys(COLUMNS, "") | {"license": "CC0-1.0"} | row for row in rows)
    return folder / "library.csv"


def codes():
    return dict(ImportItem.objects.values_list("path", "code"))


def test_50_same_recording_twice(run, folder):
    written(folder / "a.wav", noise(0.6), subtype="PCM_16")
    (folder / "b.wav").write_bytes((folder / "a.wav").read_bytes())
    report = run(folder)
    assert (report.imported, report.duplicates) == (1, 1)
    first, second = ImportItem.objects.order_by("path")
    assert second.outcome == ImportItem.Outcome.DUPLICATE
    assert second.clip == first.clip


def test_51_three_bad_recordings_do_not_affect_the_others(run, folder):
    rng = np.random.default_rng(5)
    for number in range(57):
        sound = 0.1 * rng.standard_normal((4_800, 1)).astype(np.float32)
        written(folder / f"{number:03}.wav", sound, 8_000, subtype="PCM_16")
    for name in ("010x.wav", "020x.wav", "056x.wav"):
        (folder / name).write_bytes(b"no sound")
    report = run(folder)
    assert (report.imported, len(report.failed)) == (57, 3)
    assert {path for path, code in codes().items() if code} == {path for path, _ in report.failed}


def test_52_number_of_files_is_unlimited(run, folder):
    """The limit of the corpus applies to requests; recordings come from imports only."""
    written(folder / "000.wav", noise(0.6), subtype="PCM_16")
    for number in range(1, 501):
        (folder / f"{number:03}.wav").write_bytes((folder / "000.wav").read_bytes())
    report = run(folder)
    assert (report.imported, report.duplicates, report.failed) == (1, 500, [])


@pytest.mark.parametrize("path", ["../secret.wav", "/etc/passwd", "sub/../../secret.wav"])
def test_53_manifest_cannot_import_other_files(run, folder, path):
    (folder.parent / "secret.wav").write_text("root::0:0")
    report = run(write_manifest(folder, [{"path": path}]))
    assert report.imported == 0
    assert codes()[path] == ("file_missing" if path.startswith("sub") else "unsupported_media_type")


def test_54_texts_of_a_manifest_are_not_interpreted(run, folder, client, settings):
    written(folder / "a.wav", noise(0.6), subtype="PCM_16")
    words = SCRIPT.decode() + SQL.decode()
    run(write_manifest(folder, [{"path": "a.wav", "title": words, "author": words, "tags": words}]))
    clip = Clip.objects.get()
    assert clip.title == words
    answer = client.get(download_url(clip))
    disposition = answer["Content-Disposition"]
    assert disposition.startswith("attachment;")
    assert "\n" not in disposition
    answer.close()


@pytest.mark.parametrize("title", ["nul\x00byte", "x" * 301])
def test_54_invalid_words_fail_only_their_row(run, folder, title):
    written(folder / "a.wav", noise(0.6), subtype="PCM_16")
    run(write_manifest(folder, [{"path": "a.wav", "title": title}]))
    assert codes()["a.wav"] in {"invalid_characters", "metadata_invalid"}


def test_54_file_name_that_is_not_utf_8(run, folder):
    written(folder / "a.wav", noise(0.6), subtype="PCM_16")
    (folder / "a.wav").rename(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe<b>.wav"))
    assert run(folder).imported == 1
    assert list(codes()) == ["\\xff\\xfe<b>.wav"]


@pytest.mark.parametrize(
    ("licence", "code"), [("", "licence_required"), ("free", "licence_unknown")]
)
def test_55_no_licence(run, folder, licence, code):
    written(folder / "a.wav", noise(0.6), subtype="PCM_16")
    run(write_manifest(folder, [{"path": "a.wav", "license": licence}]))
    assert codes() == {"a.wav": code}
