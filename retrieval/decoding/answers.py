"""Read what a decoding process answers, as the words of one that a file may have taken over.

Objects come through the pipe as pickles, which can name any function to be called. Only what a
child has reason to send is made of them; anything else is no answer.
"""

from __future__ import annotations

import builtins
import io
import pickle
from multiprocessing.connection import Connection
from typing import Any, Final

from retrieval.engine import errors

MOST_BYTES: Final = 64_000_000
"""Some ten times what the largest photo comes to."""

_OURS: Final = {
    "retrieval.decoding.confinement": {"LimitState"},
    "retrieval.decoding.child": {"DecodedPhoto"},
    "retrieval.engine.recordings.analysis": {"RecordingFacts"},
    "retrieval.engine.errors": {
        "_restore",
        *(name for name, kind in vars(errors).items() if isinstance(kind, type)),
    },
}
_PYTHONS: Final = {
    "builtins": {
        "MemoryError",
        "RuntimeError",
        *(
            name
            for name, kind in vars(builtins).items()
            if isinstance(kind, type) and issubclass(kind, OSError)
        ),
    },
    "pathlib": {"PosixPath"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
}
_EXPECTED: Final = _OURS | _PYTHONS


class ForeignAnswerError(Exception):
    """What came is nothing that a decoding process of ours would say."""


class _Reader(pickle.Unpickler):
    """Make only what is expected."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every other class and function before it is looked up."""
        if name not in _EXPECTED.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is not expected")
        return super().find_class(module, name)


def read_answer(pipe: Connection) -> Any:
    """Return the next object from a child.

    Raises
    ------
    ForeignAnswerError
        If it is too large, or no object that a child sends.
    EOFError, OSError
        If the child is gone.
    """
    try:
        return _Reader(io.BytesIO(pipe.recv_bytes(MOST_BYTES))).load()
    except (EOFError, OSError):
        raise
    except Exception as error:  # a pickle made on purpose fails in every way there is
        raise ForeignAnswerError(str(error)) from error
