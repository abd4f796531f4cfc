from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.index import IndexDamagedError, IndexFolder, IndexRow


@pytest.fixture
def folder(tmp_path):
    return IndexFolder(tmp_path / "index", columns=3)


def rows(*clip_ids):
    return [IndexRow(i, np.full(3, -float(i), dtype=np.float32), bias=i / 10) for i in clip_ids]


def test_nothing_appended_yet(folder):
    index = folder.open()
    assert (folder.snapshot, index.rows.shape) == (0, (0, 3))
    with pytest.raises(EngineError, match="library is empty"):
        index.mean_row()


def test_appends_are_kept_in_order_with_snapshot(folder):
    assert folder.append(rows(5, 2), snapshot=3) == 2
    assert folder.append(rows(9), snapshot=4) == 1
    index = folder.open()
    assert index.snapshot == 4
    assert index.clip_ids.tolist() == [5, 2, 9]
    assert index.rows[:, 0].tolist() == [-5, -2, -9]
    assert index.biases.tolist() == [0.5, 0.2, 0.9]
    assert index.row_limit == 9


def test_an_open_index_does_not_change(folder):
    folder.append(rows(1), snapshot=1)
    before = folder.open()
    folder.append(rows(2), snapshot=2)
    assert before.clip_ids.tolist() == [1]
    assert folder.open().clip_ids.tolist() == [1, 2]


def test_what_a_killed_writer_left_is_overwritten(folder):
    folder.append(rows(1), snapshot=1)
    for name in ("rows.f32", "biases.f64", "clip-ids.i64"):
        with (folder.path / name).open("ab") as stream:
            stream.write(b"half a row")
    assert folder.open().clip_ids.tolist() == [1]
    folder.append(rows(2), snapshot=2)
    assert folder.open().rows.tolist() == [[-1, -1, -1], [-2, -2, -2]]


@pytest.mark.parametrize(
    ("bad", "error", "complaint"),
    [
        (IndexRow(7, np.zeros(4, np.float32)), SpaceMismatchError, "clip 7: row"),
        (IndexRow(7, np.full(3, np.nan, np.float32)), EngineError, "clip 7: its row is not finite"),
        (IndexRow(7, np.zeros(3, np.float32), bias=np.inf), EngineError, "not finite"),
    ],
)
def test_a_bad_row_publishes_nothing(folder, bad, error, complaint):
    folder.append(rows(1), snapshot=1)
    with pytest.raises(error, match=complaint):
        folder.append([*rows(2), bad], snapshot=2)
    assert (folder.snapshot, folder.open().clip_ids.tolist()) == (1, [1])


def test_mean_and_ranker_leave_out_removed_clips(folder):
    folder.append(rows(1, 2, 6), snapshot=1)
    index = folder.open()
    assert index.mean_row().tolist() == [-3, -3, -3]
    assert index.mean_row(without=[6]).tolist() == [-1.5, -1.5, -1.5]
    ranked = index.ranker(without=[1]).rank(np.full(3, 1 / 3), top=3)
    assert [place.clip_id for place in ranked] == [2, 6]


def test_a_shortened_file_is_named(folder):
    folder.append(rows(1, 2), snapshot=1)
    (folder.path / "rows.f32").write_bytes(b"1234")
    with pytest.raises(IndexDamagedError, match=r"rows\.f32 does not hold .* delete"):
        folder.open()
    with pytest.raises(IndexDamagedError, match=r"rows\.f32 is shorter"):
        folder.append(rows(3), snapshot=2)


def test_an_index_of_another_matcher_is_refused(folder):
    folder.append(rows(1), snapshot=1)
    with pytest.raises(SpaceMismatchError, match="has 3 columns, the matcher 7"):
        IndexFolder(folder.path, columns=7).open()


HEADER = '{"columns": 3, "count": 1, "snapshot": 1, "row_limit": 1.0, "row_sum": [-1, -1, -1]}'


@pytest.mark.parametrize(
    "header",
    [
        "",
        HEADER[:-9],
        "\x00" * 80,
        "[1, 2]",
        "null",
        "{}",
        HEADER.replace('"count": 1', '"count": -1'),
        HEADER.replace('"snapshot": 1', '"snapshot": "soon"'),
        HEADER.replace("[-1, -1, -1]", "[-1]"),
        HEADER.replace("[-1, -1, -1]", "[-1, -1, NaN]"),
    ],
)
def test_a_header_that_is_none_is_named(folder, header):
    folder.append(rows(1), snapshot=1)
    (folder.path / "header.json").write_text(header)
    with pytest.raises(IndexDamagedError, match=r"header\.json is no header .* delete"):
        folder.open()
    with pytest.raises(IndexDamagedError, match=r"header\.json is no header"):
        folder.append(rows(2), snapshot=2)


def test_the_header_of_that_test_is_one_when_left_alone(folder):
    folder.append(rows(1), snapshot=1)
    (folder.path / "header.json").write_text(HEADER)
    assert folder.open().clip_ids.tolist() == [1]


def test_rows_lie_on_the_disk_before_the_header_that_counts_them(folder, monkeypatch):
    """A power cut keeps what was synced and may keep any of the rest: the order is the promise."""
    events = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor):
        opened = Path(f"/proc/self/fd/{descriptor}").readlink()
        size = opened.stat().st_size if opened.is_file() else None
        events.append((opened.name.strip(".").removesuffix(f".{os.getpid()}"), size))
        fsync(descriptor)

    def seen_replace(path, target):
        events.append(("replaced", None))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    folder.append(rows(1, 2), snapshot=1)
    header_bytes = (folder.path / "header.json").stat().st_size
    assert events == [
        ("rows.f32", 24), ("biases.f64", 16), ("clip-ids.i64", 16),
        ("header.json", header_bytes), ("replaced", None), (folder.path.name, None),
    ]  # fmt: skip


def test_a_cleared_index_begins_anew_and_spares_its_readers(folder):
    folder.append(rows(1, 2), snapshot=5)
    reader = folder.open()
    folder.clear()
    assert folder.snapshot == 0
    folder.append(rows(7), snapshot=1)
    assert reader.rows.tolist() == [[-1, -1, -1], [-2, -2, -2]]
    assert folder.open().clip_ids.tolist() == [7]
