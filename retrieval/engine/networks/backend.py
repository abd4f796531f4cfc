"""Import Keras and TensorFlow on first use.

Only workers need them; in the web process they would cost seconds and hundreds of megabytes.
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
"""TensorFlow's messages at every start, before its log level can be set. The last two say that
there is no GPU, which is no error."""


def load_keras() -> ModuleType:
    """Return Keras, configured independently of ``~/.keras/keras.json``.

    The backend is TensorFlow or the one that ``KERAS_BACKEND`` names.
    """
    with announcements_withheld():
        keras = importlib.import_module("keras")
        if (
            keras.backend.backend() == "tensorflow"
        ):  # it searches for a GPU now, not in a later call
            importlib.import_module("tensorflow").config.list_physical_devices()
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    return keras


def load_tensorflow() -> ModuleType:
    """Return TensorFlow, to read files in its formats."""
    with announcements_withheld():
        return importlib.import_module("tensorflow")


@contextmanager
def announcements_withheld() -> Iterator[None]:
    """Remove the known announcements from standard error.

    They come from C++ code, so the file descriptor itself is redirected.
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
