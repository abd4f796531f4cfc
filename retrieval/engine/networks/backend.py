"""Import Keras, TensorFlow, LiteRT and other large libraries on first use.

Only workers need them; in the web process they would cost seconds and hundreds of megabytes.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

ANNOUNCEMENTS = (
    b"All log messages before absl::InitializeLog()",
    b"oneDNN custom operations are on",
    b"This TensorFlow binary is optimized to use available CPU instructions",
    b"To enable the following instructions:",
    b"Could not find cuda drivers on your machine",
    b"failed call to cuInit",
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
)
"""Messages at every start, before the log level can be set. Two of them say that there is no GPU,
which is no error."""


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


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Say whether this machine has a GPU of NVIDIA, without a start of TensorFlow."""
    return any(devices.glob("nvidia[0-9]*"))


def load_tensorflow() -> ModuleType:
    """Return TensorFlow, to read files in its formats."""
    with announcements_withheld():
        return importlib.import_module("tensorflow")


def load_tflite_schema() -> Any:
    """Return LiteRT's reader of TensorFlow Lite files."""
    return importlib.import_module("ai_edge_litert.schema_py_generated")


def load_interpreter(model: bytes) -> Any:
    """Return LiteRT's interpreter of a TensorFlow Lite model, on one thread.

    Its input and output have fixed shapes.
    """
    with announcements_withheld():
        module = importlib.import_module("ai_edge_litert.interpreter")
        interpreter = module.Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


def load_fft() -> ModuleType:
    """Return SciPy's Fourier transforms, which in float32 are twice as fast as NumPy's."""
    return importlib.import_module("scipy.fft")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Compute matrix products in the threads that ask for them.

    The threads of BLAS wait actively, which beside other work costs more than they gain.
    """
    with importlib.import_module("threadpoolctl").threadpool_limits(1, user_api="blas"):
        yield


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
