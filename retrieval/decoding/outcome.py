"""The outcome of decoding a recording: facts, a fault of the file, or an error on this side."""

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
    """Wait for a recording and return its facts; `name` identifies it in the log.

    Raises DecodeError if this recording cannot be decoded, DecoderUnavailableError if none can be
    at the moment, StorageError if the scratch disk fails.
    """
    try:
        return future.result()
    except DecodeError as error:
        if error.decoder_unavailable:
            raise DecoderUnavailableError(error.detail, code=error.code) from error
        raise
    except OSError as error:  # of our disk; an unreadable recording is a DecodeError
        raise content_store.storage_error(error) from error
    except RuntimeError as error:  # a bug, which must not stop other recordings
        logger.exception("decoding %s", name)
        raise DecodeError(str(error).splitlines()[0], code="decoder_fault") from error
