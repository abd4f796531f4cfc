"""Synthesised ambient recordings, for an installation without a library.

Eight stereo ambiences of 24 s that loop without a seam. `loop` has periodic noise and filters,
`events` places single sounds, `water`, `weather`, `animals` and `fire` compose the ambiences,
`mastering` equalises their loudness, `catalogue` lists them.
"""

from retrieval.engine.synthesis.catalogue import AMBIENCES, Ambience, synthesise
from retrieval.engine.synthesis.loop import DURATION_S, FRAMES, SAMPLE_RATE_HZ

__all__ = [
    "AMBIENCES",
    "DURATION_S",
    "FRAMES",
    "SAMPLE_RATE_HZ",
    "Ambience",
    "synthesise",
]
