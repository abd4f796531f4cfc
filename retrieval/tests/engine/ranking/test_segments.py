from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval.engine.ranking import segment_folder
from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.rows import IndexFolder
from retrieval.engine.ranking.segments import open_segment
from retrieval.tests.engine.ranking.indexes import (
    entries,
    float64_order,
    folder_of,
    found,
    random_query,
    random_rows,
)

ROOT = Path(__file__).parents[4]


def test_segments_grow_with_the_library_and_stay_few(few_rows, tmp_path, rng):
    parts = [random_rows(rng, 60, 7, "mixtures") for _ in range(12)]
    folder = folder_of(tmp_path / "index", *parts)
    segments = folder.open().segments.segments()
    assert [one.start for one in segments] == [0, *(one.stop for one in segments[:-1])]
    assert segments[-1].stop == 720
    assert len(segments) <= 4
    assert folder.open().segments.build(folder.open().rows) is False


def test_a_search_uses_segments_that_are_built_after_it_was_opened(few_rows, tmp_path, rng):
    rows = random_rows(rng, 400, 7, "mixtures")
    folder = folder_of(tmp_path / "index", rows, build=False)
    ranker = folder.open()
    assert ranker.segments.segments() == ()
    IndexFolder(tmp_path / "index", columns=7, classes=1).upkeep()
    assert [one.stop for one in ranker.segments.segments()] == [400]


def test_superseded_segments_are_removed_when_nobody_has_them_open(few_rows, tmp_path, rng):
    first, second = (random_rows(rng, 100, 7, "mixtures") for _ in range(2))
    folder = folder_of(tmp_path / "index", first)
    in_use = open_segment(folder.open().segments.segments()[0].path, columns=7)
    folder.append(entries(second, first=101), snapshot=2)
    folder.upkeep()
    assert in_use.path.exists()
    path = in_use.path
    del in_use
    assert folder.upkeep_due
    folder.upkeep()
    assert not path.exists()
    assert not folder.upkeep_due


@pytest.mark.parametrize("name", ["codes.u8", "tops.u8", "order.i32", "segment.json"])
@pytest.mark.parametrize("damage", ["truncated", "changed", "missing"])
def test_damaged_codes_change_no_result_and_are_built_again(
    few_rows, tmp_path, rng, monkeypatch, name, damage
):
    rows = random_rows(rng, 600, 33, "mixtures")
    folder = folder_of(tmp_path / "index", rows)
    query = random_query(rng, 33, "flat tail")
    path = folder.open().segments.segments()[0].path / name
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        path.write_bytes(bytes(byte ^ 0x55 for byte in content))
    monkeypatch.setattr(segment_folder, "_verified", set())  # as in a new process
    again = IndexFolder(tmp_path / "index", columns=33, classes=1)
    assert again.upkeep_due
    again.upkeep()
    assert found(again.open(), query, top=5) == float64_order(rows, query, top=5)
    names = [one.path.name for one in again.open().segments.segments()]
    assert names
    assert names != [path.parent.name]


