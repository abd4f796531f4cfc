from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest
from PIL import Image

from retrieval.engine.errors import AudioDecodeError, ImageDecodeError
from retrieval.engine.photos.images import centre_square
from retrieval.engine.recordings.waveforms import open_waveform
from retrieval.tests.decoding import decoding_probes as probes
from retrieval.tests.decoding.probing import LIMITS, PATIENCE_S, ProbedPool
from retrieval.tests.engine.toy_photos import encoded, gradient, png
from retrieval.tests.engine.toy_sounds import noise, sine, written, written_by_ffmpeg

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pool():
    with ProbedPool(processes=2) as decoders:
        yield decoders


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


# --- photos and recordings ---------------------------------------------------------------------


@pytest.mark.parametrize("as_file", [True, False])
def test_photo_is_decoded_to_views_and_facts(pool, tmp_path, as_file):
    upload = encoded(gradient(640, 480), "PNG")
    (tmp_path / "photo").write_bytes(upload)
    photo = pool.decode_photo(tmp_path / "photo" if as_file else upload)
    whole = gradient(640, 480)
    ends = [whole.crop((left, 0, left + 480, 480)) for left in (0, 160)]
    expected = [np.asarray(part.resize((224, 224), Image.Resampling.BICUBIC)) for part in ends]
    assert photo.views.dtype == np.uint8
    assert np.array_equal(photo.views[0], centre_square(whole, 224))
    assert np.array_equal(photo.views[1:3], expected)
    squeezed = np.asarray(whole.resize((224, 224), Image.Resampling.BICUBIC))
    assert np.array_equal(photo.views[3:], [squeezed])
    assert (photo.width_px, photo.height_px) == (640, 480)
    assert photo.media_type == "image/png"
    assert photo.sha256 == hashlib.sha256(upload).hexdigest()
    web = Image.open(BytesIO(photo.web_image))
    assert (web.format, web.size) == ("JPEG", (640, 480))


def test_square_photo_has_one_view(pool):
    photo = pool.decode_photo(encoded(gradient(300, 300), "PNG"))
    assert np.array_equal(photo.views, [centre_square(gradient(300, 300), 224)])


def test_size_is_that_of_the_upright_photo(pool):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = pool.decode_photo(encoded(gradient(320, 200), "JPEG", exif=exif.tobytes()))
    assert (photo.width_px, photo.height_px) == (200, 320)


@pytest.mark.parametrize(
    ("upload", "code"),
    [
        (b"", "file_empty"),
        (b"text", "unsupported_media_type"),
        (png(65_535, 65_535), "image_too_many_pixels"),
        (encoded(gradient(640, 480), "JPEG")[:5_000], "image_truncated"),
    ],
)
def test_bad_photo_is_refused_with_its_code(pool, upload, code):
    with pytest.raises(ImageDecodeError) as raised:
        pool.decode_photo(upload)
    assert raised.value.code == code
    assert raised.value.detail


def test_missing_photo_is_refused(pool, tmp_path):
    with pytest.raises(ImageDecodeError, match="cannot be read"):
        pool.decode_photo(tmp_path / "nowhere.jpg")


def test_recording_is_decoded_to_facts_and_waveforms(pool, tmp_path):
    path = written(tmp_path / "x", sine(1), file_format="FLAC", subtype="PCM_16")
    waveforms = {rate: tmp_path / f"{rate}.f32" for rate in (16_000, 22_050)}
    facts = pool.submit_recording(
        path, waveform_paths=waveforms, preview_path=tmp_path / "preview"
    ).result(PATIENCE_S)
    assert facts.duration_s == 1
    assert {rate: len(open_waveform(waveform)) for rate, waveform in waveforms.items()} == {
        16_000: 16_000,
        22_050: 22_050,
    }
    assert facts.preview_path == tmp_path / "preview.flac"  # the same sound without its tags
    assert {file.name for file in tmp_path.iterdir()} == {
        "x",
        "16000.f32",
        "22050.f32",
        "preview.flac",
    }


