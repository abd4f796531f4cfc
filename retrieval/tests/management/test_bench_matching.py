"""The benchmark of ranking: the true order, what it reports, and how the command starts it."""

import json
import subprocess
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from benchmarks.matching.__main__ import as_text
from benchmarks.matching.exact import SPARE, exact_ranking, recall
from benchmarks.matching.peers.registry import PEERS
from benchmarks.matching.run import Result, Run

TOP = 10


def chunks(rows, size):
    return ((start, rows[start : start + size]) for start in range(0, len(rows), size))


@pytest.mark.parametrize("size", [7, 100, 1000])
def test_the_true_order_is_that_of_float64_with_ties_by_position(size):
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((1000, 40)).astype(np.float32)
    best = (rows.astype(np.float64) @ np.ones(40)).argmax()
    rows[[3, 500, 999]] = rows[best]  # in other places, BLAS sums in another order
    queries = np.vstack([np.ones(40), rng.random((30, 40))])
    found = exact_ranking(chunks(rows, size), queries, top=TOP)
    for query, positions, scores in zip(queries, found.positions, found.scores, strict=True):
        expected = (rows * query).sum(axis=1)
        order = np.lexsort((np.arange(1000), -expected))[:TOP]
        np.testing.assert_array_equal(positions, order)
        np.testing.assert_array_equal(scores, expected[order])
    assert list(found.positions[0][:4]) == sorted({3, 500, 999, int(best)})


def test_more_ties_than_are_kept_are_an_error_not_a_guess():
    rows = np.ones((1000, 8), dtype=np.float32)
    with pytest.raises(ValueError, match=f"more than {SPARE} rows tie"):
        exact_ranking(chunks(rows, 100), np.ones((1, 8)), top=TOP)


def test_recall_is_the_mean_share_found_in_any_order():
    true = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert recall(np.array([[4, 3, 2, 1], [5, 6, 0, 0]]), true) == 0.75


def result(**changes):
    facts: dict[str, Any] = {
        "settings": "", "queries": 5, "ms_p50": 1.5, "ms_p95": 2.0, "cpu_ms": 2.5,
        "recall_at_10": 1.0, "exact": True, "resident_bytes": 123, "build_seconds": 4.0,
        "more": {"batch_ms": 0.5},
    }  # fmt: skip
    return Result(**facts | changes)


def test_the_report_names_absent_peers_and_why():
    absent = {name: f"why not {name}" for name in PEERS if name != "numpy"}
    found = Run(5000, 5, "paper", {"engine": result(), "numpy": result(ms_p50=30.0)}, absent)
    report = json.loads(json.dumps(found.as_json()))
    assert {
        "clips": 5000, "queries": 5, "engine_ms_p50": 1.5, "engine_ms_p95": 2.0,
        "numpy_ms_p50": 30.0, "faiss_flat_ms_p50": None, "faiss_fp16_ms_p50": None,
        "usearch_ms_p50": None, "pgvector_ms_p50": None, "recall_at_10": 1.0, "exact": True,
        "resident_bytes": 123, "build_seconds": 4.0, "engine_batch_ms": 0.5,
    }.items() <= report.items()  # fmt: skip
    text = as_text(found)
    assert all(why in text for why in absent.values())


def test_the_command_passes_its_options_on(monkeypatch):
    started = []

    def record(command, **options):
        started.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", record)
    call_command("bench_matching", clips="5000", peers="none", json=True)
    assert started == [["-m", "benchmarks.matching", "--clips=5000", "--peers=none", "--json"]]


def test_the_command_fails_as_the_benchmark_does(monkeypatch):
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 2)
    )
    with pytest.raises(SystemExit) as caught:
        call_command("bench_matching")
    assert caught.value.code == 2
