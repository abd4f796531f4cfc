"""Run probes in the processes of a decoding pool."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

from retrieval.decoding.limits import DecodingLimits
from retrieval.decoding.messages import Message
from retrieval.decoding.pool import DecodingPool, _Job
from retrieval.engine.errors import DecodeError, ImageDecodeError
from retrieval.tests.engine.toy_photos import PHOTO_LIMITS

PATIENCE_S = 20
LIMITS = DecodingLimits(photo=PHOTO_LIMITS)


class ProbedPool(DecodingPool):
    """A decoding pool whose processes also run probes."""

    _CHILD: ClassVar = "retrieval.tests.decoding.probe_child"

    def __init__(self, *, processes: int, limits: DecodingLimits = LIMITS) -> None:
        super().__init__(processes=processes, limits=limits)

    def probe(
        self,
        function: Callable[..., Any],
        *arguments: object,
        timeout_s: float = PATIENCE_S,
        cpu_s: float = PATIENCE_S,
        failure: type[DecodeError] = ImageDecodeError,
        read: Callable[[Message], Any] = lambda answer: answer.fields["result"],
        written: tuple[Path, ...] = (),
    ) -> Future[Any]:
        plain = [str(one) if isinstance(one, Path) else one for one in arguments]
        return self._submit(
            _Job(
                request=Message(
                    {
                        "function": "probe",
                        "cpu_s": cpu_s,
                        "probe": function.__name__,
                        "arguments": plain,
                    }
                ),
                read=read,
                timeout_s=timeout_s,
                failure=failure,
                written=written,
            )
        )
