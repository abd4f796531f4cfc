"""The limits of a decoding process, tested from within a real one."""

from __future__ import annotations

import errno
import logging
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.decoding import messages, syscall_filter
from retrieval.decoding.confinement import LimitState
from retrieval.decoding.limits import DecodingLimits
from retrieval.engine.errors import DecodeError, ImageDecodeError
from retrieval.tests.decoding import confinement_probes as probes
from retrieval.tests.decoding.probing import PATIENCE_S, ProbedPool
from retrieval.tests.engine.toy_photos import PHOTO_LIMITS, encoded, gradient

LIMITS = DecodingLimits(
    photo=PHOTO_LIMITS,
    max_address_space_bytes=1_000_000_000,
    max_written_bytes=1_000_000,
    max_open_files=32,
)


@pytest.fixture(scope="module")
def pool():
    with ProbedPool(processes=1, limits=LIMITS) as decoders:
        yield decoders


def attempt(pool, function, *arguments, **options):
    return pool.probe(function, *arguments, **options).result(PATIENCE_S)


def assert_alive(pool):
    """The pool still decodes photos."""
    assert pool.decode_photo(encoded(gradient(), "PNG")).width_px == 96


def test_address_space(pool):
    assert attempt(pool, probes.take_memory, 100_000_000) == 100_000_000
    with pytest.raises(OSError, match="allocate") as raised:
        attempt(pool, probes.take_memory, LIMITS.max_address_space_bytes)
    assert raised.value.errno == errno.ENOMEM
    assert_alive(pool)


def test_cpu_time(pool):
    with pytest.raises(ImageDecodeError, match="more than 1 s of CPU time") as raised:
        attempt(pool, probes.spin, cpu_s=1)
    assert raised.value.code == "decode_timeout"
    assert_alive(pool)


def test_cpu_time_is_limited_for_each_job(pool):
    """A child uses more CPU time than one job may before it is replaced."""
    for _ in range(3):
        attempt(pool, probes.use_a_thread, cpu_s=0.5)
    with pytest.raises(ImageDecodeError):
        attempt(pool, probes.spin, cpu_s=0.5)


def test_size_of_files(pool, tmp_path):
    attempt(pool, probes.write_much, tmp_path / "small", LIMITS.max_written_bytes)
    with pytest.raises(DecodeError, match="exceeds the limit on file size") as raised:
        attempt(pool, probes.write_much, tmp_path / "large", LIMITS.max_written_bytes + 1)
    assert raised.value.code == "decode_failed"
    assert_alive(pool)


def test_open_files(pool):
    with pytest.raises(OSError, match="Too many open files") as raised:
        attempt(pool, probes.open_many, LIMITS.max_open_files)
    assert raised.value.errno == errno.EMFILE
    assert_alive(pool)


def test_limits_cannot_be_raised(pool):
    """Not even by root."""
    with pytest.raises(RuntimeError, match="not allowed to raise maximum limit"):
        attempt(pool, probes.raise_the_limits)


def test_network(pool):
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(PermissionError):
            attempt(pool, probes.connect, server.getsockname())
        with pytest.raises(PermissionError):
            attempt(pool, probes.send_datagram, server.getsockname())
        server.setblocking(False)  # noqa: FBT003
        with pytest.raises(BlockingIOError):
            server.accept()
    with pytest.raises(PermissionError):
        attempt(pool, probes.open_local_socket)
    assert attempt(pool, probes.set_up_io_uring) == errno.EPERM


@pytest.mark.parametrize("probe", [probes.fork, probes.run_program, probes.become_program])
def test_processes(pool, probe):
    with pytest.raises(PermissionError):
        attempt(pool, probe)
    assert_alive(pool)


def test_other_processes_cannot_be_signalled_or_traced(pool):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        for probe in (probes.kill, probes.bound_another):
            with pytest.raises(PermissionError):
                attempt(pool, probe, bystander.pid)
        assert attempt(pool, probes.trace, bystander.pid) == errno.EPERM
        assert bystander.poll() is None


def test_threads_are_allowed(pool):
    assert attempt(pool, probes.use_a_thread) in pool.child_pids


def test_an_answer_cannot_run_anything_in_the_parent(pool, tmp_path):
    with pytest.raises(ImageDecodeError, match="answer is malformed") as raised:
        attempt(pool, probes.answer_with_a_pickle, tmp_path / "taken over")
    assert raised.value.code == "image_decode_failed"
    assert not (tmp_path / "taken over").exists()
    assert_alive(pool)


