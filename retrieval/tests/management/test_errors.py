"""Which failures of a command become a message, and which keep their traceback."""

from __future__ import annotations

import errno

import pytest
from django.core.management import CommandError
from django.db import IntegrityError, OperationalError

from retrieval.catalogue.manifest import ManifestError
from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.engine.errors import WeightsError
from retrieval.management.errors import RUN_AGAIN, failures_as_command_errors
from retrieval.storage.content_store import StorageFullError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WeightsError("no weights", code="weights_missing"), "no weights [weights_missing]"),
        (ManifestError("no such file"), "no such file"),
        (StorageFullError("disk full"), f"Stopped: disk full [storage_full]. {RUN_AGAIN}"),
        (DecoderUnavailableError("busy", code="busy"), f"Stopped: busy [busy]. {RUN_AGAIN}"),
        (OSError(errno.EIO, "bad disk"), f"Stopped: [Errno 5] bad disk. {RUN_AGAIN}"),
        (OperationalError("connection closed\n"), f"Stopped: connection closed. {RUN_AGAIN}"),
    ],
)  # fmt: skip
def test_expected_failures_become_messages(error, message):
    with pytest.raises(CommandError) as raised, failures_as_command_errors():
        raise error
    assert str(raised.value) == message
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [CommandError("said"), KeyError("bug"), IntegrityError("bug")])
def test_other_exceptions_pass_unchanged(error):
    with pytest.raises(type(error)) as raised, failures_as_command_errors():
        raise error
    assert raised.value is error
