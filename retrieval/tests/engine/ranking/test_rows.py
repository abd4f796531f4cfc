from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.ranker import IndexRow
from retrieval.engine.ranking.rows import IndexFolder


@pytest.fixture
def folder(tmp_path):
    return IndexFolder(tmp_path / "index", columns=3, classes=2)


def rows(*clip_ids):
    return [
        IndexRow(
            clip_id,
            np.full(3, -clip_id, dtype=np.float32),
            np.array([-clip_id / 4, -2.0 * clip_id]),
        )
        for clip_id in clip_ids
    ]


def row(columns=3, log_q=(-1.0, -1.0), **fields):
    """A valid entry with the given changes."""
    values: dict[str, Any] = {
        "clip_id": 7,
        "row": np.zeros(columns, np.float32),
        "log_q": np.array(log_q),
    }
    return IndexRow(**values | fields)


def test_a_new_index_is_empty(folder):
    index = folder.open()
    assert (folder.snapshot, index.rows.shape) == (0, (0, 3))
    assert index.log_q_sum.tolist() == [0, 0]


def test_clips_keep_the_order_of_their_appends(folder):
    assert folder.append(rows(5, 2), snapshot=3) == 2
    assert folder.append(rows(9), snapshot=4) == 1
    index = folder.open()
    assert index.snapshot == 4
    assert index.clip_ids.tolist() == [5, 2, 9]
    assert index.rows[:, 0].tolist() == [-5, -2, -9]
    assert index.max_abs == 9


def test_an_open_index_does_not_change(folder):
    folder.append(rows(1), snapshot=1)
    before = folder.open()
    folder.append(rows(2), snapshot=2)
    assert before.clip_ids.tolist() == [1]
    assert folder.open().clip_ids.tolist() == [1, 2]


def test_bytes_left_by_a_killed_writer_are_overwritten(folder):
    folder.append(rows(1), snapshot=1)
    for name in ("rows.f32", "clip-ids.i64"):
        with (folder.path / name).open("ab") as stream:
            stream.write(b"half a row")
    assert folder.open().clip_ids.tolist() == [1]
    folder.append(rows(2), snapshot=2)
    assert folder.open().rows.tolist() == [[-1, -1, -1], [-2, -2, -2]]


@pytest.mark.parametrize(
    ("bad", "error", "complaint"),
    [
        (row(columns=4), SpaceMismatchError, r"clip 7: row \(4,\), the index has 3 columns"),
        (row(log_q=[-1.0]), SpaceMismatchError, r"clip 7: log q \(1,\), the spaces have 2 classes"),
        (row(log_q=[[-1.0, -1.0]]), SpaceMismatchError, r"clip 7: log q \(1, 2\)"),
        (row(row=np.full(3, np.nan, np.float32)), EngineError, "clip 7: its row is not finite"),
        (row(log_q=[-1.0, -np.inf]), EngineError, "clip 7: its row is not finite"),
    ],
)
def test_an_invalid_row_publishes_nothing(folder, bad, error, complaint):
    folder.append(rows(1), snapshot=1)
    with pytest.raises(error, match=complaint):
        folder.append([*rows(2), bad], snapshot=2)
    assert (folder.snapshot, folder.open().clip_ids.tolist()) == (1, [1])
    assert folder.open().log_q_sum.tolist() == [-0.25, -2.0]


def test_log_q_is_summed_over_all_appends(folder):
    folder.append(rows(1, 2), snapshot=1)
    assert folder.open().log_q_sum.tolist() == [-0.75, -6.0]
    folder.append(rows(6), snapshot=2)
    index = folder.open()
    assert index.log_q_sum.dtype == np.float64
    assert index.log_q_sum.tolist() == [-2.25, -18.0]


def test_the_sum_of_log_q_is_accurate_in_float64(folder, rng):
    """Rows are rounded to float32; the sum is not, even across many appends."""
    log_q = np.log(rng.dirichlet(np.ones(2), size=200))
    for start in range(0, 200, 50):
        entries = [row(clip_id=i, log_q=log_q[i]) for i in range(start, start + 50)]
        folder.append(entries, snapshot=start + 1)
    exact = [math.fsum(column) for column in log_q.T]
    np.testing.assert_allclose(folder.open().log_q_sum, exact, rtol=1e-13)


