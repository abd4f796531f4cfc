"""Keras and TensorFlow, imported when the first model is built and never before.

The web process imports this module's neighbours; it must not pay seconds and
hundreds of megabytes for libraries that only the workers use.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

ANNOUNCEMENTS = (
    b"All log messages before absl::InitializeLog()",
    b"oneDNN custom operations are on",
    b"This TensorFlow binary is optimized to use available CPU instructions",
    b"To enable the following instructions:",
    b"Could not find cuda drivers on your machine",
    b"failed call to cuInit",
)
"""What TensorFlow says at every start, before its log level can be set; the last two, that it
found no GPU, which is no error."""


def load_keras() -> ModuleType:
    """Return Keras, set up the same way whatever ``~/.keras/keras.json`` says.

    The backend is Keras's own choice: TensorFlow, or what ``KERAS_BACKEND``
    names.
    """
    with announcements_withheld():
        keras = importlib.import_module("keras")
        if (
            keras.backend.backend() == "tensorflow"
        ):  # it looks for a GPU now, not in some later call
            importlib.import_module("tensorflow").config.list_physical_devices()
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    return keras


def load_tensorflow() -> ModuleType:
    """Return TensorFlow, for reading files in its own formats."""
    with announcements_withheld():
        return importlib.import_module("tensorflow")


@contextmanager
def announcements_withheld() -> Iterator[None]:
    """Keep the known announcements off standard error and pass everything else on.

    They come from C++ code, so the file descriptor itself is turned aside.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            aside.seek(0)
            for line in aside:
                if not any(announcement in line for announcement in ANNOUNCEMENTS):
                    os.write(2, line)