@pytest.mark.parametrize(
    "header",
    ["", "no JSON", "[" * 100_000, "[]", "null", '"text"', '{"error": NaN}', '{"error": 1'],
)
def test_an_answer_with_a_malformed_header_is_refused(pool, header):
    with pytest.raises(ImageDecodeError, match="answer is malformed: its header"):
        attempt(pool, probes.answer_with_header, header)


@pytest.mark.parametrize(
    "fields",
    [
        {"error": "SystemExit", "code": "", "detail": ""},
        {"error": "ImageDecodeError", "code": "Not a code!", "detail": ""},
        {"error": "ImageDecodeError", "code": "image_truncated", "detail": 5},
        {"error": "ImageDecodeError", "code": "image_truncated"},
        {"error": "ImageDecodeError", "code": "image_truncated", "detail": "", "more": 1},
        {"error": "ImageDecodeError", "code": "decoder_unavailable", "detail": ""},
        {"error": ["ImageDecodeError"], "code": "", "detail": ""},
    ],
)
def test_an_answer_with_a_malformed_error_is_refused(pool, fields):
    with pytest.raises(ImageDecodeError, match="answer is malformed") as raised:
        attempt(pool, probes.answer, fields)
    assert raised.value.code == "image_decode_failed"


@pytest.mark.parametrize("lengths", [(2, messages.MOST_BYTES), (1_000_001, 0)])
def test_an_answer_cannot_fill_the_parents_memory(pool, lengths):
    with pytest.raises(ImageDecodeError, match=r"answer is malformed: it has \d+ and \d+ bytes"):
        attempt(pool, probes.answer_with_lengths, *lengths)
    assert_alive(pool)


def test_unfinished_answer_times_out(pool):
    with pytest.raises(ImageDecodeError, match="longer than 1 s") as raised:
        attempt(pool, probes.answer_with_lengths, 1_000, 0, timeout_s=1)
    assert raised.value.code == "decode_timeout"
    assert_alive(pool)


def test_each_start_logs_the_limits(caplog):
    caplog.set_level(logging.INFO, logger="retrieval.decoding.pool")
    with ProbedPool(processes=1, limits=LIMITS) as pool:
        assert not pool.limits_found
        pids = [attempt(pool, probes.use_a_thread)]
        os.kill(pids[0], 9)
        pids.append(attempt(pool, probes.use_a_thread))
        found = {limit.name: limit for limit in pool.limits_found}
    assert set(found) == {
        "address space",
        "file size",
        "open files",
        "CPU time",
        "processes",
        "network",
    }
    assert all(limit.in_force for limit in found.values())
    assert found["address space"].detail == "1000 MB"
    lines = [
        record.getMessage() for record in caplog.records if "is limited by" in record.getMessage()
    ]
    assert [f"process {pid} " in line for pid, line in zip(pids, lines, strict=True)] == [True] * 2
    assert all("network (none)" in line and "wall clock" in line for line in lines)


_ON_ANOTHER_MACHINE = """
import platform
platform.machine = lambda: "abacus"
from retrieval.decoding.confinement import confine
from retrieval.decoding.limits import DecodingLimits
from retrieval.tests.engine.toy_photos import PHOTO_LIMITS
limits = DecodingLimits(
    photo=PHOTO_LIMITS,
    max_address_space_bytes=1_000_000_000, max_written_bytes=1_000_000, max_open_files=32
)
for limit in confine(limits):
    print(limit.name, limit.in_force, limit.detail, sep="|")
"""


def test_unsupported_limits_are_reported():
    lines = subprocess.run(
        [sys.executable, "-c", _ON_ANOTHER_MACHINE],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = {name: (held, why) for name, held, why in (line.split("|") for line in lines)}
    reason = f"no filter of system calls for {platform.system()} on abacus"
    assert found["network"] == found["processes"] == ("False", reason)
    assert found["address space"][0] == found["file size"][0] == "True"


def test_missing_limits_are_logged_as_a_warning(caplog):
    with ProbedPool(processes=1, limits=LIMITS) as pool:
        child = pool._children[0]
        child.limits_found = (
            LimitState("network", in_force=False, detail="no filter"),
            LimitState("open files", in_force=True, detail="32"),
        )
        child._report()
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "WITHOUT limits on network (no filter)" in warning.getMessage()
    assert "open files" not in warning.getMessage()


def test_every_architecture_has_a_well_formed_filter():
    for machine in syscall_filter._MACHINES.values():
        steps = syscall_filter._instructions(machine, 4711)
        for place, (code, if_true, if_false, _) in enumerate(steps):
            if code != syscall_filter._RETURN:
                assert place + 1 + max(if_true, if_false) < len(steps)
        assert steps[-1] == syscall_filter._answer(syscall_filter._ALLOW)