def test_recording_that_browsers_cannot_play_gets_a_preview(pool, tmp_path):
    """Its loudness is the preview's: eight equal channels are mixed down to two."""
    path = written(tmp_path / "x", sine(2, channels=8), subtype="PCM_16")
    facts = pool.submit_recording(
        path, waveform_paths={22_050: tmp_path / "w"}, preview_path=tmp_path / "preview"
    ).result(PATIENCE_S)
    assert facts.preview_path == tmp_path / "preview.mp3"
    assert facts.preview_path.stat().st_size > 1_000
    assert facts.channels == 8
    stereo = pool.submit_recording(
        written(tmp_path / "y", sine(2, channels=2), subtype="PCM_16"), waveform_paths={}
    ).result(PATIENCE_S)
    assert facts.loudness_lufs == pytest.approx(stereo.loudness_lufs, abs=0.2)


def test_bad_recording_leaves_no_files(pool, tmp_path):
    path = written(tmp_path / "x", noise(5), file_format="FLAC", subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:100_000])
    future = pool.submit_recording(
        path, waveform_paths={22_050: tmp_path / "w"}, preview_path=tmp_path / "p"
    )
    with pytest.raises(AudioDecodeError) as raised:
        future.result(PATIENCE_S)
    assert raised.value.code == "audio_truncated"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_limits_reach_the_children():
    limits = replace(LIMITS, photo=replace(LIMITS.photo, max_pixels=1_000))
    with (
        ProbedPool(processes=1, limits=limits) as pool,
        pytest.raises(ImageDecodeError, match="at most 1000"),
    ):
        pool.decode_photo(encoded(gradient(), "PNG"))


# --- crashes, timeouts, memory ------------------------------------------------------------------


def test_crash_fails_its_own_job_only(pool):
    crashes = [pool.probe(probes.crash) for _ in range(5)]
    others = [pool.probe(probes.nap, 0.05) for _ in range(10)]
    for crash in crashes:
        with pytest.raises(ImageDecodeError, match="SIGSEGV") as raised:
            crash.result(PATIENCE_S)
        assert raised.value.code == "image_decode_failed"
    assert all(other.result(PATIENCE_S) for other in others)


def test_crash_with_a_recording_has_its_own_code(pool, tmp_path):
    future = pool.probe(probes.crash, failure=AudioDecodeError)
    with pytest.raises(AudioDecodeError) as raised:
        future.result(PATIENCE_S)
    assert raised.value.code == "audio_decode_failed"


def test_hanging_job_is_stopped_and_its_files_removed(pool, tmp_path):
    half = tmp_path / "half-written"
    future = pool.probe(probes.hang, half, timeout_s=0.5, written=(half,))
    with pytest.raises(ImageDecodeError, match=r"longer than 0\.5 s") as raised:
        future.result(PATIENCE_S)
    assert raised.value.code == "decode_timeout"
    assert not half.exists()
    assert pool.probe(probes.pid).result(PATIENCE_S)


def test_excessive_memory_fails_its_own_job_only(pool):
    hog, other = pool.probe(probes.exhaust_memory), pool.probe(probes.pid)
    with pytest.raises(ImageDecodeError, match="more memory"):
        hog.result(PATIENCE_S)
    assert other.result(PATIENCE_S)


def test_death_of_idle_children_affects_no_job(pool):
    pool.warm()
    for pid in pool.child_pids:
        os.kill(pid, signal.SIGKILL)
    assert pool.decode_photo(encoded(gradient(), "PNG")).width_px == 96


def test_children_are_replaced_after_so_many_jobs():
    with ProbedPool(processes=1, limits=replace(LIMITS, jobs_per_child=3)) as pool:
        pids = [pool.probe(probes.pid).result(PATIENCE_S) for _ in range(7)]
    assert len(set(pids)) == 3
    assert pids[0] == pids[2] != pids[3]