def test_a_ranker_excludes_removed_clips(folder):
    folder.append(rows(1, 2, 6), snapshot=1)
    ranked = folder.open(without=[1]).rank(np.full(3, 1 / 3), top=3)
    assert [place.clip_id for place in ranked] == [2, 6]


def test_a_truncated_file_is_reported_by_name(folder):
    folder.append(rows(1, 2), snapshot=1)
    (folder.path / "rows.f32").write_bytes(b"1234")
    with pytest.raises(IndexDamagedError, match=r"rows\.f32 does not hold .* delete"):
        folder.open()
    with pytest.raises(IndexDamagedError, match=r"rows\.f32 is shorter"):
        folder.append(rows(3), snapshot=2)


def test_an_index_with_other_columns_is_refused(folder):
    folder.append(rows(1), snapshot=1)
    with pytest.raises(SpaceMismatchError, match="has 3 columns, the matcher 7"):
        IndexFolder(folder.path, columns=7, classes=2).open()


def test_an_index_over_other_spaces_is_reported_as_damaged(folder):
    folder.append(rows(1), snapshot=1)
    other = IndexFolder(folder.path, columns=3, classes=9)
    with pytest.raises(IndexDamagedError, match=r"2 sums for 9 classes\); delete") as caught:
        other.open()
    assert caught.value.code == "index_damaged"
    with pytest.raises(IndexDamagedError, match="2 sums for 9 classes"):
        other.append(rows(2), snapshot=2)


HEADER = (
    '{"generation": "0f0e0d0c0b0a09080706050403020100", "columns": 3, "count": 1, "snapshot": 1, '
    '"max_abs": 1.0, "log_q_sum": [-1, -2]}'
)


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
        HEADER.replace("[-1, -2]", "[-1]"),
        HEADER.replace("[-1, -2]", "[-1, -2, -3]"),
        HEADER.replace("[-1, -2]", "[]"),
        HEADER.replace("[-1, -2]", "[-1, NaN]"),
        HEADER.replace("[-1, -2]", '"-1, -2"'),
        HEADER.replace("log_q_sum", "log_sum"),
        HEADER.replace("max_abs", "row_limit"),
        HEADER.replace("0f0e", "../../"),
    ],
)
def test_a_malformed_header_is_reported(folder, header):
    folder.append(rows(1), snapshot=1)
    (folder.path / "header.json").write_text(header)
    with pytest.raises(IndexDamagedError, match=r"header\.json is malformed .* delete"):
        folder.open()
    with pytest.raises(IndexDamagedError, match=r"header\.json is malformed"):
        folder.append(rows(2), snapshot=2)


def test_the_header_of_that_test_is_valid_unchanged(folder):
    folder.append(rows(1), snapshot=1)
    (folder.path / "header.json").write_text(HEADER)
    index = folder.open()
    assert (index.clip_ids.tolist(), index.log_q_sum.tolist()) == ([1], [-1, -2])


def test_rows_are_synced_before_the_header_that_counts_them(folder, monkeypatch):
    """After a power cut only synced data is certain to exist, so the order matters."""
    events = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor):
        opened = Path(f"/proc/self/fd/{descriptor}").readlink()
        size = opened.stat().st_size if opened.is_file() else None
        events.append((re.sub(r"\.\d+\.\d+$", "", opened.name.strip(".")), size))
        fsync(descriptor)

    def seen_replace(path, target):
        events.append(("replaced", None))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    folder.append(rows(1, 2), snapshot=1)
    header_bytes = (folder.path / "header.json").stat().st_size
    assert events == [
        ("rows.f32", 24), ("clip-ids.i64", 16),
        ("header.json", header_bytes), ("replaced", None), (folder.path.name, None),
    ]  # fmt: skip


def test_a_cleared_index_starts_empty_and_open_readers_keep_their_rows(folder):
    folder.append(rows(1, 2), snapshot=5)
    reader = folder.open()
    folder.clear()
    assert folder.snapshot == 0
    folder.append(rows(7), snapshot=1)
    assert reader.rows.tolist() == [[-1, -1, -1], [-2, -2, -2]]
    assert reader.log_q_sum.tolist() == [-0.75, -6.0]
    index = folder.open()
    assert (index.clip_ids.tolist(), index.log_q_sum.tolist()) == ([7], [-1.75, -14.0])
