from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import soundfile
from django.core.files.storage import default_storage

from retrieval.catalogue.manifest import COLUMNS, read_entries
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.models import Clip, ClipProfile, ClipWindow, ImportItem, Library
from retrieval.selectors.library import library_state
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.importing import ClipImporter, importer
from retrieval.services.importing.storing import store_group
from retrieval.storage import content_store
from retrieval.templatetags.players import audio_url, download_url
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_space_row
from retrieval.tests.fakes import DummyEar, DummySounds

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def pool():
    with DecodingPool(processes=2, limits=decoding_limits()) as pool:
        pool.warm()
        yield pool


def tone(path, *, hz=440.0, seconds=1.0, rate=8_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * t), rate)


def write_manifest(folder, *paths, **fields):
    values = dict.fromkeys(COLUMNS, "") | {"license": "CC0-1.0"} | fields
    with (folder / "library.csv").open("w", newline="") as stream:
        rows = csv.DictWriter(stream, COLUMNS)
        rows.writeheader()
        rows.writerows(values | {"path": path} for path in paths)
    return folder / "library.csv"


@pytest.fixture
def run(pool, tmp_path, media_root):
    dummy_space_row()
    dummy_space_row(DUMMY_HEARD)

    def run_import(source, *, ear=None, load=None, further=(), on_progress=lambda report: None):
        scratch = tmp_path / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        clip_importer = ClipImporter(
            source=str(source), pool=pool, scratch=scratch, batch_windows=4,
            profilers=[
                AudioProfiler(DUMMY, load or (lambda: ear or DummyEar())),
                *(AudioProfiler(space, load or DummySounds) for space in further),
            ],
            on_progress=on_progress,
        )  # fmt: skip
        report = clip_importer.run(read_entries(source))
        assert list(scratch.iterdir()) == []
        return report

    return run_import


def failures(report):
    return [(path, problem.code) for path, problem in report.failed]


def test_all_facts_of_a_recording_are_stored(run, tmp_path):
    tone(tmp_path / "sea/a.wav", seconds=3)
    report = run(
        write_manifest(
            tmp_path, "sea/a.wav", title="Waves", tags="sea; wind", author="Ada",
            source_url="https://example.org/1", collection="Mine",
        )
    )  # fmt: skip
    clip = Clip.objects.get()
    assert (report.imported, report.duplicates, report.failed) == (1, 0, [])
    assert report.audio_seconds == pytest.approx(3)
    assert (clip.path, clip.title, clip.tags, clip.author) == (
        "sea/a.wav", "Waves", ["sea", "wind"], "Ada",
    )  # fmt: skip
    assert clip.license_url == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert (clip.duration_s, clip.sample_rate_hz, clip.channels) == (3, 8000, 1)
    # A sine of amplitude 0.3: R128 has -3.01 - 10.46 - 0.69 + gain at 440 Hz; about -14 LUFS.
    assert clip.loudness_lufs == pytest.approx(-14, abs=1)
    assert clip.true_peak_dbtp == pytest.approx(20 * np.log10(0.3), abs=0.1)
    assert len(clip.peaks) == 800
    assert clip.added_in == Library.objects.get().snapshot == 1
    with clip.original.open("rb") as stream:
        assert stream.read() == (tmp_path / "sea/a.wav").read_bytes()


def test_profile_is_the_mean_of_the_stored_windows_with_the_floor(run, tmp_path):
    tone(tmp_path / "a.wav", hz=300, seconds=4)
    run(write_manifest(tmp_path, "a.wav"))
    profile = ClipProfile.objects.get()
    windows = list(profile.windows.order_by("position"))
    assert (profile.space_id, profile.model_version) == ("dummy", DUMMY.audio_model)
    assert [window.start_s for window in windows] == [0.0, 2.0]
    mean = np.mean([window.distribution for window in windows], axis=0)
    expected = DUMMY.clip_profile(mean.astype(np.float64)).values
    np.testing.assert_allclose(profile.distribution, expected, atol=1e-7)
    assert profile.distribution.argmax() == 0  # 300 Hz is in the lowest of seven bands
    assert profile.distribution.min() > 0


