"""Long jobs on recordings, run in time slices; each slice is one attempt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import EngineError
from retrieval.jobs import leases, transitions
from retrieval.models import Job
from retrieval.storage.content_store import StorageError, is_full
from retrieval.storage.scratch import scratch_folder

logger = logging.getLogger(__name__)


class PermanentJobError(Exception):
    """The job can never succeed, so it is not retried."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


@dataclass(frozen=True, slots=True)
class TimeSlice:
    """Resources of one time slice; the work must return once `is_over` returns true."""

    pool: DecodingPool
    scratch: Path
    is_over: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """How a worker runs long jobs: it owns their leases and gives each slice a scratch folder."""

    scratch_directory: Path
    decoding_processes: int
    slice_s: float
    worker: str

    def run(self, model: type[Job], pk: int, work: Callable[[TimeSlice], bool]) -> None:
        """Claim a job, run `work` for one slice, and record the result.

        `work` returns whether the job is finished; otherwise the job is queued again. A full disk
        or an unavailable decoder also queues it again, without counting the attempt.
        """
        held = transitions.claim(model, pk, owner=self.worker, lease=leases.LEASE)
        if held is None:
            logger.info("%s %s is not queued: nothing to do", model.__name__, pk)
            return
        try:
            finished = self._work(held, work)
        except (StorageError, DecoderUnavailableError, OSError) as error:
            if isinstance(error, OSError) and not is_full(error):
                raise
            logger.error("%s %s is queued again: %s", model.__name__, pk, error)
            transitions.pause(held)
        except (EngineError, PermanentJobError) as error:
            transitions.fail(held, code=error.code, detail=error.detail)
        else:
            end = transitions.finish if finished else transitions.pause
            end(held)

    def _work(self, held: transitions.Claim, work: Callable[[TimeSlice], bool]) -> bool:
        deadline = time.monotonic() + self.slice_s
        with (
            leases.renewed(held) as lost,
            scratch_folder(self.scratch_directory) as scratch,
            DecodingPool(processes=self.decoding_processes, limits=decoding_limits()) as pool,
        ):
            pool.warm()  # children start while this process loads the model
            finished = work(
                TimeSlice(pool, scratch, lambda: lost.is_set() or time.monotonic() > deadline)
            )
            if not finished:
                pool.close()  # cancels recordings that were submitted ahead
        return finished
