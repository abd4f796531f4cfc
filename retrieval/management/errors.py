"""Turn expected failures of a command into messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError

from accounts.services.operators import LastOperatorError
from retrieval.catalogue.benchmark_truth import TruthError
from retrieval.catalogue.manifest import ManifestError
from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.engine.errors import EngineError
from retrieval.storage.content_store import StorageError

RUN_AGAIN: Final = "Finished work is kept; run the same command again to continue."

_PERMANENT: Final = (EngineError, ManifestError, TruthError, LastOperatorError)
_TEMPORARY: Final = (
    OSError,
    StorageError,
    DecoderUnavailableError,
    OperationalError,
    InterfaceError,
)


@contextmanager
def failures_as_command_errors() -> Iterator[None]:
    """Raise a CommandError for refusals, bad input and for failures of disk, decoder and database.

    Other exceptions are programming errors and keep their traceback.
    """
    try:
        yield
    except _PERMANENT as error:
        raise CommandError(_with_code(error)) from error
    except _TEMPORARY as error:
        raise CommandError(f"Stopped: {_with_code(error)}. {RUN_AGAIN}") from error


def _with_code(error: Exception) -> str:
    code = getattr(error, "code", None)
    return f"{error} [{code}]" if code else str(error).strip()
