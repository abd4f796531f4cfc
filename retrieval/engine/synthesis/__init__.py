"""Ambient recordings made from nothing, for a machine without any.

Eight ambiences of 24 s, in stereo, that repeat without a seam. `loop` is the
circle they live on, `events` sets single sounds into it, `water`, `weather`,
`animals` and `fire` compose, `mastering` gives all one loudness, `catalogue`
lists them.
"""

from retrieval.engine.synthesis.catalogue import (
    AMBIENCES,
    Ambience,
    UnknownAmbienceError,
    synthesise,
)
from retrieval.engine.synthesis.loop import DURATION_S, FRAMES, SAMPLE_RATE_HZ

__all__ = [
    "AMBIENCES",
    "DURATION_S",
    "FRAMES",
    "SAMPLE_RATE_HZ",
    "Ambience",
    "UnknownAmbienceError",
    "synthesise",
]