def test_unexpected_errors_are_not_decode_errors(pool):
    with pytest.raises(RuntimeError, match=r"KeyError\('a bug'\)[\s\S]*raise_an_unexpected_error"):
        pool.probe(probes.raise_an_unexpected_error).result(PATIENCE_S)
    with pytest.raises(OSError, match="No space left") as raised:
        pool.probe(probes.find_the_disk_full).result(PATIENCE_S)
    assert raised.value.errno == 28


def test_wait_for_a_decoder_is_limited():
    limits = replace(LIMITS, queue_timeout_s=0.1, photo_timeout_s=0.1)
    with ProbedPool(processes=1, limits=limits) as pool:
        busy = pool.probe(probes.nap, 1)
        with pytest.raises(ImageDecodeError, match="no decoder was free") as raised:
            pool.decode_photo(encoded(gradient(), "PNG"))
        assert busy.result(PATIENCE_S)
    assert raised.value.code == "decoder_busy"


def test_photos_beyond_those_that_wait_are_refused_at_once():
    limits = replace(LIMITS, most_waiting=1)
    photo = encoded(gradient(), "PNG")
    with ProbedPool(processes=1, limits=limits) as pool, ThreadPoolExecutor(3) as visitors:
        busy = pool.probe(probes.nap, 1)
        waiting = [visitors.submit(pool.decode_photo, photo) for _ in range(3)]
        refused = next(as_completed(waiting))
        assert not busy.done()
        with pytest.raises(ImageDecodeError, match="1 photos wait for a decoder") as raised:
            refused.result()
        assert raised.value.code == "decoder_busy"
        assert [each.exception() is None for each in waiting].count(True) == 2
        pool.decode_photo(photo)  # the places are free again


