"""Long jobs on recordings are worked off in slices, each an attempt of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import EngineError
from retrieval.jobs import leases, transitions
from retrieval.models import Job
from retrieval.storage.content_store import StorageError, is_full
from retrieval.storage.scratch import scratch_folder

logger = logging.getLogger(__name__)


class HopelessJobError(Exception):
    """The job cannot be done, however often it is tried."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


@dataclass(frozen=True, slots=True)
class Slice:
    """What the work of one slice has at hand; when it is over, what was begun is still stored."""

    pool: DecodingPool
    scratch: Path
    is_over: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """How a worker takes long jobs.

    Parameters
    ----------
    scratch_directory : Path
        Where each slice gets a folder of its own.
    decoding_processes : int
        How many children decode.
    slice_s : float
        Seconds after which a slice is over.
    worker : str
        Who holds the job meanwhile.
    """

    scratch_directory: Path
    decoding_processes: int
    slice_s: float
    worker: str

    def run(self, model: type[Job], pk: int, work: Callable[[Slice], bool]) -> None:
        """Claim a job, have it worked on, and say what became of it.

        Whether all of it is done, `work` returns; what is left is queued again. So is a job that
        met a full disk or no decoder: nothing is wrong with it, and it may wait for ever.
        """
        held = transitions.claim(model, pk, owner=self.worker, lease=leases.LEASE)
        if held is None:
            logger.info("%s %s is not queued: nothing to do", model.__name__, pk)
            return
        try:
            done = self._work(held, work)
        except (StorageError, DecoderUnavailableError, OSError) as error:
            if isinstance(error, OSError) and not is_full(error):
                raise
            logger.error("%s %s waits: %s", model.__name__, pk, error)
            transitions.pause(held)
        except (EngineError, HopelessJobError) as error:
            transitions.fail(held, code=error.code, detail=error.detail)
        else:
            leave = transitions.finish if done else transitions.pause
            leave(held)

    def _work(self, held: transitions.Claim, work: Callable[[Slice], bool]) -> bool:
        deadline = time.monotonic() + self.slice_s
        with (
            leases.kept(held) as lease,
            scratch_folder(self.scratch_directory) as scratch,
            DecodingPool(processes=self.decoding_processes) as pool,
        ):
            pool.warm()  # children start while the model is loaded here
            done = work(Slice(pool, scratch, lambda: lease.is_lost or time.monotonic() > deadline))
            if not done:
                pool.close()  # what was to come next is left to the next slice
        return done
