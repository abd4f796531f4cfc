"""The outcome of decoding a recording: facts, a fault of the file, or a fault of ours."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from retrieval.engine.errors import DecodeError
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.storage import content_store

logger = logging.getLogger(__name__)


class DecoderUnavailableError(Exception):
    """No file can be decoded at the moment; a later attempt may succeed."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.code = code


def decoded_recording(future: Future[RecordingFacts], *, name: object) -> RecordingFacts:
    """Wait for a recording and return its facts.

    Parameters
    ----------
    future : Future
        Result of `DecodingPool.submit_recording`.
    name : object
        Name of the recording in the log.

    Raises
    ------
    DecodeError
        If this recording cannot be decoded; others can.
    DecoderUnavailableError
        If no recording can be decoded at the moment.
    StorageError
        If the scratch disk fails.
    """
    try:
        return future.result()
    except DecodeError as error:
        if error.decoder_unavailable:
            raise DecoderUnavailableError(error.detail, code=error.code) from error
        raise
    except OSError as error:  # of our disk; an unreadable recording is a DecodeError
        raise content_store.storage_error(error) from error
    except RuntimeError as error:  # a fault of our code, which must not stop other recordings
        logger.exception("decoding %s", name)
        raise DecodeError(str(error).splitlines()[0], code="decoder_fault") from error