def test_windows_of_several_recordings_share_batches(run, tmp_path):
    for i in range(6):
        tone(tmp_path / f"{i}.wav", hz=200 + i, seconds=1)
    ear = DummyEar()
    report = run(write_manifest(tmp_path, *(f"{i}.wav" for i in range(6))), ear=ear)
    assert report.imported == 6
    assert ear.batches == [4, 2]


def test_bad_files_do_not_affect_others(run, tmp_path):
    tone(tmp_path / "good.wav")
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty.wav").touch()
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 8000)
    report = run(
        write_manifest(tmp_path, "text.wav", "empty.wav", "gone.wav", "silent.wav", "good.wav")
    )
    assert report.imported == 1
    assert sorted(failures(report)) == [
        ("empty.wav", "file_empty"), ("gone.wav", "file_missing"),
        ("silent.wav", "audio_silent"), ("text.wav", "unsupported_media_type"),
    ]  # fmt: skip
    stored = ImportItem.objects.get(path="silent.wav")
    assert (stored.outcome, stored.code, stored.clip) == ("failed", "audio_silent", None)
    assert stored.detail
    assert Clip.objects.count() == ClipProfile.objects.count() == 1


def test_no_file_of_a_bad_recording_is_stored(run, tmp_path, media_root):
    (tmp_path / "text.wav").write_text("no sound")
    run(write_manifest(tmp_path, "text.wav"))
    assert not media_root.exists() or list(media_root.rglob("*.wav")) == []
    assert ClipWindow.objects.count() == 0


def test_invalid_metadata_is_refused(run, tmp_path):
    tone(tmp_path / "a.wav")
    report = run(write_manifest(tmp_path, "a.wav", source_url="javascript:alert(1)"))
    assert failures(report) == [("a.wav", "metadata_invalid")]
    report = run(write_manifest(tmp_path, "a.wav", title="x" * 301))
    assert failures(report) == [("a.wav", "metadata_invalid")]
    assert Clip.objects.count() == 0


def test_the_same_content_is_one_clip(run, tmp_path):
    tone(tmp_path / "a.wav")
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.wav")
    tone(tmp_path / "c.wav", hz=1000)
    report = run(write_manifest(tmp_path, "a.wav", "b.wav", "c.wav"))
    assert (report.imported, report.duplicates) == (2, 1)
    item = ImportItem.objects.get(path="b.wav")
    assert item.outcome == "duplicate"
    assert item.clip == Clip.objects.get(path="a.wav")


