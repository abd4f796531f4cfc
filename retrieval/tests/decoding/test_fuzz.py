"""The fuzzer is deterministic and keeps the files that kill a child."""

from __future__ import annotations

from itertools import cycle
from random import Random

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import Fuzzer, Seeds, judge, mutated
from retrieval.tests.decoding import decoding_probes as probes
from retrieval.tests.decoding.probing import ProbedPool
from retrieval.tests.engine.toy_photos import encoded, gradient

PHOTO = encoded(gradient(), "PNG")
SEEDS = Seeds({"a.png": PHOTO}, {"a.wav": b"RIFF" + bytes(200)})


@pytest.fixture(scope="module")
def pool():
    with ProbedPool(processes=1) as pool:
        yield pool


def fuzzer_of(pool, folder, *, seed):
    return Fuzzer(pool=pool, seeds=SEEDS, seed=seed, folder=folder)


def test_seed_and_number_determine_the_file(pool, tmp_path):
    one, again, other = (fuzzer_of(pool, tmp_path, seed=seed) for seed in (7, 7, 8))
    files = [one.file(number) for number in range(40)]
    assert files == [again.file(number) for number in range(40)]
    assert files != [other.file(number) for number in range(40)]
    assert len({data for _, data, _ in files}) > 35
    assert {is_photo for _, _, is_photo in files} == {True, False}


def test_every_mutation_changes_the_file():
    for change in set(fuzz._CHANGES):
        random = Random(3)
        changed = bytearray(PHOTO)
        for _ in range(5):
            change(changed, random.randrange(200), random, PHOTO[::-1])
        assert changed != PHOTO, change.__name__
    assert all(mutated(b"x", Random(n), other=b"") is not None for n in range(200))


def test_dead_child_is_distinguished_from_a_damaged_file(pool):
    assert judge(pool.probe(probes.pid)).code == "decoded"
    damaged = judge(pool.submit_photo(PHOTO[:60]))
    assert (damaged.killed, damaged.fault) == (False, False)
    death = judge(pool.probe(probes.crash))
    assert (death.code, death.killed, death.fault) == ("image_decode_failed", True, False)
    fault = judge(pool.probe(probes.raise_an_unexpected_error))
    assert (fault.code, fault.killed, fault.fault) == ("fault", False, True)
    assert "a bug" in fault.detail


def test_only_files_that_kill_a_child_are_kept(pool, tmp_path, monkeypatch):
    work, keep = tmp_path / "work", tmp_path / "kept"
    work.mkdir()
    fuzzer, fates = fuzzer_of(pool, work, seed=7), cycle((probes.crash, probes.pid))
    for name in ("submit_photo", "submit_recording"):
        monkeypatch.setattr(pool, name, lambda *args, **options: pool.probe(next(fates)))
    fuzzer.run(range(6), ahead=1, keep=keep)
    assert fuzzer.outcomes == {"image_decode_failed": 3, "decoded": 3}
    kept = {fuzzer.file(number)[:2] for number in (0, 2, 4)}
    assert {(path.name, path.read_bytes()) for path in keep.iterdir()} == kept
    assert [line.partition(":")[0] for line in fuzzer.killers] == [
        fuzzer.file(number)[0] for number in (0, 2, 4)
    ]
    assert "SIGSEGV" in fuzzer.killers[0]
    assert list(work.iterdir()) == []
