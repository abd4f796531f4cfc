"""Keras is imported on first use, silently and with fixed settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from retrieval.engine.networks.backend import ANNOUNCEMENTS, announcements_withheld, has_gpu


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_only_known_announcements_are_suppressed(capfd):
    with announcements_withheld():
        for announcement in ANNOUNCEMENTS:
            os.write(2, b"I0000 12:00 port.cc:153] " + announcement + b" and so on\n")
        os.write(2, b"E0000 something is really wrong\n")
    os.write(2, b"afterwards\n")

    assert capfd.readouterr().err == "E0000 something is really wrong\nafterwards\n"


def test_standard_error_is_restored_after_a_failure(capfd):
    def fail():
        os.write(2, b"what went before\n")
        raise ImportError("no such library")

    with pytest.raises(ImportError, match="no such library"), announcements_withheld():
        fail()
    os.write(2, b"afterwards\n")

    assert capfd.readouterr().err == "what went before\nafterwards\n"


def test_only_building_a_network_imports_keras_and_tensorflow():
    done = _python(
        "import sys\n"
        "import retrieval.engine.networks.provisioning, retrieval.engine.networks.registry\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    )
    assert done.stdout == "[]\n"


def test_keras_starts_silently_and_ignores_the_users_settings(tmp_path):
    (tmp_path / "keras.json").write_text(
        json.dumps(
            {"floatx": "float16", "image_data_format": "channels_first", "backend": "tensorflow"}
        )
    )

    done = _python(
        "from retrieval.engine.networks.backend import load_keras\n"
        "keras = load_keras()\n"
        "print(keras.config.floatx(), keras.config.image_data_format())",
        KERAS_HOME=str(tmp_path),
    )

    assert done.stdout == "float32 channels_last\n"
    assert done.stderr == ""


def test_a_gpu_is_found_by_its_device(tmp_path):
    (tmp_path / "nvidiactl").touch()
    assert not has_gpu(tmp_path)
    (tmp_path / "nvidia0").touch()
    assert has_gpu(tmp_path)