def test_a_copy_of_a_bad_file_fails_too(run, tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.wav")
    report = run(write_manifest(tmp_path, "a.wav", "b.wav"))
    assert [code for _, code in failures(report)] == ["unsupported_media_type"] * 2


def test_a_second_run_reads_no_file(run, tmp_path, monkeypatch):
    tone(tmp_path / "a.wav")
    source = write_manifest(tmp_path, "a.wav")
    run(source)
    monkeypatch.setattr(content_store, "sha256_of", lambda path: pytest.fail(f"read {path}"))
    report = run(source, load=lambda: pytest.fail("model loaded"))
    assert (report.imported, report.duplicates, Library.objects.get().snapshot) == (0, 1, 1)


def test_a_changed_file_is_a_new_recording(run, tmp_path):
    tone(tmp_path / "a.wav")
    source = write_manifest(tmp_path, "a.wav")
    run(source)
    tone(tmp_path / "a.wav", hz=1000, seconds=2)
    assert run(source).imported == 1
    assert Clip.objects.count() == 2


def test_a_corrected_licence_is_stored_without_reading_the_file(run, tmp_path, monkeypatch):
    tone(tmp_path / "a.wav")
    run(write_manifest(tmp_path, "a.wav", license="CC0-1.0"))
    monkeypatch.setattr(content_store, "sha256_of", lambda path: pytest.fail(f"read {path}"))
    report = run(write_manifest(tmp_path, "a.wav", license="CC-BY-4.0", author="Ada"))
    clip = Clip.objects.get()
    assert (report.duplicates, clip.license, clip.author) == (1, "CC-BY-4.0", "Ada")
    assert "by/4.0" in clip.license_url
    assert library_state().snapshot == 2  # results with a filter are not reused
    run(write_manifest(tmp_path, "a.wav", license="CC-BY-4.0", author="Bob"))
    assert (Clip.objects.get().author, library_state().snapshot) == ("Bob", 2)


def test_corrected_licences_of_several_files_are_one_snapshot(run, tmp_path):
    names = ("a.wav", "b.wav", "c.wav")
    for place, name in enumerate(names):
        tone(tmp_path / name, hz=300 + 100 * place)
    run(write_manifest(tmp_path, *names, license="CC0-1.0"))
    before = library_state().snapshot
    report = run(write_manifest(tmp_path, *names, license="CC-BY-4.0", author="Ada"))
    assert (report.duplicates, library_state().snapshot) == (3, before + 1)
    assert list(Clip.objects.values_list("license", "author")) == [("CC-BY-4.0", "Ada")] * 3


def test_a_file_listed_twice_with_a_corrected_licence_has_two_outcomes(run, tmp_path):
    tone(tmp_path / "a.wav")
    run(write_manifest(tmp_path, "a.wav", license="CC0-1.0"))
    report = run(write_manifest(tmp_path, "a.wav", "a.wav", license="CC-BY-4.0", author="Ada"))
    assert (report.duplicates, Clip.objects.get().license) == (2, "CC-BY-4.0")


def test_file_names_may_hold_any_bytes(run, tmp_path):
    folder = tmp_path / "archive"
    tone(folder / "good.wav")
    odd = folder / os.fsdecode(b"caf\xe9 \xff.wav")
    tone(folder / "x.wav", hz=900)
    (folder / "x.wav").rename(odd)
    report = run(folder)
    assert (report.imported, report.failed) == (2, [])
    assert Clip.objects.filter(path="caf\\xe9 \\xff.wav").exists()
    assert run(folder).duplicates == 2


@pytest.mark.parametrize(
    ("path", "code"), [("x" * 1001 + ".wav", "path_too_long"), ("a\x00b.wav", "invalid_characters")]
)
def test_a_path_that_cannot_be_stored_does_not_affect_others(run, tmp_path, path, code):
    tone(tmp_path / "good.wav")
    report = run(write_manifest(tmp_path, path, "good.wav"))
    assert report.imported == 1
    assert [problem.code for _, problem in report.failed] == [code]


def test_a_pipe_is_refused(run, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert failures(run(write_manifest(tmp_path, "pipe.wav"))) == [("pipe.wav", "file_not_regular")]


def test_an_absurd_modification_time_is_accepted(run, tmp_path):
    tone(tmp_path / "a.wav")
    os.utime(tmp_path / "a.wav", ns=(0, 2**33 * 10**9))
    assert run(write_manifest(tmp_path, "a.wav")).imported == 1


def test_a_file_that_disappears_during_profiling_fails(run, tmp_path):
    tone(tmp_path / "a.wav")
    tone(tmp_path / "b.wav", hz=900)

    class Ear(DummyEar):
        def classify_windows(self, waveforms):
            (tmp_path / "a.wav").unlink(missing_ok=True)
            return super().classify_windows(waveforms)

    report = run(write_manifest(tmp_path, "a.wav", "b.wav"), ear=Ear())
    assert failures(report) == [("a.wav", "file_missing")]
    assert [clip.path for clip in Clip.objects.all()] == ["b.wav"]


def test_a_bug_of_the_decoder_affects_only_its_file(run, tmp_path, pool, monkeypatch):
    tone(tmp_path / "a.wav")
    tone(tmp_path / "b.wav", hz=900)
    submit = pool.submit_recording

    def faulty(path, **options):
        future = submit(path, **options)
        if path.name == "a.wav":
            future.result()
            future = Future()
            future.set_exception(RuntimeError("a fault\nwith a traceback"))
        return future

    monkeypatch.setattr(pool, "submit_recording", faulty)
    report = run(write_manifest(tmp_path, "a.wav", "b.wav"))
    assert (failures(report), report.imported) == ([("a.wav", "decoder_fault")], 1)


def test_the_stored_suffix_comes_from_the_format(run, tmp_path):
    tone(tmp_path / "a.wav")
    (tmp_path / "a.wav").rename(tmp_path / "page.html")
    run(write_manifest(tmp_path, "page.html"))
    assert str(Clip.objects.get().original.name).endswith(".wav")


KILLED_IMPORT = """
import os, signal, sys, django
django.setup()
from pathlib import Path
from django.conf import settings
settings.MEDIA_ROOT = Path(sys.argv[1])
from retrieval.storage import content_store
def die(self, target):
    os.kill(os.getpid(), signal.SIGKILL)
Path.replace = die
content_store.keep(Path(sys.argv[2]), folder="recordings", sha256="ab" * 32, suffix=".wav")
"""


def test_a_killed_copy_leaves_no_partial_file(tmp_path, media_root):
    tone(tmp_path / "a.wav")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IMPORT, str(media_root), str(tmp_path / "a.wav")],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.test"},
        cwd=Path(content_store.__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL
    name = content_store.keep(
        tmp_path / "a.wav", folder="recordings", sha256="ab" * 32, suffix=".wav"
    )
    with default_storage.open(name) as stream:
        assert stream.read() == (tmp_path / "a.wav").read_bytes()


def test_a_failed_file_is_retried(run, tmp_path):
    source = write_manifest(tmp_path, "a.wav")
    assert failures(run(source)) == [("a.wav", "file_missing")]
    tone(tmp_path / "a.wav")
    assert run(source).imported == 1
    assert ImportItem.objects.get().outcome == "imported"


def test_an_interrupted_import_is_resumed(run, tmp_path):
    names = [f"{i}.wav" for i in range(10)]
    for i, name in enumerate(names):
        tone(tmp_path / name, hz=200 + 50 * i)
    source = write_manifest(tmp_path, *names)

    class InterruptionError(Exception):
        pass

    def interrupt(report):
        if report.imported >= 4:
            raise InterruptionError

    with pytest.raises(InterruptionError):
        run(source, on_progress=interrupt)
    assert Clip.objects.count() == 4
    report = run(source)
    assert (report.imported, report.duplicates) == (6, 4)
    assert ClipProfile.objects.count() == 10


def test_a_recording_that_browsers_cannot_play_gets_a_preview(run, tmp_path):
    t = np.arange(16_000) / 8_000
    soundfile.write(tmp_path / "a.aiff", 0.3 * np.sin(2 * np.pi * 440 * t), 8_000)
    run(write_manifest(tmp_path, "a.aiff"))
    clip = Clip.objects.get()
    assert clip.played_media_type == "audio/mpeg"
    with default_storage.open(clip.played_name) as stream:
        data, rate = soundfile.read(stream)
    spectrum = np.abs(np.fft.rfft(data))
    assert spectrum.argmax() * rate / len(data) == pytest.approx(440, abs=2)


def test_a_folder_is_imported_with_an_unknown_licence(run, tmp_path):
    tone(tmp_path / "rain/on_roof.wav")
    run(tmp_path / "rain")
    clip = Clip.objects.get()
    assert (clip.title, clip.license, clip.collection) == ("On roof", "unknown", "rain")


def test_progress_is_reported_after_each_group(run, tmp_path):
    for i in range(9):
        tone(tmp_path / f"{i}.wav", hz=200 + 50 * i)
    seen = []
    run(
        write_manifest(tmp_path, *(f"{i}.wav" for i in range(9))),
        on_progress=lambda report: seen.append(report.settled),
    )
    assert seen == sorted(seen)
    assert {4, 8, 9} <= set(seen)


def test_a_recording_is_decoded_once_for_all_models(run, tmp_path, pool, monkeypatch):
    """Each file is decoded once, into one waveform per sample rate."""
    for i in range(3):
        tone(tmp_path / f"{i}.wav", hz=300 * (i + 1), seconds=6)
    decoded = []
    submit = pool.submit_recording

    def recorded(path, **options):
        decoded.append((path.name, sorted(options["waveform_paths"])))
        return submit(path, **options)

    monkeypatch.setattr(pool, "submit_recording", recorded)
    run(write_manifest(tmp_path, *(f"{i}.wav" for i in range(3))), further=[DUMMY_HEARD])
    assert sorted(decoded) == [(f"{i}.wav", [4_000, 8_000]) for i in range(3)]
    for i, clip in enumerate(Clip.objects.order_by("path")):
        things, sounds = clip.profiles.order_by("space_id")
        assert (things.space_id, sounds.space_id) == ("dummy", "dummy-heard")
        assert things.added_in == sounds.added_in == clip.added_in
        assert [window.start_s for window in things.windows.order_by("position")] == [0, 2, 4]
        assert [window.start_s for window in sounds.windows.order_by("position")] == [0]
        # Five bands of 400 Hz each; a pure tone has all its energy in one.
        (window,) = sounds.windows.all()
        expected = np.eye(5)[300 * (i + 1) // 400]
        np.testing.assert_allclose(window.distribution, expected, atol=0.01)


def test_an_import_stores_sounds_and_flags(run, tmp_path):
    tone(tmp_path / "speech.wav", hz=1000, seconds=6)
    run(write_manifest(tmp_path, "speech.wav"), further=[DUMMY_HEARD])
    clip = Clip.objects.get()
    assert [(sound["key"], sound["name"]) for sound in clip.sounds] == [("s2", "speech")]
    assert clip.sounds[0]["score"] == pytest.approx(1, abs=0.01)
    assert clip.flags == ["speech"]


def test_the_served_copy_has_no_tags(run, tmp_path, client):
    tone(tmp_path / "sea.wav")
    wave = (tmp_path / "sea.wav").read_bytes()
    tag = b"taken at 52.5163N"
    chunk = b"LIST" + (len(tag) + 13).to_bytes(4, "little") + b"INFOICMT"
    chunk += (len(tag) + 1).to_bytes(4, "little") + tag + b"\x00"
    (tmp_path / "sea.wav").write_bytes(
        b"RIFF" + (len(wave) - 8 + len(chunk)).to_bytes(4, "little") + wave[8:] + chunk
    )
    run(write_manifest(tmp_path, "sea.wav", title="Sea"))
    clip = Clip.objects.get()
    for url in (audio_url(clip), download_url(clip)):
        answer = client.get(url)
        assert (answer.status_code, answer["Content-Type"]) == (200, "audio/wav")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"].startswith("sandbox")
        content = b"".join(answer.streaming_content)
        assert content.startswith(b"RIFF")
        assert tag not in content
    with default_storage.open(str(clip.original.name)) as stream:
        assert tag in stream.read()  # the original is unchanged


def test_a_group_is_profiled_while_the_one_before_it_is_stored(run, tmp_path, monkeypatch):
    seconds_group = threading.Event()
    overlaps = []

    class Ear(DummyEar):
        calls = 0

        def classify_windows(self, waveforms):
            self.calls += 1
            if self.calls == 2:
                seconds_group.set()
            return super().classify_windows(waveforms)

    def store(**group):
        overlaps.append(seconds_group.wait(timeout=20))
        store_group(**group)

    monkeypatch.setattr(importer, "store_group", store)
    for number in (1, 2):
        tone(tmp_path / f"{number}.wav", hz=300 * number, seconds=8)  # four windows

    assert run(write_manifest(tmp_path, "1.wav", "2.wav"), ear=Ear()).imported == 2
    assert overlaps == [True, True]