def test_codes_that_are_damaged_during_use_are_noticed_by_a_search(few_rows, tmp_path, rng):
    """Bounds that are too low would hide clips; one too low for a clip that is read shows it."""
    rows = random_rows(rng, 600, 33, "mixtures")
    folder = folder_of(tmp_path / "index", rows)
    ranker = folder.open()
    codes = ranker.segments.segments()[0].path / "codes.u8"
    content = np.fromfile(codes, np.uint8)
    (content // 2).tofile(codes)
    for _ in range(20):
        query = random_query(rng, 33, "flat tail")
        assert found(ranker, query, top=5) == float64_order(rows, query, top=5)
    assert ranker.segments.segments() == ()


def test_rows_that_contradict_their_codes_are_reported(few_rows, tmp_path, rng):
    rows = random_rows(rng, 600, 33, "mixtures")
    folder = folder_of(tmp_path / "index", rows)
    with (folder.path / "rows.f32").open("r+b") as stream:
        stream.write(np.full(600 * 33, 5, np.float32).tobytes())
    with pytest.raises(IndexDamagedError, match="above the bound"):
        folder.open().rank(random_query(rng, 33, "flat tail"), top=5)


def test_segments_that_leave_a_gap_are_not_used(few_rows, tmp_path, rng):
    rows, query = random_rows(rng, 400, 7), random_query(rng, 7, "signed")
    folder = folder_of(tmp_path / "index", rows[:300], rows[300:])
    index = folder.open()
    _, second = index.segments.segments()
    (index.segments.path / "segments.json").write_text(json.dumps([second.path.name]))
    ranker = IndexFolder(folder.path, columns=7, classes=1).open()
    assert ranker.segments.segments() == ()
    assert found(ranker, query, top=9) == float64_order(rows, query, top=9)


def test_cleared_rows_do_not_keep_their_segments(few_rows, tmp_path, rng):
    rows = random_rows(rng, 300, 7, "mixtures")
    folder = folder_of(tmp_path / "index", rows)
    old = folder.open()
    folder.clear()
    folder.append(entries(-rows[:1]), snapshot=1)
    assert folder.open().segments.segments() == ()
    query = random_query(rng, 7, "signed")
    assert found(old, query, top=9) == float64_order(rows, query, top=9)
    assert folder.upkeep_due
    del old
    folder.upkeep()
    assert len(list(folder.path.glob("segments-*"))) <= 1
    assert not folder.upkeep_due


BUILDER = """
import os, signal, sys
from pathlib import Path
from retrieval.engine.ranking import files, segment_folder, segments
from retrieval.engine.ranking.rows import IndexFolder
segment_folder.FEWEST_ROWS = 1
path, stage = sys.argv[1:]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
match stage:
    case "codes": segments._write_codes = die
    case "place": Path.rename = die
    case "list": segment_folder.replace_file = die
    case "swap": Path.replace = die
    case "removal": segment_folder.SegmentFolder._remove_unused = die
print("ready", flush=True)
sys.stdin.readline()
IndexFolder(Path(path), columns=33, classes=1).upkeep()
"""


def builder(path, stage):
    """A process that builds what is missing once it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUILDER, path, stage],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("stage", ["codes", "place", "list", "swap", "removal"])
def test_a_builder_that_is_killed_leaves_an_index_that_serves(few_rows, tmp_path, rng, stage):
    first, second = (random_rows(rng, 200, 33) for _ in range(2))
    rows, query = np.concatenate([first, second]), random_query(rng, 33)
    folder = folder_of(tmp_path / "index", first)
    folder.append(entries(second, first=201), snapshot=2)
    serving = folder.open()
    with builder(folder.path, stage) as process:
        process.communicate("go\n")
        assert process.returncode == -signal.SIGKILL
    fresh = IndexFolder(folder.path, columns=33, classes=1)
    built = 400 if stage == "removal" else 200
    assert [one.stop for one in fresh.open().segments.segments()] == [built]
    for ranker in (serving, fresh.open()):
        assert found(ranker, query, top=9) == float64_order(rows, query, top=9)
    del serving, ranker, folder
    fresh.upkeep()
    fresh.upkeep()
    assert [one.stop for one in fresh.open().segments.segments()] == [400]
    kept = [one for one in fresh.open().segments.path.iterdir() if one.is_dir()]
    assert len(kept) == 1


def test_two_builders_at_once_end_in_one_index(few_rows, tmp_path, rng):
    rows, query = random_rows(rng, 400, 33), random_query(rng, 33)
    folder = folder_of(tmp_path / "index", rows, build=False)
    with builder(folder.path, "") as one, builder(folder.path, "") as other:
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        assert (one.wait(), other.wait()) == (0, 0)
    ranker = folder.open()
    assert [one.stop for one in ranker.segments.segments()] == [400]
    assert found(ranker, query, top=9) == float64_order(rows, query, top=9)
    assert len([one for one in ranker.segments.path.iterdir() if one.is_dir()]) == 1
