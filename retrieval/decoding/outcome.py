"""What became of a recording that was given to the decoding pool: whose fault it is, if any."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from retrieval.decoding.pool import NO_FAULTS_OF_FILES
from retrieval.engine.errors import DecodeError
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.storage import content_store

logger = logging.getLogger(__name__)


class DecoderAwayError(Exception):
    """Nothing can be decoded for the moment, through no fault of any file; later it may be."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.code = code


def decoded_recording(future: Future[RecordingFacts], *, name: object) -> RecordingFacts:
    """Wait for a recording and return what is known of it.

    Parameters
    ----------
    future : Future
        As `DecodingPool.submit_recording` returned it.
    name : object
        What the log is to call the recording.

    Raises
    ------
    DecodeError
        If this recording cannot be decoded; others can.
    DecoderAwayError
        If none can for the moment.
    StorageError
        If the scratch disk fails, which no other recording would fare better with.
    """
    try:
        return future.result()
    except DecodeError as error:
        if error.code in NO_FAULTS_OF_FILES:
            raise DecoderAwayError(error.detail, code=error.code) from error
        raise
    except OSError as error:  # of our disk: the file can be read, or it would have a code
        raise content_store.storage_error(error) from error
    except RuntimeError as error:  # a fault of the decoder's code: no other file is to suffer
        logger.exception("decoding %s", name)
        raise DecodeError(str(error).splitlines()[0], code="decoder_fault") from error