def damaged(data: bytes, random: Random) -> bytes:
    """Change a few bytes, mostly of the header, delete some, or truncate the file."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 8))):
        place = random.randrange(min(len(changed), random.choice((400, len(changed)))))
        kind = random.randrange(4)
        if kind == 0:
            changed[place] = random.randrange(256)
        elif kind == 1:
            changed[place : place + 4] = random.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)))
        elif kind == 2:
            del changed[place : place + random.randrange(1, 32)]
        else:
            changed = changed[: max(400, place)]
    return bytes(changed)


def test_damaged_recordings_decode_or_have_a_code(pool, tmp_path):
    random = Random(20261123)
    whole = [
        *(
            written(tmp_path / "x", noise(0.6), file_format=name, subtype=subtype).read_bytes()
            for name, subtype in [("W64", "PCM_16"), ("CAF", "ALAC_16"), ("WAV", "IMA_ADPCM")]
        ),
        *(
            written_by_ffmpeg(
                tmp_path / "x", noise(0.6), file_format=name, codec=codec
            ).read_bytes()
            for name, codec in [("asf", "wmav2"), ("ipod", "aac"), ("matroska", "pcm_s16le")]
        ),
    ]
    outcomes: Counter[str] = Counter()
    for number, data in enumerate(whole * 40):
        path = tmp_path / str(number)
        path.write_bytes(damaged(data, random))
        try:
            pool.submit_recording(path, waveform_paths={}).result(PATIENCE_S)
            outcomes["ok"] += 1
        except AudioDecodeError as error:
            outcomes[error.code] += 1
    assert {"ok", "audio_decode_failed", "audio_truncated"} <= set(outcomes)


# --- environment of the children ----------------------------------------------------------------


def test_children_import_no_database_and_no_models(pool):
    loaded = {name.partition(".")[0] for name in pool.probe(probes.modules).result(PATIENCE_S)}
    assert {"retrieval", "numpy", "PIL", "av"} <= loaded
    assert not loaded & {"django", "celery", "psycopg2", "redis", "tensorflow", "keras", "librosa"}


def test_children_are_confined(pool):
    assert pool.probe(probes.limits).result(PATIENCE_S) == {
        "RLIMIT_CORE": 0,
        "RLIMIT_AS": LIMITS.max_address_space_bytes,
        "RLIMIT_FSIZE": LIMITS.max_written_bytes,
        "RLIMIT_NOFILE": LIMITS.max_open_files,
    }


def test_children_do_not_receive_ctrl_c(pool):
    """A terminal sends it to the foreground process group only."""
    assert pool.probe(probes.process_group).result(PATIENCE_S) != os.getpgid(0)


def test_children_share_the_priority_of_the_session(pool):
    """In their own session, the scheduler would give them an equal share of the processors."""
    assert pool.probe(probes.session).result(PATIENCE_S) == os.getsid(0)


def test_children_inherit_no_secrets(pool, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://owner:secret@localhost/x")
    with ProbedPool(processes=1) as fresh:
        environment = fresh.probe(probes.environment).result(PATIENCE_S)
    assert "DATABASE_URL" not in environment
    assert "PATH" in environment


def test_as_many_jobs_run_at_once_as_there_are_processes():
    with ProbedPool(processes=3) as pool:
        futures = [pool.probe(probes.nap, 0.4) for _ in range(3)]
        assert len({future.result(PATIENCE_S) for future in futures}) == 3


# --- shutdown ------------------------------------------------------------------------------------


def test_leaving_the_block_finishes_submitted_jobs():
    with ProbedPool(processes=1) as pool:
        futures = [pool.probe(probes.nap, 0.05) for _ in range(4)]
        pids = {future.result(PATIENCE_S) for future in futures[:1]}
    assert all(future.result(0) for future in futures)
    assert pool.child_pids == []
    assert not any(alive(pid) for pid in pids)


def test_leaving_the_block_by_an_exception_stops_jobs(tmp_path):
    half = tmp_path / "half-written"
    with pytest.raises(KeyboardInterrupt), ProbedPool(processes=1) as pool:  # noqa: PT012
        running = pool.probe(probes.hang, half, written=(half,))
        waiting = pool.probe(probes.pid)
        eventually(half.exists)
        pids = pool.child_pids
        raise KeyboardInterrupt
    with pytest.raises(ImageDecodeError) as raised:
        running.result(0)
    assert raised.value.code == "decoding_stopped"
    with pytest.raises(CancelledError):
        waiting.result(0)
    assert not half.exists()
    assert pids
    assert not any(alive(pid) for pid in pids)


_PARENT = """
import sys
from retrieval.tests.decoding import decoding_probes as probes
from retrieval.tests.decoding.probing import ProbedPool

pool = ProbedPool(processes=2)
for future in [pool.probe(probes.nap, 0.2) for _ in range(2)]:
    future.result()
pool.probe(probes.hang, timeout_s=600)  # one child is busy, one idle
print(*pool.child_pids, flush=True)
sys.stdin.read()
"""


def test_no_child_outlives_a_killed_parent():
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        family = psutil.Process(parent.pid).children(recursive=True)
        assert {child.pid for child in family} == set(children)
        parent.kill()
    eventually(lambda: not any(alive(pid) for pid in children))


_CELERY_CHILD = """
import billiard
from retrieval.decoding.pool import DecodingPool
from retrieval.tests.decoding.probing import LIMITS
from retrieval.tests.engine.toy_photos import encoded, gradient

def work():
    with DecodingPool(processes=1, limits=LIMITS) as pool:
        print(pool.decode_photo(encoded(gradient(), "PNG")).width_px, flush=True)

child = billiard.Process(target=work, daemon=True)  # as Celery's prefork pool starts its own
child.start()
child.join(60)
"""


def test_pool_works_in_a_process_of_celerys_pool():
    finished = subprocess.run(
        [sys.executable, "-c", _CELERY_CHILD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (finished.stdout, finished.stderr) == ("96\n", "")
